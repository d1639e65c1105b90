/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resources by name with what is known of each: its version and the hash of its bytes.  Kept small, because a mesh has
 * many: one allocation for each and a pointer to it.
 */
#ifndef ADS_TABLE_H
#define ADS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct entry {
	uint64_t hash;		/* of the body that the translator holds; 0: nobody knows which */
	uint32_t mark;		/* the response that named it last */
	uint16_t version_at;	/* in text */
	bool held;		/* it has accepted this name once */
	bool removed;		/* of a change: the name goes */
	char text[];		/* name, NUL, version, NUL */
};

struct table {
	struct entry **slots;	/* owned, with the entries */
	size_t n, cap;		/* cap: 0 or a power of two */
	uint64_t seed;
};

/* Neither needs a NUL at its end; a name is at most ADS_NAME_MAX bytes long.  NULL: out of memory. */
struct entry *entry_new(const void *name, size_t name_size, const void *version, size_t version_size);

static inline const char *entry_name(const struct entry *e)
{
	return e->text;
}

static inline const char *entry_version(const struct entry *e)
{
	return e->text + e->version_at;
}

/* Forgets bytes and version: the name may be held, but nobody knows in which form. */
void entry_spoil(struct entry *e);

void table_clear(struct table *t);	/* and frees everything */
struct entry *table_find(const struct table *t, const void *name, size_t size);
/* Takes the entry over and frees an older one of that name; out of memory frees the new one.  0 or -ENOMEM. */
int table_put(struct table *t, struct entry *e);
void table_remove(struct table *t, const char *name);

/* The entry at `*at` or behind it, in no particular order, or NULL; *at is set behind it. */
struct entry *table_next(const struct table *t, size_t *at);

/* Removes every entry that fn says yes to. */
void table_prune(struct table *t, bool (*fn)(void *arg, const struct entry *e), void *arg);

#endif
