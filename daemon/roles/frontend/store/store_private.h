/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the store, for store.c (running) and recover.c (opening). */
#ifndef STORE_STORE_PRIVATE_H
#define STORE_STORE_PRIVATE_H

#include "archive.h"
#include "journal.h"
#include "objects.h"
#include "reserve.h"
#include "store.h"

#define STORE_SLICE (1u << 20)	/* bytes per step of a save */
#define STORE_RETRY_MS 5000	/* after a failed save inside a commit */

struct store {
	struct keyspace *ks;		/* owned */
	struct objects objects;
	struct archive archive;		/* older history */
	struct note recalled;		/* what was wrong with its files */
	struct objects_save saving;	/* a save that is under way */
	uint64_t archiving;		/* it is of history up to this revision; 0: of the keys */
	struct reserve reserve;
	struct journal journal;
	bool has_journal;
	struct store_filter filter;
	size_t tail_bytes;
	uint64_t stored;		/* revision of the newest file; 0: none */
	uint64_t retry_ms;		/* no save inside a commit before this time */
	size_t keep_bytes;		/* what a KEEP record would take now, at most */
	struct note problem;
};

/* recover.c: fills ks from files and journal, and decides where numbering goes on. */
int store_recover(struct store *s, const struct store_options *options, uint64_t now_ms,
		  struct store_report *report);

#endif
