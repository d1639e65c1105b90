/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fake host: a sorted array of keys and the list of all transactions. Past revisions are answered
 * by playing the transactions again, so it shares no idea with the real store.
 */
#include "fakehost.h"

#include <arpa/inet.h>
#include <assert.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MAX_OPTIONS 32

struct blob {
	struct mesh_blob blob;
	unsigned refs;
	uint8_t bytes[];
};

struct txn {
	struct mesh_txn txn;
	struct mesh_event *events;
};

struct kvs {
	struct mesh_kv *kv;
	size_t n;
};

struct mesh_conf {
	const struct mesh_plugin *plugin;
	const char *const *options;
};

struct mesh_diag {
	char text[2048];
};

struct fakehost {
	struct mesh_host host;
	struct mesh_conf conf;
	struct mesh_diag diag;
	const struct mesh_plugin *plugin;
	void *ctx;
	struct event_base *base;
	struct kvs now;
	struct kvs past; /* of the last question; kept, as a walk's keys outlive the walk */
	struct txn *txns;
	size_t n_txns;
	struct txn open;
	int64_t revision, first;
	int listen_fd;
	bool denied;
	struct fakeclient client;
	char log[512];
};

static struct fakehost *of(struct mesh_host *host)
{
	return (struct fakehost *)host;
}

static void *grow(void *p, size_t n, size_t size)
{
	p = reallocarray(p, n, size);
	assert(p != NULL);
	return p;
}

/* Room for one more behind n elements; the array doubles. */
static void *grow_one(void *p, size_t n, size_t size)
{
	return (n & (n - 1)) == 0 ? grow(p, n > 0 ? 2 * n : 1, size) : p;
}

/* ---- blobs and keys ---- */

static const struct mesh_blob *blob_ref(const struct mesh_blob *blob)
{
	((struct blob *)blob)->refs++;
	return blob;
}

static void blob_unref(const struct mesh_blob *blob)
{
	struct blob *b = (struct blob *)blob;

	if (b != NULL && --b->refs == 0)
		free(b);
}

static const struct mesh_blob *blob_new(const void *data, size_t size)
{
	struct blob *b = grow(NULL, 1, sizeof *b + size);

	memcpy(b->bytes, data, size);
	b->refs = 1;
	b->blob = (struct mesh_blob){ .data = b->bytes, .size = size };
	return &b->blob;
}

static struct mesh_kv kv_copy(const struct mesh_kv *kv)
{
	struct mesh_kv copy = *kv;
	uint8_t *key = grow(NULL, 1, kv->key_size + 1);

	memcpy(key, kv->key, kv->key_size);
	copy.key = key;
	copy.value = kv->value != NULL ? blob_ref(kv->value) : NULL;
	return copy;
}

static void kv_clear(struct mesh_kv *kv)
{
	free((void *)kv->key);
	blob_unref(kv->value);
}

static int compare(const uint8_t *a, size_t an, const uint8_t *b, size_t bn)
{
	int r = memcmp(a, b, an < bn ? an : bn);

	return r != 0 ? r : an < bn ? -1 : an > bn;
}

