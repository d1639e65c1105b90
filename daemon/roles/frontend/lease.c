/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leases of the client space, with etcd's meaning (etcd API reference, "Lease API").  Which keys
 * have one stands in the keys' values, so this file only knows when each ends: a short list in that
 * order and one timer for its head.  Leases are not written down: they end with the worker, and
 * client_start() of the next one deletes their keys.  A deletion that fails is tried again.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "private.h"

LOG_MODULE("frontend");

#define TTL_MIN 2		/* etcd's, with its default election time-out */
#define TIMER_MAX_MS 3600000	/* wake up at least so often */
#define RETRY_MS 1000

/* Stands still for nobody who sets the clock. */
static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void arm(struct client *c)
{
	uint64_t now = now_ms();

	if (c->n_leases == 0)
		loop_timer_cancel(&c->expiry);
	else if (c->leases[0].ends_ms <= now)
		loop_timer_set(&c->expiry, 0);
	else
		loop_timer_set(&c->expiry, MIN(c->leases[0].ends_ms - now, (uint64_t)TIMER_MAX_MS));
}

/* ---- the list ------------------------------------------------------------------------------ */

static struct lease *find(const struct client *c, int64_t id)
{
	for (size_t i = 0; i < c->n_leases; i++)
		if (c->leases[i].id == id)
			return &c->leases[i];
	return NULL;
}

const struct lease *lease_find(const struct frontend *f, int64_t id)
{
	return find(&f->client, id);
}

static void take_out(struct client *c, const struct lease *l)
{
	size_t i = (size_t)(l - c->leases);

	memmove(&c->leases[i], &c->leases[i + 1], (c->n_leases - i - 1) * sizeof(*l));
	c->n_leases--;
}

/* Needs room. Of two that end together the newer one is behind. */
static void put_in(struct client *c, struct lease l)
{
	size_t i = c->n_leases;

	for (; i > 0 && c->leases[i - 1].ends_ms > l.ends_ms; i--)
		c->leases[i] = c->leases[i - 1];
	c->leases[i] = l;
	c->n_leases++;
}

static struct mesh_lease public_lease(const struct lease *l)
{
	uint64_t now = now_ms();
	uint64_t left = l->ends_ms > now ? l->ends_ms - now : 0;

	return (struct mesh_lease){ .id = l->id, .ttl = l->ttl, .remaining = (int64_t)(left / 1000) };
}

/* ---- the end of leases --------------------------------------------------------------------- */

struct deletion {
	struct keyspace *ks;
	int64_t lease;		/* 0: any */
};

static int delete_leased(const struct kv *kv, void *arg)
{
	const struct deletion *d = arg;
	int64_t lease = blob_lease(kv->value);

	if (lease == 0 || (d->lease != 0 && lease != d->lease))
		return 0;
	return ks_txn_delete(d->ks, kv->key->data, kv->key->size);
}

int lease_delete_keys(struct frontend *f, int64_t id)
{
	struct deletion d = { .ks = store_keys(f->store), .lease = id };
	int r = ks_txn_begin(d.ks);

	if (r < 0)
		return r;
	r = client_walk(f, delete_leased, &d);
	if (r < 0) {
		ks_txn_abort(d.ks);
		return r;
	}
	r = ks_txn_commit(d.ks, frontend_now_ms(), NULL);
	if (r == 0)
		client_count(f);
	return r;
}

/* Its id is taken first: the list may look different after a commit told everybody. */
static int end_lease(struct frontend *f, int64_t id)
{
	int r = lease_delete_keys(f, id);
	struct lease *l = find(&f->client, id);

	if (r < 0)
		return log_err_errno(r, "the keys of lease %" PRIx64 " could not be deleted", (uint64_t)id);
	if (l != NULL)
		take_out(&f->client, l);
	return 0;
}

static void on_expiry(struct loop_timer *timer)
{
	struct client *c = container_of(timer, struct client, expiry);
	struct frontend *f = container_of(c, struct frontend, client);
	uint64_t now = now_ms();

	while (c->n_leases > 0 && c->leases[0].ends_ms <= now) {
		if (end_lease(f, c->leases[0].id) < 0) {
			loop_timer_set(timer, RETRY_MS);
			return;
		}
		c->expired++;
	}
	arm(c);
}

/* ---- what the plugin calls ----------------------------------------------------------------- */

