/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cache of range bodies: four slots, replaced in turn. Failing to keep a body is no failure.
 */
#include "cache.h"

#include <errno.h>
#include <event2/event.h>
#include <malloc.h>

#define IDLE_SECONDS 10

static void on_idle(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	cache_clear(arg);
	/* The bodies were large; without this the allocator keeps what was freed around them. */
	malloc_trim(0);
}

int cache_init(struct cache *c, struct event_base *base)
{
	memset(c, 0, sizeof *c);
	c->idle = event_new(base, -1, 0, on_idle, c);
	return c->idle != NULL ? 0 : -ENOMEM;
}

static void slot_clear(struct cache_slot *slot)
{
	body_unref(slot->body);
	free(slot->key);
	*slot = (struct cache_slot){ .body = NULL };
}

void cache_clear(struct cache *c)
{
	for (size_t i = 0; i < CACHE_SLOTS; i++)
		slot_clear(&c->slots[i]);
	if (c->idle != NULL)
		event_del(c->idle);
}

void cache_deinit(struct cache *c)
{
	cache_clear(c);
	if (c->idle != NULL)
		event_free(c->idle);
	c->idle = NULL;
}

static void restart_idle(struct cache *c)
{
	static const struct timeval delay = { .tv_sec = IDLE_SECONDS };

	event_add(c->idle, &delay);
}

static bool is_slot(const struct cache_slot *slot, const struct form *form, struct bytes key,
		    struct bytes end)
{
	return slot->body != NULL && slot->form == form && slot->key_size == key.size &&
	       slot->end_size == end.size && memcmp(slot->key, key.data, key.size) == 0 &&
	       memcmp(slot->key + key.size, end.data, end.size) == 0;
}

struct body *cache_find(struct cache *c, const struct form *form, struct bytes key, struct bytes end)
{
	for (size_t i = 0; i < CACHE_SLOTS; i++)
		if (is_slot(&c->slots[i], form, key, end)) {
			restart_idle(c);
			return body_ref(c->slots[i].body);
		}
	return NULL;
}

void cache_put(struct cache *c, const struct form *form, struct bytes key, struct bytes end,
	       struct body *body)
{
	struct cache_slot *slot = &c->slots[c->next++ % CACHE_SLOTS];
	uint8_t *copy = malloc(key.size + end.size);

	if (copy == NULL)
		return;
	slot_clear(slot);
	memcpy(copy, key.data, key.size);
	memcpy(copy + key.size, end.data, end.size);
	*slot = (struct cache_slot){ .form = form, .key = copy, .key_size = key.size,
				     .end_size = end.size, .body = body_ref(body) };
	restart_idle(c);
}

size_t cache_idle(const struct cache *c)
{
	size_t size = 0;

	for (size_t i = 0; i < CACHE_SLOTS; i++)
		if (c->slots[i].body != NULL && c->slots[i].body->refs == 1)
			size += c->slots[i].body->size;
	return size;
}
