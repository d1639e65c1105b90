/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes of a client and the view on the store through them: see write.h. Called by kv_write.c and
 * txn.c. Nothing is changed before write_commit(), and nothing after it fails.
 */
#include "write.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "server.h"

static int compare(struct bytes a, const uint8_t *b, size_t b_size)
{
	size_t n = MIN(a.size, b_size);
	int r = n > 0 ? memcmp(a.data, b, n) : 0;

	return r != 0 ? r : (a.size > b_size) - (a.size < b_size);
}

/* ---- the view ---- */

struct merge {
	struct write *w;
	const struct mesh_range *range;
	size_t i;             /* the next change to show */
	mesh_kv_fn fn;
	void *arg;
};

static int show(struct merge *m, struct pending *p)
{
	struct mesh_kv kv = p->kv;

	m->i++;
	if (!p->put)
		return 0;
	kv.value = &p->blob;
	return m->fn(&kv, m->arg);
}

/* Shows the changes whose keys come before this one. */
static int show_until(struct merge *m, const uint8_t *key, size_t size)
{
	int r = 0;

	while (r == 0 && m->i < m->w->n) {
		struct pending *p = &m->w->list[m->i];
		struct bytes own = { p->kv.key, p->kv.key_size };

		if (key != NULL && compare(own, key, size) >= 0)
			break;
		if (!range_contains((struct bytes){ m->range->key, m->range->key_size },
				    (struct bytes){ m->range->end, m->range->end_size }, own.data,
				    own.size))
			m->i++;
		else
			r = show(m, p);
	}
	return r;
}

static int merge_step(const struct mesh_kv *kv, void *arg)
{
	struct merge *m = arg;
	int r = show_until(m, kv->key, kv->key_size);
	struct pending *p = m->i < m->w->n ? &m->w->list[m->i] : NULL;

	if (r != 0)
		return r;
	if (p != NULL && compare((struct bytes){ p->kv.key, p->kv.key_size }, kv->key, kv->key_size) == 0)
		return show(m, p);
	return m->fn(kv, m->arg);
}

static int view_walk(void *ctx, const struct mesh_range *range, mesh_kv_fn fn, void *arg)
{
	struct write *w = ctx;
	struct mesh_host *host = w->server->host;
	struct merge m = { .w = w, .range = range, .fn = fn, .arg = arg };
	int r;

	if (range->revision != 0 || w->n == 0)
		return host->ops->store_range(host, range, fn, arg);
	r = host->ops->store_range(host, range, merge_step, &m);
	return r != 0 ? r : show_until(&m, NULL, 0);
}

void write_init(struct write *w, struct server *s)
{
	*w = (struct write){
		.server = s,
		.before = server_revision(s),
		.next = s->host->ops->store_next(s->host),
	};
	w->view = (struct range_source){ view_walk, w, w->before };
}

void write_deinit(struct write *w)
{
	free(w->list);
	w->list = NULL;
	w->n = w->room = 0;
}

int64_t write_revision(const struct write *w)
{
	return w->n > 0 ? w->next : w->before;
}

/* ---- changes ---- */

