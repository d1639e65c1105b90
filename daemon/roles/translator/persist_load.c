/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filling the holdings at the start.
 *
 * Three passes: what was active (and the leaves) becomes active at once, so that nothing that had
 * been published is missing; then the versions that were still warming; then the log and the tail, as if
 * their changes came just now.  Roots that need a resource which is in no store wait for it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "file.h"
#include "log.h"
#include "persist_private.h"
#include "subscribe.h"

LOG_MODULE("store");

static int load_resource(struct persist *p, const struct record *rec)
{
	_cleanup_(resource_unrefp) struct resource *resource = NULL;
	struct hold *h;
	int r;

	if ((rec->flags & RECORD_WITHHELD) != 0) {
		r = holds_get(p->options.holds, rec->type, rec->name, &h);
		if (r == 0)
			holds_withhold(p->options.holds, h, true);
		return r;
	}
	r = resource_new(rec->type, rec->name, rec->version, rec->body, rec->size, &resource);
	if (r < 0)
		return r;
	r = accept_stored(p->options.accept, resource);
	if (r != 0)
		return MIN(r, 0);
	h = holds_find(p->options.holds, rec->type, rec->name);
	h->foreign = (rec->flags & RECORD_FOREIGN) != 0;
	h->trusted = (rec->flags & RECORD_PROVEN) != 0;
	return 0;
}

static int load_origin(struct persist *p, const struct record *rec)
{
	char *copy = strdup(rec->name);

	if (copy == NULL)
		return -ENOMEM;
	free(p->origin);
	p->origin = copy;
	return 0;
}

static int load_identity(struct persist *p, const struct record *rec)
{
	const struct identity id = {
		.destination = rec->name, .address = rec->version, .released = (int64_t)rec->hash
	};
	int r = p->options.identities != NULL ? identities_load(p->options.identities, &id) : 0;

	/* One that does not fit the networks of today is forgotten. */
	return MIN(r, 0);
}

static bool is_warming(const struct record *rec)
{
	return rec->kind == RECORD_RESOURCE && rt_is_root(rec->type) && (rec->flags & RECORD_ACTIVE) == 0;
}

static int on_active(const struct record *rec, void *arg)
{
	struct persist *p = arg;

	if (is_warming(rec))
		return 0;
	switch (rec->kind) {
	case RECORD_RESOURCE:
		return load_resource(p, rec);
	case RECORD_ORIGIN:
		return load_origin(p, rec);
	case RECORD_IDENTITY:
		return load_identity(p, rec);
	case RECORD_QUARANTINE:
		if (quarantine_has(p->options.quarantine, rec->type, rec->name, rec->hash))
			return 0;
		return quarantine_add(p->options.quarantine, rec->type, rec->name, rec->hash);
	default:
		return 0;
	}
}

static int on_warming(const struct record *rec, void *arg)
{
	return is_warming(rec) ? load_resource(arg, rec) : 0;
}

static void forget(struct holds *hs, const struct record *rec)
{
	struct hold *h = holds_find(hs, rec->type, rec->name);

	if (h != NULL)
		holds_remove(hs, h);
}

static int on_change(const struct record *rec, uint64_t seq, void *arg)
{
	struct persist *p = arg;
	struct holds *hs = p->options.holds;
	struct hold *h;

	switch (rec->kind) {
	case RECORD_RESOURCE:
		if ((rec->flags & RECORD_WITHHELD) != 0)	/* it replaces what is there, but is not to be had */
			forget(hs, rec);
		return load_resource(p, rec);
	case RECORD_REMOVED:
		forget(hs, rec);
		return 0;
	case RECORD_ORIGIN:
		for (unsigned type = 0; type < _RT_MAX; type++)
			for (h = hs->heads[type]; h != NULL; h = h->hh.next)
				h->foreign = h->accepted != NULL;
		return load_origin(p, rec);
	case RECORD_IDENTITY:
		return load_identity(p, rec);
	case RECORD_COMPLETE:
		p->complete = true;
		return 0;
	case RECORD_SETTLED:
		persist_set_whole(p, rec->flags);
		holds_settle(hs, p->now_ms);
		return 0;
	default:
		return 0;
	}
}

static bool needs_withheld(const struct hold *h)
{
	for (size_t i = 0; h->needs != NULL && i < h->needs->n; i++)
		if (h->needs->items[i].leaf->withheld)
			return true;
	return false;
}

