/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holds addresses back until their routes are committed; see steering.h.
 *
 * `run` collects what a run changes, `waiting` what waits for the commit with number `ticket`.  A later
 * run makes all of it wait for its own commit: commits come in order and follow each other closely.
 */
#include "steering.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "keyset.h"

struct steering {
	struct publish *capture;	/* borrowed */
	struct keyset run, waiting;
	uint64_t ticket;		/* the frontend's commit that `waiting` waits for */
	uint64_t whole;			/* the frontend's commit with the complete set; 0: there was none */
	bool whole_done;
	uint64_t released;		/* capture's commit with the newest deletions */
	bool owed;			/* there are deletions that no capture was told of */
};

int steering_new(struct publish *capture, struct steering **ret_steering)
{
	struct steering *s = calloc(1, sizeof *s);

	if (s == NULL)
		return -ENOMEM;
	s->capture = capture;
	*ret_steering = s;
	return 0;
}

struct steering *steering_free(struct steering *s)
{
	if (s == NULL)
		return NULL;
	keyset_clear(&s->run);
	keyset_clear(&s->waiting);
	free(s);
	return NULL;
}

/* As publish_addresses() wants it: one byte, then the identity. */
static int set(struct keyset *keys, const struct translation_address *a)
{
	uint8_t value[256];
	size_t len = strlen(a->identity);

	if (len + 1 > sizeof value)
		return 0;
	value[0] = (uint8_t)a->target;
	memcpy(value + 1, a->identity, len);
	return keyset_set(keys, a->destination, value, len + 1, false);
}

int steering_put(struct steering *s, const char *destination, const struct translation_address *a)
{
	return a != NULL ? set(&s->run, a) : keyset_set(&s->run, destination, NULL, 0, true);
}

/* Capture can have what is not in `waiting`. */
static int tell_one(const struct translation_address *a, void *arg)
{
	struct steering *s = arg;
	struct keyset one = { 0 };
	int r = keyset_find(&s->waiting, a->destination) == NULL ? set(&one, a) : 0;

	if (r == 0 && one.head != NULL)
		r = publish_put(s->capture, one.head->key, one.head->value, one.head->size);
	keyset_clear(&one);
	return r;
}

static int tell_all(struct steering *s, const struct translation *t)
{
	int r;

	if (!publish_needs_all(s->capture) || !s->whole_done)
		return 0;
	publish_restart(s->capture);
	r = translation_addresses(t, tell_one, s);
	if (r == 0)
		r = publish_commit(s->capture, true);
	if (s->owed)
		s->released = publish_ticket(s->capture);
	s->owed = false;
	return r;
}

/* Capture has had a complete set: it is told differences. */
static bool follows(const struct steering *s)
{
	return publish_is_open(s->capture) && !publish_needs_all(s->capture);
}

/* What is gone is not to be captured any more, and released where it is. */
static int release(struct steering *s, const struct change *c)
{
	keyset_drop(&s->waiting, c->key);
	return follows(s) ? publish_del(s->capture, c->key) : 0;
}

static int release_end(struct steering *s)
{
	int r = follows(s) ? publish_commit(s->capture, false) : 0;

	if (follows(s))
		s->released = publish_ticket(s->capture);
	else
		s->owed = true;
	return r;
}

int steering_run_end(struct steering *s, const struct translation *t, uint64_t ticket, bool whole)
{
	size_t gone = 0;
	int r = 0;

	for (const struct change *c = s->run.head; c != NULL && r == 0; c = c->hh.next) {
		gone += c->del;
		r = c->del ? release(s, c) : keyset_set(&s->waiting, c->key, c->value, c->size, false);
	}
	keyset_clear(&s->run);
	if (r == 0 && gone > 0)
		r = release_end(s);
	if (keyset_count(&s->waiting) > 0)
		s->ticket = ticket;
	if (whole)
		s->whole = ticket;
	return r == 0 ? tell_all(s, t) : r;
}

int steering_committed(struct steering *s, const struct translation *t, uint64_t commit)
{
	int r = 0;

	s->whole_done = s->whole_done || (s->whole > 0 && commit >= s->whole);
	if (keyset_count(&s->waiting) > 0 && commit >= s->ticket) {
		for (const struct change *c = s->waiting.head; c != NULL && follows(s) && r == 0; c = c->hh.next)
			r = publish_put(s->capture, c->key, c->value, c->size);
		keyset_clear(&s->waiting);
		if (r == 0 && follows(s))
			r = publish_commit(s->capture, false);
	}
	return r == 0 ? tell_all(s, t) : r;
}

int steering_opened(struct steering *s, const struct translation *t)
{
	return tell_all(s, t);
}

bool steering_releases(const struct steering *s)
{
	for (const struct change *c = s->run.head; c != NULL; c = c->hh.next)
		if (c->del)
			return true;
	return steering_waits(s);
}

bool steering_waits(const struct steering *s)
{
	return s->owed || s->released > publish_stats(s->capture).committed;
}

void steering_lost(struct steering *s)
{
	s->owed = steering_waits(s);
}