static size_t position(const struct write *w, struct bytes key)
{
	size_t lo = 0, hi = w->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (compare(key, w->list[mid].kv.key, w->list[mid].kv.key_size) > 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int add(struct write *w, const struct pending *p)
{
	size_t i = position(w, (struct bytes){ p->kv.key, p->kv.key_size });

	if (w->n == w->room) {
		size_t room = MAX((size_t)8, 2 * w->room);
		struct pending *list = reallocarray(w->list, room, sizeof *list);

		if (list == NULL)
			return -ENOMEM;
		w->list = list;
		w->room = room;
	}
	memmove(&w->list[i + 1], &w->list[i], (w->n - i) * sizeof *p);
	w->list[i] = *p;
	w->n++;
	w->view.revision = w->next;
	return 0;
}

static int copy_kv(const struct mesh_kv *kv, void *arg)
{
	*(struct mesh_kv *)arg = *kv;
	return 1;
}

/* False: it is not there. */
static bool lookup(struct server *s, struct bytes key, struct mesh_kv *ret_kv)
{
	const struct mesh_range range = { .key = key.data, .key_size = key.size };

	return s->host->ops->store_range(s->host, &range, copy_kv, ret_kv) == 1;
}

/* ---- who owns what ---- */

/* A key for a message: printable, cut after 100 bytes. */
static void quote_key(const uint8_t *key, size_t size, char out[128])
{
	size_t n = MIN(size, (size_t)100);

	for (size_t i = 0; i < n; i++)
		out[i] = key[i] >= 0x20 && key[i] < 0x7f ? (char)key[i] : '?';
	snprintf(out + n, 128 - n, "%s", size > n ? "..." : "");
}

static int refuse(const uint8_t *key, size_t size, struct apierr *err)
{
	char quoted[128];

	apierr_set(err, ERR_DENIED);
	quote_key(key, size, quoted);
	snprintf(err->detail, sizeof err->detail,
		 "etcdserver: permission denied: the mesh owns '%s', it is read-only here; change "
		 "the mesh's configuration instead", quoted);
	return -EPROTO;
}

static bool is_owned(struct server *s, struct bytes key)
{
	return s->host->ops->store_owned(s->host, key.data, key.size);
}

/* `<prefix>/<dir>/` with the value init_dir: what `apisix init_etcd` writes at every start. */
static bool is_placeholder(const struct server *s, const struct put_request *put)
{
	size_t prefix = strlen(s->options.prefix), size;
	const uint8_t *dir;

	if (put->value.size != 8 || memcmp(put->value.data, "init_dir", 8) != 0)
		return false;
	if (put->key.size < prefix + 3 || memcmp(put->key.data, s->options.prefix, prefix) != 0 ||
	    put->key.data[prefix] != '/')
		return false;
	dir = put->key.data + prefix + 1;
	size = put->key.size - prefix - 1;
	return memchr(dir, '/', size) == dir + size - 1;
}

int write_may_put(struct server *s, const struct put_request *req, struct apierr *err)
{
	if (!is_owned(s, req->key) || is_placeholder(s, req))
		return 0;
	return refuse(req->key.data, req->key.size, err);
}

struct owner_walk {
	struct server *server;
	struct mesh_kv owned;
};

static int stop_at_owned(const struct mesh_kv *kv, void *arg)
{
	struct owner_walk *walk = arg;

	if (!is_owned(walk->server, (struct bytes){ kv->key, kv->key_size }))
		return 0;
	walk->owned = *kv;
	return 1;
}

static struct mesh_range delete_range(const struct delete_request *req)
{
	return (struct mesh_range){ .key = req->key.data, .key_size = req->key.size,
				    .end = req->end.data, .end_size = req->end.size };
}

int write_may_delete(struct server *s, const struct delete_request *req, struct apierr *err)
{
	const struct mesh_range range = delete_range(req);
	struct owner_walk walk = { .server = s };

	if (is_owned(s, req->key))
		return refuse(req->key.data, req->key.size, err);
	if (s->host->ops->store_range(s->host, &range, stop_at_owned, &walk) == 1)
		return refuse(walk.owned.key, walk.owned.key_size, err);
	return 0;
}

/* ---- put ---- */

int write_check_lease(struct server *s, const struct put_request *req, struct apierr *err)
{
	struct mesh_lease lease;

	if (req->lease != 0 && s->host->ops->lease_get(s->host, req->lease, &lease) != 0)
		return apierr_set(err, ERR_NO_SUCH_LEASE);
	return 0;
}

int write_check_key(struct server *s, const struct put_request *req, struct apierr *err)
{
	struct mesh_kv old;

	if ((req->ignore_value || req->ignore_lease) && !lookup(s, req->key, &old))
		return apierr_set(err, ERR_NO_KEY);
	return 0;
}

bool write_put_changes(struct server *s, const struct put_request *req)
{
	return !is_owned(s, req->key);
}

static int add_put(struct write *w, const struct put_request *req, const struct mesh_kv *old)
{
	bool keep_value = req->ignore_value && old != NULL && old->value != NULL;
	struct pending p = {
		.put = true,
		.kv = {
			.key = req->key.data,
			.key_size = req->key.size,
			.create_revision = old != NULL ? old->create_revision : w->next,
			.mod_revision = w->next,
			.version = old != NULL ? old->version + 1 : 1,
			.lease = req->ignore_lease && old != NULL ? old->lease : req->lease,
		},
		.blob = { .data = req->value.data, .size = req->value.size },
	};

	if (keep_value)
		p.blob = *old->value;
	if (p.blob.data == NULL)
		p.blob.data = (const uint8_t *)"";
	return add(w, &p);
}

int write_put(struct write *w, const struct put_request *req, struct out *o, write_header_fn header)
{
	struct mesh_kv old;
	bool there = lookup(w->server, req->key, &old);
	int r = 0;

	if (write_put_changes(w->server, req))
		r = add_put(w, req, there ? &old : NULL);
	if (r < 0)
		return r;
	header(o, w, write_revision(w));
	if (req->prev_kv && there)
		out_kv(o, 2, "prev_kv", &old);
	return 0;
}

/* ---- delete ---- */

static int stop_at_any(const struct mesh_kv *kv, void *arg)
{
	(void)kv;
	(void)arg;
	return 1;
}

bool write_delete_changes(struct server *s, const struct delete_request *req)
{
	const struct mesh_range range = delete_range(req);

	return s->host->ops->store_range(s->host, &range, stop_at_any, NULL) == 1;
}

struct doomed {
	struct mesh_kv *list; /* owned */
	size_t n, room;
};

static int collect(const struct mesh_kv *kv, void *arg)
{
	struct doomed *d = arg;

	if (d->n == d->room) {
		size_t room = MAX((size_t)8, 2 * d->room);
		struct mesh_kv *list = reallocarray(d->list, room, sizeof *list);

		if (list == NULL)
			return -ENOMEM;
		d->list = list;
		d->room = room;
	}
	d->list[d->n++] = *kv;
	return 0;
}

static int delete_all(struct write *w, const struct doomed *d, bool prev_kv, struct out *o,
		      write_header_fn header)
{
	int r = 0;

	header(o, w, d->n > 0 ? w->next : write_revision(w));
	out_int(o, 2, "deleted", (int64_t)d->n);
	out_list(o, 3, "prev_kvs");
	for (size_t i = 0; i < d->n && prev_kv; i++)
		out_kv(o, 0, NULL, &d->list[i]);
	out_list_end(o);
	for (size_t i = 0; i < d->n && r == 0; i++) {
		const struct pending p = { .kv = { .key = d->list[i].key,
						   .key_size = d->list[i].key_size } };

		r = add(w, &p);
	}
	return r;
}

int write_delete(struct write *w, const struct delete_request *req, struct out *o,
		 write_header_fn header, struct apierr *err)
{
	const struct mesh_range range = delete_range(req);
	struct doomed doomed = { .n = 0 };
	int r = w->view.walk(w->view.ctx, &range, collect, &doomed);

	if (r == 0)
		r = delete_all(w, &doomed, req->prev_kv, o, header);
	else if (r != -ENOMEM)
		r = apierr_set(err, ERR_STORE);
	free(doomed.list);
	return r;
}

/* ---- the end ---- */

static int write_error(int r, struct apierr *err)
{
	static const enum apierr_id errors[] = {
		[MESH_READ_ONLY] = ERR_DENIED,
		[MESH_NO_SPACE] = ERR_NO_SPACE,
		[MESH_NO_LEASE] = ERR_NO_SUCH_LEASE,
		[MESH_TOO_LARGE] = ERR_TOO_LARGE,
	};

	if (r == 0 || r == -ENOMEM)
		return r;
	if (r > 0 && (size_t)r < ARRAY_SIZE(errors) && errors[r] != 0)
		return apierr_set(err, errors[r]);
	return apierr_set(err, ERR_NOT_STORED);
}

int write_commit(struct write *w, struct apierr *err)
{
	_cleanup_free_ struct mesh_change *changes = NULL;
	struct mesh_host *host = w->server->host;

	if (w->n == 0)
		return 0;
	changes = calloc(w->n, sizeof *changes);
	if (changes == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < w->n; i++) {
		const struct pending *p = &w->list[i];

		changes[i] = (struct mesh_change){
			.key = p->kv.key,
			.key_size = p->kv.key_size,
			.value = p->put ? p->blob.data : NULL,
			.value_size = p->put ? p->blob.size : 0,
			.lease = p->kv.lease,
		};
	}
	return write_error(host->ops->store_write(host, changes, w->n), err);
}