static void activate_roots(struct holds *hs)
{
	for (unsigned type = 0; type < _RT_MAX; type++)
		for (struct hold *h = hs->heads[type]; rt_is_root((enum rt)type) && h != NULL; h = h->hh.next)
			if (h->accepted != NULL && !needs_withheld(h))
				holds_activate(hs, h, h->accepted);
}

/* Image and log are of one mind about private keys: after a change of `secrets` both are written anew. */
static void compare_keyless(struct persist *p, bool keyless)
{
	if (keyless == !p->options.secrets)
		return;
	p->dirty = p->image_due = true;
	p->purge = !keyless;
	if (p->purge)
		log_info("the resource store may hold private keys, which must not be on disk any more "
			 "(secrets: memory): its files are replaced");
}

static int load_image(struct persist *p)
{
	_cleanup_free_ uint8_t *data = NULL;
	struct store_head head = { 0 };
	size_t size = 0;
	int r;

	r = store_load(p->options.dir, &data, &size);
	if (r == STORE_NONE)
		return 0;
	if (r == 0)
		r = store_parse(data, size, &head, on_active, p);
	if (r < 0)
		return r;
	p->image = size;
	p->safe = head.seq;
	p->complete = (head.flags & HEAD_COMPLETE) != 0;
	compare_keyless(p, (head.flags & HEAD_KEYLESS) != 0);
	persist_set_whole(p, head.flags >> HEAD_WHOLE_SHIFT);
	activate_roots(p->options.holds);
	return store_parse(data, size, &head, on_warming, p);
}

static int load_changes(struct persist *p)
{
	int r = log_file_load(&p->log, p->options.dir, p->safe, on_change, p);

	if (r < 0)
		return r;
	if (r == 0 && p->log.size > 0 && p->log.last <= p->safe && !p->options.reads_only)
		(void)log_file_clear(&p->log, p->options.dir);	/* killed before it went; it may hold keys */
	p->safe = MAX(p->safe, p->log.last);
	r = tail_replay(&p->tail, p->safe, on_change, p);
	p->dirty = p->dirty || p->tail.seq > p->safe;
	return r;
}

static int on_seen(const struct record *rec, uint64_t seq, void *arg)
{
	(void)rec;
	(void)seq;
	(void)arg;
	return 0;
}

/*
 * Numbers go on above all that the other has written, also where a part of it cannot be read: a log or a tail that is
 * above the new image would be taken for changes of it.
 */
static int number_above(struct persist *p)
{
	_cleanup_free_ uint8_t *data = NULL;
	struct store_head head = { 0 };
	struct log_file log = { 0 };
	size_t size = 0;
	int loaded = store_load(p->options.dir, &data, &size), r = 0;

	if (loaded == 0)
		r = store_parse(data, size, &head, NULL, NULL);
	if (loaded == 0 && r == 0)
		compare_keyless(p, (head.flags & HEAD_KEYLESS) != 0);
	(void)log_file_load(&log, p->options.dir, head.seq, on_seen, NULL);
	(void)tail_replay(&p->tail, MAX(head.seq, log.last), on_seen, NULL);
	p->safe = head.seq;
	return loaded < 0 ? loaded : r;
}

int persist_take_over(struct persist *p, void *memory, size_t memory_size, int64_t now_ms)
{
	int r;

	p->options.memory = memory;
	p->options.memory_size = memory_size;
	p->options.reads_only = false;
	tail_init(&p->tail, memory, memory != NULL ? memory_size : 0);
	r = number_above(p);
	if (r < 0)
		log_warn_errno(r, "cannot read what the old translator left; writing over it");
	p->dirty = p->image_due = true;
	return persist_flush(p, now_ms);
}

static size_t count_held(const struct holds *hs)
{
	size_t n = 0;

	for (unsigned type = 0; type < _RT_MAX; type++)
		n += hs->held[type];
	return n;
}

int persist_load(struct persist *p, int64_t now_ms)
{
	int r;

	p->now_ms = now_ms;
	p->dirty = p->image_due = quarantine_at(p->options.quarantine, 0) != NULL;
	p->loading = true;
	r = load_image(p);
	if (r == 0)
		r = load_changes(p);
	p->loading = false;
	if (r < 0)
		return log_err_errno(r, "cannot load the resource store in '%s'", p->options.dir);
	holds_settle(p->options.holds, now_ms);
	if (count_held(p->options.holds) > 0)
		log_info("%zu resources from '%s' are held from before", count_held(p->options.holds), p->origin);
	return 0;
}
