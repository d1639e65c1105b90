/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tail of the resource store: changes that are not yet on disk, in memory that the supervisor
 * keeps and hands to the successor.  A change is written here before anything made from it is
 * published, so a killed translator loses nothing that anybody has seen.
 *
 * Two halves: while the store is being written, new changes go to the half that the file will not
 * contain.  A record that was being written when the process died is recognised by its checksum and ignored.
 */
#ifndef MESHD_TRANSLATOR_TAIL_H
#define MESHD_TRANSLATOR_TAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record.h"

struct tail_half {
	uint8_t *data;		/* borrowed */
	size_t size, used;
	size_t warm;		/* up to where pages were asked for; see tail_append() */
	uint64_t last;		/* number of its last record; 0: empty */
};

struct tail {
	struct tail_half halves[2];
	unsigned now;		/* the half that is written to */
	uint64_t seq;		/* number of the newest change */
	uint64_t gap;		/* number of the newest change that found no room */
};

typedef int (*tail_fn)(const struct record *rec, uint64_t seq, void *arg);

/* A record is larger than the room that is left: write the store, then go on. */
#define TAIL_FULL 1

/* Memory as a predecessor left it (any content is legal); size 0: no tail, every append is TAIL_FULL. */
void tail_init(struct tail *t, void *memory, size_t size);

/*
 * Calls fn for every record with a number above `after`, in order; to be called once, before the first append.
 * Numbering goes on above everything that was seen.  0 or the non-zero value of fn.
 */
int tail_replay(struct tail *t, uint64_t after, tail_fn fn, void *arg);

/* 0 or TAIL_FULL. The change is counted in both cases. */
int tail_append(struct tail *t, const struct record *rec);

/* The same for what this life has appended or replayed; changes nothing. */
int tail_each(const struct tail *t, uint64_t after, tail_fn fn, void *arg);
/* Is every change above `after` in it? */
bool tail_has_all(const struct tail *t, uint64_t after);

/* The store is about to be written with everything up to tail.seq. */
void tail_switch(struct tail *t);
/* The store holds everything up to `seq`. */
void tail_saved(struct tail *t, uint64_t seq);

#endif
