/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store over its lives: a state folder, the memory that the supervisor holds, and the ways in which a
 * worker ends.  Used by the tests of the whole store; what fails here fails the test.
 */
#ifndef STORE_TEST_WORLD_H
#define STORE_TEST_WORLD_H

#include "helper.h"
#include "store.h"

#define JOURNAL_SIZE (128u << 10)

struct world {
	struct scratch dir;
	uint8_t *journal;	/* what the supervisor holds; NULL: none */
	struct store_options options;
	struct store *store;
	struct keyspace *ks;
	struct store_report report;
};

void world_make(struct world *w);
void world_remove(struct world *w);

void start_at(struct world *w, uint64_t now_ms);
void start(struct world *w);
/* Starts, and finds what it should; a whole store has nothing to say. */
void assert_start(struct world *w, enum store_source source);
/* Loads what history is still on disk. */
void recall(struct world *w);

/* kill -9 of the worker alone. */
void killed(struct world *w);
/* All processes die, with the memory that they held. */
void all_killed(struct world *w);
void machine_died(struct world *w);
/* An orderly end, and a reboot. */
void ended(struct world *w);

/* A client that watched up to `seen` is told to read again. */
void assert_cancelled(struct world *w, uint64_t seen);
/* For ks_replay(): takes everything. */
int nothing(const struct txn *t, void *arg);
/* Commits of 1 KB each, one after the other, on one key. */
void fill(struct world *w, uint64_t count);
/* A filter: values that begin with "secret" stay off the disk. */
bool no_secrets(void *ctx, const struct blob *key, const struct blob *value);

#endif
