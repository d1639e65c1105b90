/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holdings that outlive the process: the store (on disk) and its tail (in kept memory) together.
 *
 * Every change of what is accepted goes to the tail at once and to the disk at most once a second, and at the
 * end: appended to a log, or as a new image in steps.  A successor loads image, log and tail.  Whatever cannot be
 * written is told by a finding and tried again; what is held in memory goes on being served.
 */
#ifndef MESHD_TRANSLATOR_PERSIST_H
#define MESHD_TRANSLATOR_PERSIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "accept.h"
#include "holds.h"
#include "identity.h"
#include "quarantine.h"

#define PERSIST_INTERVAL_MS 1000	/* between two writes */
#define PERSIST_LAZY_MS 60000		/* when only versions have changed */
#define PERSIST_RETRY_MS 5000		/* after a failure */
#define PERSIST_LOG_MIN (1u << 20)	/* bytes that the log may have whatever the size of the image */

struct persist;

struct persist_options {
	const char *dir;	/* state_dir; borrowed */
	bool secrets;		/* secrets may be on disk */
	bool reads_only;	/* another translator writes, until persist_take_over() */
	void *memory;		/* kept memory of the tail, borrowed; NULL: none */
	size_t memory_size;
	struct holds *holds;	/* all borrowed */
	struct accept *accept;
	struct quarantine *quarantine;
	struct findings *findings;
	struct identities *identities;	/* NULL: there are none */
};

int persist_new(const struct persist_options *options, struct persist **ret_persist);
struct persist *persist_free(struct persist *p);

/*
 * Fills the holdings from the store and the tail, to be called once and before anything else; ends with
 * holds_settle().  0, or a negative errno (-ENOMEM; a folder that cannot be read).
 */
int persist_load(struct persist *p, int64_t now_ms);

/*
 * The other translator is gone: everything that is held is written at once, in the place of what that one left on disk
 * and in `memory`.  0; a negative errno: nothing of it has changed, and a successor would go on from that, so whoever
 * cannot take over must end.
 */
int persist_take_over(struct persist *p, void *memory, size_t memory_size, int64_t now_ms);

/* The accepted version of `h` has changed: recorded before this returns (holds_ops.accepted). */
void persist_record(struct persist *p, const struct hold *h);
/* An identity was given, released or wanted again: recorded before this returns (identities_options.changed). */
void persist_identity(struct persist *p, const struct identity *id, int64_t now_ms);
/* An update has ended, holds_settle() is next: a successor settles at the same points. */
void persist_settled(struct persist *p);
/* Only versions have changed: no hurry. */
void persist_touch(struct persist *p);

/* Where the accepted resources come from; "" at first. Another one makes all that is held foreign. */
const char *persist_origin(const struct persist *p);
int persist_set_origin(struct persist *p, const char *origin);

/* The source has told everything at least once in the life of this store. */
bool persist_complete(const struct persist *p);
void persist_set_complete(struct persist *p);

/* When persist_step() has something to do; -1: nothing. */
int64_t persist_next(const struct persist *p);
void persist_step(struct persist *p, int64_t now_ms);
/* The tail is full: writes all of it now, before anything is made from it. */
void persist_relieve(struct persist *p, int64_t now_ms);
/* Writes all of it now if anything has changed. 0 or negative errno (logged). */
int persist_flush(struct persist *p, int64_t now_ms);

struct persist_stats {
	int64_t saved_ms;	/* monotonic; -1: never */
	uint64_t saves, bytes;
	bool failing;
};
struct persist_stats persist_stats(const struct persist *p);

#endif