static size_t position(const struct kvs *s, const uint8_t *key, size_t size)
{
	size_t lo = 0, hi = s->n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (compare(s->kv[mid].key, s->kv[mid].key_size, key, size) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static struct mesh_kv *find(const struct kvs *s, const uint8_t *key, size_t size)
{
	size_t i = position(s, key, size);

	return i < s->n && compare(s->kv[i].key, s->kv[i].key_size, key, size) == 0 ? &s->kv[i] : NULL;
}

static void apply(struct kvs *s, const struct mesh_event *e)
{
	size_t i = position(s, e->kv.key, e->kv.key_size);

	if (find(s, e->kv.key, e->kv.key_size) != NULL) {
		kv_clear(&s->kv[i]);
		memmove(&s->kv[i], &s->kv[i + 1], (s->n - i - 1) * sizeof *s->kv);
		s->n--;
	}
	if (e->type == MESH_DELETE)
		return;
	s->kv = grow_one(s->kv, s->n, sizeof *s->kv);
	memmove(&s->kv[i + 1], &s->kv[i], (s->n - i) * sizeof *s->kv);
	s->kv[i] = kv_copy(&e->kv);
	s->n++;
}

static void kvs_clear(struct kvs *s)
{
	for (size_t i = 0; i < s->n; i++)
		kv_clear(&s->kv[i]);
	free(s->kv);
	*s = (struct kvs){ 0 };
}

/* ---- the functions of the host ---- */

static struct event_base *ops_loop(struct mesh_host *host)
{
	return of(host)->base;
}

static void __attribute__((format(printf, 3, 0)))
ops_log(struct mesh_host *host, enum mesh_level level, const char *fmt, va_list ap)
{
	(void)level;
	vsnprintf(of(host)->log, sizeof of(host)->log, fmt, ap);
}

static const struct mesh_conf *ops_options(struct mesh_host *host)
{
	return &of(host)->conf;
}

/* The i-th option of that name. */
static const char *option(const struct mesh_conf *conf, const char *name, size_t i)
{
	size_t len = strlen(name);

	for (size_t j = 0; conf->options != NULL && conf->options[j] != NULL; j++)
		if (strncmp(conf->options[j], name, len) == 0 && conf->options[j][len] == '=' &&
		    i-- == 0)
			return conf->options[j] + len + 1;
	return NULL;
}

static size_t ops_conf_count(const struct mesh_conf *conf, const char *name)
{
	size_t n = 0;

	while (option(conf, name, n) != NULL)
		n++;
	return n;
}

static const char *ops_conf_str(const struct mesh_conf *conf, const char *name, size_t i)
{
	const char *text = option(conf, name, i);

	for (const struct mesh_opt *o = conf->plugin->options; text == NULL && i == 0 && o->name != NULL; o++)
		if (strcmp(o->name, name) == 0)
			return o->def;
	return text;
}

static int64_t ops_conf_num(const struct mesh_conf *conf, const char *name, size_t i)
{
	const char *text = ops_conf_str(conf, name, i);
	char *end;
	int64_t v = text != NULL ? strtoll(text, &end, 10) : 0;

	if (text != NULL && strcmp(end, "MB") == 0)
		v *= 1024 * 1024;
	return v;
}

static void __attribute__((format(printf, 5, 6)))
ops_conf_error(struct mesh_diag *diag, const struct mesh_conf *conf, const char *name,
			   size_t i, const char *fmt, ...)
{
	size_t used = strlen(diag->text);
	va_list ap;

	(void)conf;
	(void)i;
	used += (size_t)snprintf(diag->text + used, sizeof diag->text - used, "%s: ", name);
	va_start(ap, fmt);
	used += (size_t)vsnprintf(diag->text + used, sizeof diag->text - used, fmt, ap);
	va_end(ap);
	snprintf(diag->text + used, sizeof diag->text - used, "\n");
}

static size_t ops_listen_count(struct mesh_host *host)
{
	return of(host)->listen_fd >= 0;
}

static int ops_listen_fd(struct mesh_host *host, size_t i, const char **ret_address)
{
	(void)i;
	*ret_address = "loopback";
	return of(host)->listen_fd;
}

static int64_t ops_revision(struct mesh_host *host)
{
	return of(host)->revision;
}

static int64_t ops_compacted(struct mesh_host *host)
{
	return of(host)->first;
}

static bool in_range(const struct mesh_range *r, const struct mesh_kv *kv)
{
	int c = compare(kv->key, kv->key_size, r->key, r->key_size);

	if (r->end_size == 0)
		return c == 0;
	if (r->end_size == 1 && r->end[0] == 0)
		return c >= 0;
	return c >= 0 && compare(kv->key, kv->key_size, r->end, r->end_size) < 0;
}

static int walk(const struct kvs *s, const struct mesh_range *range, mesh_kv_fn fn, void *arg)
{
	int r = 0;

	for (size_t i = position(s, range->key, range->key_size); r == 0 && i < s->n; i++) {
		if (!in_range(range, &s->kv[i]))
			break;
		r = fn(&s->kv[i], arg);
	}
	return r;
}

static int ops_range(struct mesh_host *host, const struct mesh_range *range, mesh_kv_fn fn, void *arg)
{
	struct fakehost *f = of(host);

	if (range->revision > f->revision)
		return MESH_FUTURE;
	if (range->revision == 0 || range->revision == f->revision)
		return walk(&f->now, range, fn, arg);
	if (range->revision < f->first - 1)
		return MESH_COMPACTED;
	kvs_clear(&f->past);
	for (size_t i = 0; i < f->n_txns && f->txns[i].txn.revision <= range->revision; i++)
		for (size_t j = 0; j < f->txns[i].txn.n_events; j++)
			apply(&f->past, &f->txns[i].events[j]);
	return walk(&f->past, range, fn, arg);
}

static int ops_history(struct mesh_host *host, int64_t start, mesh_txn_fn fn, void *arg)
{
	struct fakehost *f = of(host);
	int r = 0;

	if (start < f->first)
		return MESH_COMPACTED;
	for (size_t i = 0; r == 0 && i < f->n_txns; i++)
		if (f->txns[i].txn.revision >= start)
			r = fn(&f->txns[i].txn, arg);
	return r;
}

static bool ops_owned(struct mesh_host *host, const uint8_t *key, size_t size)
{
	(void)host;
	return size > 8 && memcmp(key, "/apisix/", 8) == 0;
}

static bool ops_uid_allowed(struct mesh_host *host, uint32_t uid)
{
	return !of(host)->denied && uid == getuid();
}

static struct mesh_host_ops ops = {
	.abi = MESH_ABI,
	.size = sizeof ops,
	.loop = ops_loop,
	.log = ops_log,
	.options = ops_options,
	.conf_count = ops_conf_count,
	.conf_str = ops_conf_str,
	.conf_num = ops_conf_num,
	.conf_error = ops_conf_error,
	.listen_count = ops_listen_count,
	.listen_fd = ops_listen_fd,
	.store_revision = ops_revision,
	.store_compacted = ops_compacted,
	.store_range = ops_range,
	.store_history = ops_history,
	.store_owned = ops_owned,
	.blob_ref = blob_ref,
	.blob_unref = blob_unref,
	.uid_allowed = ops_uid_allowed,
};

/* ---- transactions ---- */

void fakehost_begin(struct fakehost *f)
{
	f->open = (struct txn){ 0 };
}

static void add_event(struct fakehost *f, struct mesh_event *e)
{
	struct txn *t = &f->open;
	const struct mesh_kv *old = find(&f->now, e->kv.key, e->kv.key_size);

	if (old != NULL)
		e->prev = kv_copy(old);
	e->kv.mod_revision = f->revision + 1;
	if (e->type == MESH_PUT) {
		e->kv.create_revision = old != NULL ? old->create_revision : f->revision + 1;
		e->kv.version = old != NULL ? old->version + 1 : 1;
	}
	e->kv = kv_copy(&e->kv);
	t->events = grow_one(t->events, t->txn.n_events, sizeof *t->events);
	t->events[t->txn.n_events++] = *e;
	apply(&f->now, e);
}

void fakehost_put_n(struct fakehost *f, const char *key, const void *value, size_t size)
{
	const struct mesh_blob *blob = blob_new(value, size);
	struct mesh_event e = {
		.type = MESH_PUT,
		.kv = { .key = (const uint8_t *)key, .key_size = strlen(key), .value = blob },
	};

	add_event(f, &e);
	blob_unref(blob);
}

void fakehost_put(struct fakehost *f, const char *key, const char *value)
{
	fakehost_put_n(f, key, value, strlen(value));
}

void fakehost_change(struct fakehost *f, const struct mesh_change *change)
{
	const struct mesh_blob *value = change->value != NULL ? blob_new(change->value, change->value_size)
							      : NULL;
	struct mesh_event e = {
		.type = value != NULL ? MESH_PUT : MESH_DELETE,
		.kv = { .key = change->key, .key_size = change->key_size, .value = value,
			.lease = change->lease },
	};

	add_event(f, &e);
	blob_unref(value);
}

struct fakeclient *fakehost_client(struct fakehost *f)
{
	return &f->client;
}

void fakehost_delete(struct fakehost *f, const char *key)
{
	struct mesh_event e = {
		.type = MESH_DELETE,
		.kv = { .key = (const uint8_t *)key, .key_size = strlen(key) },
	};

	add_event(f, &e);
}

int64_t fakehost_commit(struct fakehost *f)
{
	struct txn *t = &f->open;

	t->txn.revision = ++f->revision;
	t->txn.events = t->events;
	f->txns = grow_one(f->txns, f->n_txns, sizeof *f->txns);
	f->txns[f->n_txns++] = *t;
	if (f->ctx != NULL)
		f->plugin->frontend->committed(f->ctx, &f->txns[f->n_txns - 1].txn);
	return f->revision;
}

int64_t fakehost_set(struct fakehost *f, const char *key, const char *value)
{
	fakehost_begin(f);
	fakehost_put(f, key, value);
	return fakehost_commit(f);
}

void fakehost_compact(struct fakehost *f, int64_t first)
{
	f->first = first;
}

/* ---- life ---- */

struct fakehost *fakehost_new(const struct mesh_plugin *plugin, const char *const *options)
{
	struct fakehost *f = calloc(1, sizeof *f);

	assert(f != NULL);
	fakeclient_ops(&ops);
	f->host.ops = &ops;
	f->conf = (struct mesh_conf){ .plugin = plugin, .options = options };
	f->plugin = plugin;
	f->base = event_base_new();
	assert(f->base != NULL);
	f->revision = 1;
	f->first = 2;
	f->listen_fd = -1;
	return f;
}

static void txn_clear(struct txn *t)
{
	for (size_t i = 0; i < t->txn.n_events; i++) {
		kv_clear(&t->events[i].kv);
		kv_clear(&t->events[i].prev);
	}
	free(t->events);
}

void fakehost_reset(struct fakehost *f)
{
	for (size_t i = 0; i < f->n_txns; i++)
		txn_clear(&f->txns[i]);
	free(f->txns);
	kvs_clear(&f->now);
	kvs_clear(&f->past);
	f->txns = NULL;
	f->n_txns = 0;
	f->revision = 1;
	f->first = 2;
}

void fakehost_free(struct fakehost *f)
{
	if (f->ctx != NULL) {
		f->plugin->stop(f->ctx);
		f->plugin->close(f->ctx);
	}
	fakehost_reset(f);
	if (f->listen_fd >= 0)
		close(f->listen_fd);
	event_base_free(f->base);
	free(f);
}

struct mesh_host *fakehost_host(struct fakehost *f)
{
	return &f->host;
}

struct event_base *fakehost_base(struct fakehost *f)
{
	return f->base;
}

int fakehost_listen(struct fakehost *f, int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof a;
	int on = 1;

	f->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(f->listen_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(f->listen_fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(f->listen_fd, 512) < 0) {
		perror("listen");
		abort();
	}
	getsockname(f->listen_fd, (struct sockaddr *)&a, &size);
	return ntohs(a.sin_port);
}

void fakehost_listen_unix(struct fakehost *f, const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
	f->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(f->listen_fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(f->listen_fd, 16) < 0) {
		perror("listen");
		abort();
	}
}

void *fakehost_start(struct fakehost *f)
{
	int r = f->plugin->open(&f->host, &f->ctx);

	assert(r == 0);
	r = f->plugin->start(f->ctx);
	assert(r == 0);
	(void)r;
	return f->ctx;
}

void fakehost_allow(struct fakehost *f, bool allowed)
{
	f->denied = !allowed;
}

const char *fakehost_log(const struct fakehost *f)
{
	return f->log;
}

const char *fakehost_check(struct fakehost *f)
{
	f->diag.text[0] = '\0';
	f->plugin->check(&ops, &f->conf, &f->diag);
	return f->diag.text;
}
