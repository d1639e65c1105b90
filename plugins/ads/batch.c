/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One slice of a response for the host: about 256 KB of bodies.  What the translator holds already is left out; in a
 * complete set, where absence means deletion, it is named without its bytes.  What nobody asked for is passed over.
 * Used by deliver.c; the names lie in the table of changes, which the verdict commits (answer.c).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"
#include "utf8.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#define BATCH_BYTES ((size_t)256 << 10)
#define BATCH_ITEMS 512		/* resources and removals */
#define BATCH_LOOKED 20000	/* items that were looked at, most of them left out */

struct batch {
	struct ads *ads;
	struct ads_type *type;
	struct mesh_resource resources[BATCH_ITEMS];
	const char *removed[BATCH_ITEMS];
	size_t n_resources, n_removed, bytes;
};

/*
 * A change that the verdict decides on; NULL: no memory.  A name that was removed before in the same response stays as
 * an entry, because the host's list points to it; its version is then unknown.
 */
static struct entry *note_change(struct batch *b, const struct item *item, bool removed)
{
	struct entry *e = table_find(&b->type->answer.changes, item->name.data, item->name.size);

	if (e != NULL) {
		e->removed = removed;
		e->held = !removed;
		return e;
	}
	e = entry_new(item->name.data, item->name.size, item->version.data, item->version.size);
	if (e == NULL)
		return NULL;
	e->mark = b->type->mark;
	e->removed = removed;
	e->held = !removed;
	return table_put(&b->type->answer.changes, e) == 0 ? e : NULL;
}

static void add(struct batch *b, const char *name, const char *version, const struct item *item)
{
	b->resources[b->n_resources++] = (struct mesh_resource){
		.type_url = b->type->url,
		.name = name,
		.version = version,
		.body = item != NULL ? (item->body.data != NULL ? item->body.data : (const uint8_t *)"") : NULL,
		.size = item != NULL ? item->body.size : 0,
	};
	b->bytes += item != NULL ? item->body.size : 0;
}

/* The translator has it: no bytes. */
static int add_held(struct batch *b, const struct item *item, struct entry *held)
{
	struct entry *e;

	held->mark = b->type->mark;
	if (b->type->answer.snapshot)
		add(b, entry_name(held), entry_version(held), NULL);
	if (item->beat || span_is(item->version, entry_version(held)))
		return 0;
	e = note_change(b, item, false);
	if (e == NULL)
		return -ENOMEM;
	e->hash = held->hash;
	return 0;
}

static int add_resource(struct batch *b, const struct item *item)
{
	struct entry *held = table_find(&b->type->accepted, item->name.data, item->name.size), *e;
	uint64_t hash;

	if (item->beat)
		return held != NULL ? add_held(b, item, held) : 0;
	hash = XXH3_64bits(item->body.data, item->body.size);
	if (held != NULL && held->hash == hash && hash != 0)
		return add_held(b, item, held);
	e = note_change(b, item, false);
	if (e == NULL)
		return -ENOMEM;
	e->hash = hash;
	b->type->answer.changed++;
	add(b, entry_name(e), entry_version(e), item);
	return 0;
}

/* A resource that came in the same response stays. */
static int add_removed(struct batch *b, const struct item *item)
{
	struct entry *e = table_find(&b->type->answer.changes, item->name.data, item->name.size);

	if (e != NULL)
		return 0;
	e = note_change(b, item, true);
	if (e == NULL)
		return -ENOMEM;
	b->removed[b->n_removed++] = entry_name(e);
	b->type->answer.changed++;
	return 0;
}

static void tell_absent(struct batch *b, const struct item *item)
{
	char why[400];
	bool readable = item->text.size > 0 && utf8_is_string(item->text.data, item->text.size);

	if (item->kind == ITEM_ERROR)
		snprintf(why, sizeof why, "the control plane cannot give it: %s%s%.*s",
			 grpc_code_name((int)item->code), readable ? ": " : "",
			 readable ? (int)MIN(item->text.size, (size_t)256) : 0, (const char *)item->text.data);
	else
		snprintf(why, sizeof why, "the control plane says that it does not exist");
	report_absent(b->type, item->name, why);
}

static bool is_wanted(const struct ads_type *t, const struct item *item, bool *ret_named)
{
	char name[ADS_NAME_MAX + 1];

	if (item->name.size > 0)
		memcpy(name, item->name.data, item->name.size);
	name[item->name.size] = '\0';
	*ret_named = names_have(t->wanted, name);
	return t->wildcard || *ret_named;
}

static int take(struct batch *b, const struct item *item)
{
	bool named;

	if (!is_wanted(b->type, item, &named))
		return 0;
	if (item->kind == ITEM_RESOURCE) {
		report_present(b->type, item->name);
		return add_resource(b, item);
	}
	if (named || item->kind == ITEM_ERROR)
		tell_absent(b, item);
	/* A complete set says by absence what is gone. */
	return b->type->answer.snapshot ? 0 : add_removed(b, item);
}

static bool is_full(const struct batch *b, size_t looked)
{
	return b->n_resources == BATCH_ITEMS || b->n_removed == BATCH_ITEMS || b->bytes >= BATCH_BYTES ||
	       looked == BATCH_LOOKED;
}

/* 1 the end of the response, 0 the batch is full, -ENOMEM. */
static int fill(struct batch *b, struct delivery *d)
{
	struct item item;
	int r = 1;

	for (size_t looked = 0; r == 1 && !is_full(b, looked); looked++) {
		r = response_item(&d->response, &d->at, &item);
		if (r == 0)
			return 1;
		if (r == 1)
			r = take(b, &item) < 0 ? -ENOMEM : 1;
	}
	return r < 0 ? r : 0;
}

static int hand_over(struct batch *b, struct delivery *d)
{
	struct ads_type *t = b->type;
	const struct mesh_update update = {
		.id = t->answer.id,
		.type_url = t->url,
		.version = t->answer.version,
		.flags = d->flags,
		.resources = b->resources,
		.n_resources = b->n_resources,
		.removed = b->removed,
		.n_removed = b->n_removed,
	};
	int r = b->ads->host->ops->source_update(b->ads->host, &update);

	b->ads->busy = r == MESH_BUSY;
	d->flags &= ~(unsigned)MESH_UPDATE_FIRST;
	return r < 0 ? r : 0;
}

int batch_send(struct ads *ads, struct delivery *d)
{
	_cleanup_free_ struct batch *b = malloc(sizeof *b);
	int end, r;

	if (b == NULL)
		return -ENOMEM;
	b->ads = ads;
	b->type = d->type;
	b->n_resources = b->n_removed = b->bytes = 0;
	end = fill(b, d);
	if (end < 0)
		return end;
	d->flags |= end ? MESH_UPDATE_LAST : 0;
	/* Nothing but what is known already: no word until the end. */
	if (!end && b->n_resources == 0 && b->n_removed == 0)
		return 0;
	r = hand_over(b, d);
	return r < 0 ? r : end;
}
