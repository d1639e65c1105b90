/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mark in kept memory and the list of quarantined resources.
 *
 * The kept memory is not trusted: a mark whose checksum does not fit (a death while it was written)
 * counts as none.  Names longer than the mark has room for are kept by their beginning and the hash.
 */
#include "quarantine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "cleanup.h"
#include "log.h"

LOG_MODULE("quarantine");

#define MARK_MAGIC 0x6b72616dU
#define NAME_SIZE 1000

struct mark {
	uint32_t work;		/* enum quarantine_work; 0: none */
	uint32_t type;
	uint64_t hash;
	uint64_t check;		/* over what is above and the name */
	char name[NAME_SIZE];	/* ends with NUL */
};

struct kept {
	uint32_t magic;
	uint32_t careful;
	struct mark now;	/* what is being worked on */
	struct mark suspect;	/* what the last death was marked with */
};

_Static_assert(sizeof(struct kept) <= QUARANTINE_MEMORY, "the mark must fit its room");

struct quarantine {
	struct kept *kept;		/* borrowed, or `own` */
	struct kept own;
	struct quarantine_entry *list;	/* owned */
	size_t n;
};

static uint64_t mark_check(const struct mark *m)
{
	uint64_t seed = m->hash ^ m->work ^ (uint64_t)m->type << 32;

	return XXH3_64bits_withSeed(m->name, strnlen(m->name, NAME_SIZE), seed);
}

static bool mark_valid(const struct mark *m)
{
	return m->work != 0 && m->type < _RT_MAX && memchr(m->name, '\0', NAME_SIZE) != NULL &&
	       m->check == mark_check(m);
}

static void mark_write(struct mark *m, enum quarantine_work work, const struct resource *r)
{
	size_t len = strnlen(r->name, NAME_SIZE - 1);

	m->work = 0;
	m->type = r->type;
	m->hash = r->hash;
	memcpy(m->name, r->name, len);
	m->name[len] = '\0';
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	m->work = work;
	m->check = mark_check(m);
}

static bool mark_same(const struct mark *a, const struct mark *b)
{
	return a->type == b->type && a->hash == b->hash && strcmp(a->name, b->name) == 0;
}

/* Twice the same, or once when units were done one at a time already: this is it. */
static int judge(struct quarantine *q)
{
	struct kept *k = q->kept;
	bool again = mark_valid(&k->suspect) && mark_same(&k->now, &k->suspect);

	if (again || (k->careful != 0 && k->now.work == QUARANTINE_TRANSLATION)) {
		log_err("%s '%s' has ended the translator: it is refused until it changes, its last good version stays",
			rt_info((enum rt)k->now.type)->word, k->now.name);
		k->suspect.work = 0;
		return quarantine_add(q, (enum rt)k->now.type, k->now.name, k->now.hash);
	}
	log_warn("the translator ended while it worked on %s '%s'; now every resource is looked at by itself",
		 rt_info((enum rt)k->now.type)->word, k->now.name);
	k->suspect = k->now;
	k->careful = 1;
	return 0;
}

int quarantine_new(void *memory, struct quarantine **ret_quarantine)
{
	_cleanup_(quarantine_freep) struct quarantine *q = calloc(1, sizeof *q);
	int r = 0;

	if (q == NULL)
		return -ENOMEM;
	q->kept = memory != NULL ? memory : &q->own;
	if (q->kept->magic != MARK_MAGIC) {
		memset(q->kept, 0, sizeof *q->kept);
		q->kept->magic = MARK_MAGIC;
	}
	if (mark_valid(&q->kept->now))
		r = judge(q);
	q->kept->now.work = 0;
	if (r < 0)
		return r;
	*ret_quarantine = TAKE(q);
	return 0;
}

void quarantine_take_over(struct quarantine *q, void *memory)
{
	if (memory == NULL)
		return;
	q->kept = memory;
	memset(q->kept, 0, sizeof *q->kept);
	q->kept->magic = MARK_MAGIC;
}

struct quarantine *quarantine_free(struct quarantine *q)
{
	if (q == NULL)
		return NULL;
	for (size_t i = 0; i < q->n; i++)
		free(q->list[i].name);
	free(q->list);
	free(q);
	return NULL;
}

void quarantine_freep(struct quarantine **q)
{
	quarantine_free(*q);
}

void quarantine_mark(struct quarantine *q, enum quarantine_work work, const struct resource *r)
{
	mark_write(&q->kept->now, work, r);
}

void quarantine_clear(struct quarantine *q)
{
	struct kept *k = q->kept;

	/* The suspect was survived this time: the process had been killed from outside. */
	if (k->suspect.work != 0 && k->now.work == k->suspect.work && mark_same(&k->now, &k->suspect))
		k->suspect.work = 0;
	k->now.work = 0;
}

bool quarantine_careful(const struct quarantine *q)
{
	return q->kept->careful != 0;
}

void quarantine_relax(struct quarantine *q)
{
	q->kept->careful = 0;
}

static bool entry_is(const struct quarantine_entry *e, enum rt type, const char *name)
{
	return e->type == type && strncmp(e->name, name, NAME_SIZE - 1) == 0;
}

bool quarantine_has(const struct quarantine *q, enum rt type, const char *name, uint64_t hash)
{
	for (size_t i = 0; i < q->n; i++)
		if (q->list[i].hash == hash && entry_is(&q->list[i], type, name))
			return true;
	return false;
}

static void entry_remove(struct quarantine *q, size_t i)
{
	free(q->list[i].name);
	q->n--;
	memmove(&q->list[i], &q->list[i + 1], (q->n - i) * sizeof q->list[0]);
}

int quarantine_add(struct quarantine *q, enum rt type, const char *name, uint64_t hash)
{
	struct quarantine_entry *grown;
	char *copy;

	quarantine_forget(q, type, name);
	if (q->n == QUARANTINE_MAX)
		entry_remove(q, 0);
	grown = realloc(q->list, (q->n + 1) * sizeof *grown);
	if (grown == NULL)
		return -ENOMEM;
	q->list = grown;
	copy = strdup(name);
	if (copy == NULL)
		return -ENOMEM;
	q->list[q->n++] = (struct quarantine_entry){ .type = type, .hash = hash, .name = copy };
	return 0;
}

bool quarantine_forget(struct quarantine *q, enum rt type, const char *name)
{
	for (size_t i = 0; i < q->n; i++)
		if (entry_is(&q->list[i], type, name)) {
			entry_remove(q, i);
			return true;
		}
	return false;
}

const struct quarantine_entry *quarantine_at(const struct quarantine *q, size_t i)
{
	return i < q->n ? &q->list[i] : NULL;
}