static int grow(struct client *c)
{
	size_t room = MAX((size_t)16, 2 * c->room);
	struct lease *leases;

	if (c->n_leases < c->room)
		return 0;
	leases = reallocarray(c->leases, room, sizeof(*leases));
	if (leases == NULL)
		return -ENOMEM;
	c->leases = leases;
	c->room = room;
	return 0;
}

/* Above all that an earlier worker chose, as long as the clock goes forward. */
static int64_t choose_id(struct client *c)
{
	int64_t id = MAX(c->last_id + 1, (int64_t)(frontend_now_ms() << 16 & INT64_MAX));

	while (find(c, id) != NULL)
		id++;
	c->last_id = id;
	return id;
}

static int lease_grant(struct mesh_host *host, int64_t id, int64_t ttl, struct mesh_lease *ret_lease)
{
	struct client *c = &frontend_of(host)->client;
	struct lease l = { .ttl = MAX(ttl, (int64_t)TTL_MIN) };
	int r;

	if (id != 0 && find(c, id) != NULL)
		return MESH_LEASE_EXISTS;
	if (c->n_leases >= LEASES_MAX || ttl > INT64_MAX / 2000)
		return MESH_NO_SPACE;
	r = grow(c);
	if (r < 0)
		return r;
	l.id = id != 0 ? id : choose_id(c);
	l.ends_ms = now_ms() + (uint64_t)l.ttl * 1000;
	put_in(c, l);
	arm(c);
	*ret_lease = public_lease(&l);
	return 0;
}

static int lease_revoke(struct mesh_host *host, int64_t id)
{
	struct frontend *f = frontend_of(host);
	int r;

	if (find(&f->client, id) == NULL)
		return MESH_NO_LEASE;
	r = end_lease(f, id);
	arm(&f->client);
	return r;
}

static int lease_renew(struct mesh_host *host, int64_t id, struct mesh_lease *ret_lease)
{
	struct client *c = &frontend_of(host)->client;
	const struct lease *found = find(c, id);
	struct lease l;

	if (found == NULL)
		return MESH_NO_LEASE;
	l = *found;
	take_out(c, found);
	l.ends_ms = now_ms() + (uint64_t)l.ttl * 1000;
	put_in(c, l);
	arm(c);
	*ret_lease = public_lease(&l);
	return 0;
}

static int lease_get(struct mesh_host *host, int64_t id, struct mesh_lease *ret_lease)
{
	const struct lease *l = find(&frontend_of(host)->client, id);

	if (l == NULL)
		return MESH_NO_LEASE;
	*ret_lease = public_lease(l);
	return 0;
}

struct keys_walk {
	int64_t lease;
	mesh_kv_fn fn;
	void *arg;
};

static int keys_step(const struct kv *kv, void *arg)
{
	const struct keys_walk *walk = arg;
	struct mesh_kv public = host_kv(kv);

	return public.lease == walk->lease ? walk->fn(&public, walk->arg) : 0;
}

static int lease_keys(struct mesh_host *host, int64_t id, mesh_kv_fn fn, void *arg)
{
	struct frontend *f = frontend_of(host);
	struct keys_walk walk = { .lease = id, .fn = fn, .arg = arg };

	return find(&f->client, id) != NULL ? client_walk(f, keys_step, &walk) : 0;
}

static int lease_walk(struct mesh_host *host, mesh_lease_fn fn, void *arg)
{
	const struct client *c = &frontend_of(host)->client;
	int r = 0;

	for (size_t i = 0; i < c->n_leases && r == 0; i++) {
		struct mesh_lease public = public_lease(&c->leases[i]);

		r = fn(&public, arg);
	}
	return r;
}

void lease_host_ops(struct mesh_host_ops *ops)
{
	ops->lease_grant = lease_grant;
	ops->lease_revoke = lease_revoke;
	ops->lease_renew = lease_renew;
	ops->lease_get = lease_get;
	ops->lease_keys = lease_keys;
	ops->lease_walk = lease_walk;
}

int lease_init(struct frontend *f)
{
	return loop_timer_init(&f->client.expiry, worker_base(f->hosted.worker), on_expiry);
}

void lease_deinit(struct frontend *f)
{
	loop_timer_deinit(&f->client.expiry);
	free(f->client.leases);
	f->client.leases = NULL;
	f->client.n_leases = f->client.room = 0;
}
