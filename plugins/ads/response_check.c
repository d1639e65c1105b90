/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What makes a response unfit as a whole, before anything of it is handed on (XDS.md 2 and 4.7).  Whether a resource
 * is good inside is the translator's to say, one by one.
 */
#include <errno.h>
#include <event2/util.h>
#include <stdlib.h>

#include "response.h"
#include "utf8.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

/* Hashes of the names that were there, seeded at random: equal ones are equal names. */
struct seen {
	uint64_t *slots;	/* 0: free */
	size_t mask;
	uint64_t seed;
};

static int seen_init(struct seen *s, size_t n)
{
	size_t cap = 16;

	while (cap < n * 2)
		cap *= 2;
	s->slots = calloc(cap, sizeof *s->slots);
	s->mask = cap - 1;
	evutil_secure_rng_get_bytes(&s->seed, sizeof s->seed);
	return s->slots != NULL ? 0 : -ENOMEM;
}

/* False: it was there before. */
static bool seen_add(struct seen *s, struct span name)
{
	uint64_t hash = XXH3_64bits_withSeed(name.data, name.size, s->seed) | 1;
	size_t i = (size_t)(hash >> 1) & s->mask;

	while (s->slots[i] != 0) {
		if (s->slots[i] == hash)
			return false;
		i = (i + 1) & s->mask;
	}
	s->slots[i] = hash;
	return true;
}

static const char *text_fault(struct span s)
{
	if (s.size > ADS_NAME_MAX)
		return "is longer than 4096 bytes";
	return s.size == 0 || utf8_is_string(s.data, s.size) ? NULL : "is not UTF-8";
}

static const char *item_fault(const struct item *item)
{
	const char *fault = text_fault(item->name);

	if (fault != NULL || item->kind != ITEM_RESOURCE)
		return fault;
	if (text_fault(item->version) != NULL)
		return "has a version that is no text of up to 4096 bytes";
	return item->body.size > ADS_BODY_MAX ? "is larger than the 64 MB that meshd takes" : NULL;
}

static bool same_span(struct span a, struct span b)
{
	return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static void show(struct buf *why, struct span s)
{
	if (s.size == 0 || !utf8_is_string(s.data, s.size))
		buf_puts(why, "(unreadable)");
	else
		buf_printf(why, "'%.*s'", (int)(s.size < 256 ? s.size : 256), (const char *)s.data);
}

/* 0 good, 1 refused with the reason in `why`. */
static int check_resource(const struct response *r, const struct item *item, size_t i, struct seen *seen,
			  struct buf *why)
{
	const char *fault = item_fault(item);

	if (fault != NULL) {
		buf_printf(why, "resources[%zu]: the name ", i);
		show(why, item->name);
		buf_printf(why, " %s; nothing of this response is used", fault);
		return 1;
	}
	if (!item->beat && !same_span(item->type_url, r->type_url)) {
		buf_printf(why, "resources[%zu] ", i);
		show(why, item->name);
		buf_puts(why, ": it is of type ");
		show(why, item->type_url);
		buf_puts(why, " in a response of type ");
		show(why, r->type_url);
		buf_puts(why, "; nothing of this response is used");
		return 1;
	}
	if (item->name.size > 0 && !seen_add(seen, item->name)) {
		buf_printf(why, "resources[%zu]: the name ", i);
		show(why, item->name);
		buf_puts(why, " stands twice; nothing of this response is used; send each name once");
		return 1;
	}
	return 0;
}

static int check_items(const struct response *r, struct seen *seen, struct buf *why)
{
	struct pb_cursor at = pb_cursor_of(r->data, r->size);
	struct item item;
	size_t i = 0;
	int rc;

	while ((rc = response_item(r, &at, &item)) == 1) {
		if (item.kind == ITEM_RESOURCE && check_resource(r, &item, i++, seen, why) == 1)
			return 1;
		if (item.kind == ITEM_RESOURCE || text_fault(item.name) == NULL)
			continue;
		buf_printf(why, "a removed name %s; nothing of this response is used", text_fault(item.name));
		return 1;
	}
	if (rc == 0)
		return 0;
	buf_printf(why, "resources[%zu] or what follows it is not well-formed protobuf; nothing of this response is "
			"used", i);
	return 1;
}

int response_check(const struct response *r, struct buf *why)
{
	struct seen seen;
	int rc = seen_init(&seen, r->n_resources);

	if (rc == 0)
		rc = check_items(r, &seen, why);
	free(seen.slots);
	return rc;
}
