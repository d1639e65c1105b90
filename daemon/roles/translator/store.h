/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of the resource store: every accepted resource, its origin and the quarantine, in one file
 * `state_dir/resources` (0600) with its predecessor beside it (`resources.prev`).
 *
 * The file is checksummed as a whole and read as a whole or not at all: a damaged one is renamed to
 * `resources.damaged` and the predecessor is tried.  It is written in steps, so that the loop goes on, from
 * references that nobody can change meanwhile; the last step is fsync and rename.
 */
#ifndef MESHD_TRANSLATOR_STORE_H
#define MESHD_TRANSLATOR_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record.h"

#define STORE_BYTES_MAX (1ull << 30)	/* larger ones are neither written nor read */
#define STORE_STEP (1u << 20)		/* bytes that one step writes */

struct store_head {
	uint64_t seq;		/* the newest change that is in it, see tail.h */
	uint32_t flags;		/* the caller's */
};

/* ---- reading ---- */

/*
 * Reads and checks one file image: all of it before the first call of fn, whose non-zero value ends the walk and is
 * returned.  fn NULL: only checks.  0 or -EBADMSG.
 */
typedef int (*store_fn)(const struct record *rec, void *arg);
int store_parse(const uint8_t *data, size_t size, struct store_head *ret_head, store_fn fn, void *arg);

/*
 * The newest good image of folder `dir`: malloc'ed bytes for store_parse().  What is damaged is set aside and
 * named in the log.  0, STORE_NONE (there is none), or a negative errno (logged).
 */
#define STORE_NONE 1
int store_load(const char *dir, uint8_t **ret_data, size_t *ret_size);

/* ---- writing ---- */

struct store_writer;

/* Begins a new image. 0 or negative errno (nothing is left behind). */
int store_begin(const char *dir, const struct store_head *head, struct store_writer **ret_writer);
/* Adds a record; a resource is taken by reference, everything else is copied. 0, -ENOMEM, -EFBIG. */
int store_add(struct store_writer *w, const struct record *rec, struct resource *r);
/* What is there now may not be kept: the new image has no predecessor, and what was set aside goes. */
void store_purge(struct store_writer *w);
/* Writes on. 0 done: the new image is in place and safe; 1 more to do; negative errno: the old one is unharmed. */
int store_step(struct store_writer *w);
uint64_t store_seq(const struct store_writer *w);
uint64_t store_bytes(const struct store_writer *w);
/* fsync of a folder: a new name in it is safe. 0 or negative errno. */
int store_sync_dir(const char *dir);
/* Gives up what is not done. Accepts NULL, returns NULL. */
struct store_writer *store_end(struct store_writer *w);
void store_endp(struct store_writer **w);

#endif
