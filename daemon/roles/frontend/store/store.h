/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frontend's store: a key space that survives.  Puts together the key space in memory, the
 * journal (memory that outlives the worker), the object store's files and the reservation file, so
 * that the invariants of DESIGN 3.1 to 3.3 hold whatever dies:
 *
 *   - before a revision is visible its number is taken in the journal and in the file `revision`,
 *     and its transaction is in the journal (or, if that is full, in the object store, synced);
 *   - if neither is possible (journal full and disk full) the commit goes through, for the data
 *     plane comes first; the journal then shows a hole, and a successor goes on above it, with
 *     watches of before cancelled: no number is ever used for two values;
 *   - a successor repeats what the journal holds; if anything visible may be missing it drops the
 *     history and continues above every number that may have been used.
 *
 * One thread, no clock, no timers: the frontend role calls store_tick() about once a second and
 * store_save() when it is dirty (soon after the last change, and at least every few seconds under
 * churn).  This room does not log: what the operator should know is in the report and the problem.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "image.h"
#include "keyspace.h"
#include "note.h"

struct store;

struct store_options {
	int dirfd;		/* borrowed, of the state folder (readable, not O_PATH) */
	const char *boot_id;	/* borrowed for the open; see reserve.h. NULL: unknown */
	void *journal;		/* borrowed until store_free(): shared memory, zeroed when new. NULL: none */
	size_t journal_size;
	struct history_limits history;
	size_t tail_bytes;	/* history that every save writes, at most. 0: default, 16 MB */
	struct store_filter filter;	/* what may be written to disk (secrets: memory) */
	const struct store_io *io;	/* NULL: the system's; borrowed */
};

enum store_source {
	STORE_NEW,		/* nothing was there: first start */
	STORE_WHOLE,		/* everything that may have been visible is there */
	STORE_BEHIND,		/* keys are there, but newer changes are lost: history dropped */
	STORE_LOST,		/* no keys: serve only after the translator's first complete publication */
};

struct store_report {
	enum store_source source;
	size_t keys, history;	/* what is in memory now: keys, transactions */
	size_t repeated;	/* transactions that came from the journal */
	uint64_t revision;
	struct note note;	/* lines for the log; empty if all was as it should be */
};

/*
 * Loads and recovers. Needs a state folder that can be read; one that cannot be written is noted.
 * Negative errno (noted in the report): -EINVAL journal memory unusable, -ENOMEM, -EOVERFLOW
 * revisions are used up, or the folder's error.  ret_report may not be NULL, and is always written.
 */
int store_open(const struct store_options *options, uint64_t now_ms, struct store **ret_store,
	       struct store_report *ret_report);
/* Without saving, as if killed. Accepts NULL, returns NULL. */
struct store *store_free(struct store *s);
DEFINE_FREEP(struct store *, store_free);
/*
 * Orderly end: saves, and declares that nothing newer was ever visible, so that the next start
 * goes on without a gap even after a reboot. Frees the store, whatever it returns (as store_save).
 */
int store_close(struct store *s, uint64_t now_ms);

/* The key space; the store's persist hook is set on it. */
struct keyspace *store_keys(struct store *s);

enum {
	STORE_MORE = 1,		/* call store_save_step() again, in a later loop turn */
};

/*
 * Writes the object store now and trims the journal. Costs the whole size at once, so at start, at
 * the end, and where nobody waits. Negative errno: the old files are intact, store_problem() tells.
 */
int store_save(struct store *s, uint64_t now_ms);
/*
 * The same in slices of about 1 MB, while commits go on: what is written is the key space as it is
 * at the beginning. A save that is already under way is given up. As store_save().
 */
int store_save_begin(struct store *s, uint64_t now_ms);
/* 0: the file is in place (or no save is under way). STORE_MORE. Negative errno: as store_save(). */
int store_save_step(struct store *s);
/* Is one under way? */
bool store_saving(const struct store *s);
/* Is there anything that the newest file does not have? */
bool store_dirty(const struct store *s);
/* Revision of the newest file. */
uint64_t store_stored(const struct store *s);
/* How full the journal is, in percent; save before 100. Without a journal 0. */
unsigned store_pressure(const struct store *s);

/*
 * Older history is still on disk after store_open(): loads a file of it, in a later loop turn. Asking for
 * it loads it as well. 0: all is there. STORE_MORE. Negative errno: try again later.
 */
int store_recall_step(struct store *s);
/* What was wrong with it, lines for the log; empty if all was as it should be. */
const char *store_recalled(const struct store *s);

/* Once a second or so: trims the history, reserves numbers ahead of need. */
void store_tick(struct store *s, uint64_t now_ms);

/* Why revisions are not as safe as they should be at the moment, one or more lines; NULL: all is well. */
const char *store_problem(const struct store *s);

#endif
