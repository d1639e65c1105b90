/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client space of the fake host: writes, and leases that end only when a test says so. Knows the
 * key space through the host's own functions, so it shares no idea with the real one.
 */
#include <stdlib.h>
#include <string.h>

#include "fakehost.h"

static struct fakehost *of(struct mesh_host *host)
{
	return (struct fakehost *)host; /* its first member */
}

static struct fakeclient *client(struct mesh_host *host)
{
	return fakehost_client(of(host));
}

static int64_t store_next(struct mesh_host *host)
{
	return host->ops->store_revision(host) + 1;
}

static struct mesh_lease *find(struct mesh_host *host, int64_t id)
{
	struct fakeclient *c = client(host);

	for (size_t i = 0; i < c->n_leases; i++)
		if (c->leases[i].id == id)
			return &c->leases[i];
	return NULL;
}

static int count(const struct mesh_kv *kv, void *arg)
{
	(void)kv;
	++*(size_t *)arg;
	return 0;
}

static const struct mesh_range all = { .key = (const uint8_t *)"", .key_size = 1,
				       .end = (const uint8_t *)"", .end_size = 1 };

static int check(struct mesh_host *host, const struct mesh_change *changes, size_t n)
{
	const struct fakeclient *c = client(host);
	size_t keys = 0;

	for (size_t i = 0; i < n; i++) {
		if (host->ops->store_owned(host, changes[i].key, changes[i].key_size))
			return MESH_READ_ONLY;
		if (changes[i].lease != 0 && find(host, changes[i].lease) == NULL)
			return MESH_NO_LEASE;
		keys += changes[i].value != NULL;
	}
	if (keys == 0)
		return 0;
	host->ops->store_range(host, &all, count, &keys);
	return c->max_keys != 0 && keys > c->max_keys ? MESH_NO_SPACE : 0;
}

static int store_write(struct mesh_host *host, const struct mesh_change *changes, size_t n)
{
	int r = client(host)->fail != 0 ? client(host)->fail : check(host, changes, n);

	if (r != 0)
		return r;
	fakehost_begin(of(host));
	for (size_t i = 0; i < n; i++)
		fakehost_change(of(host), &changes[i]);
	fakehost_commit(of(host));
	client(host)->writes++;
	return 0;
}

static int lease_grant(struct mesh_host *host, int64_t id, int64_t ttl, struct mesh_lease *ret_lease)
{
	struct fakeclient *c = client(host);

	if (id != 0 && find(host, id) != NULL)
		return MESH_LEASE_EXISTS;
	if (c->n_leases == sizeof c->leases / sizeof c->leases[0])
		return MESH_NO_SPACE;
	*ret_lease = (struct mesh_lease){ .id = id != 0 ? id : 1000 + ++c->last_id,
					  .ttl = ttl < 2 ? 2 : ttl };
	ret_lease->remaining = ret_lease->ttl - 1;
	c->leases[c->n_leases++] = *ret_lease;
	return 0;
}

struct walk {
	int64_t lease;
	mesh_kv_fn fn;
	void *arg;
};

static int of_lease(const struct mesh_kv *kv, void *arg)
{
	const struct walk *w = arg;

	return kv->lease == w->lease ? w->fn(kv, w->arg) : 0;
}

static int lease_keys(struct mesh_host *host, int64_t id, mesh_kv_fn fn, void *arg)
{
	struct walk w = { .lease = id, .fn = fn, .arg = arg };

	return host->ops->store_range(host, &all, of_lease, &w);
}

struct doomed {
	char keys[64][64];
	size_t n;
};

static int doom(const struct mesh_kv *kv, void *arg)
{
	struct doomed *d = arg;

	memcpy(d->keys[d->n++], kv->key, kv->key_size);
	return 0;
}

static int lease_revoke(struct mesh_host *host, int64_t id)
{
	struct fakeclient *c = client(host);
	struct doomed d = { .n = 0 };
	struct mesh_lease *l = find(host, id);

	if (l == NULL)
		return MESH_NO_LEASE;
	lease_keys(host, id, doom, &d);
	*l = c->leases[--c->n_leases];
	if (d.n == 0)
		return 0;
	fakehost_begin(of(host));
	for (size_t i = 0; i < d.n; i++)
		fakehost_delete(of(host), d.keys[i]);
	fakehost_commit(of(host));
	return 0;
}

void fakehost_expire(struct fakehost *f, int64_t id)
{
	lease_revoke(fakehost_host(f), id);
}

static int lease_get(struct mesh_host *host, int64_t id, struct mesh_lease *ret_lease)
{
	const struct mesh_lease *l = find(host, id);

	if (l == NULL)
		return MESH_NO_LEASE;
	*ret_lease = *l;
	return 0;
}

static int lease_walk(struct mesh_host *host, mesh_lease_fn fn, void *arg)
{
	const struct fakeclient *c = client(host);
	int r = 0;

	for (size_t i = 0; i < c->n_leases && r == 0; i++)
		r = fn(&c->leases[i], arg);
	return r;
}

void fakeclient_ops(struct mesh_host_ops *ops)
{
	ops->store_next = store_next;
	ops->store_write = store_write;
	ops->lease_grant = lease_grant;
	ops->lease_revoke = lease_revoke;
	ops->lease_renew = lease_get;
	ops->lease_get = lease_get;
	ops->lease_keys = lease_keys;
	ops->lease_walk = lease_walk;
}
