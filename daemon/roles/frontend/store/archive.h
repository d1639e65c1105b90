/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The older part of the history on disk: files `history-<revision>` in the state folder, each an
 * image without keys whose last transaction has that revision.  A file is written once and never
 * changed, so a save writes only what is new, and yet a successor finds all that its predecessor
 * served.  They form a chain without a list of it: the file `objects` says which revision its own
 * history begins after, which names the file before it, and so on.  They are loaded after the keys are
 * served, one by one from the newest on, and at once when somebody asks for what they hold.
 * Called by store.c and recover.c; a file that is missing or damaged shortens the history, no more.
 */
#ifndef STORE_ARCHIVE_H
#define STORE_ARCHIVE_H

#include "objects.h"

struct archive {
	uint64_t *lasts;	/* owned: of each file, oldest first */
	size_t count, room;
	uint64_t pending;	/* the file that is to be loaded next, if there is one */
	bool complete;		/* nothing is left to load */
	uint64_t broken;	/* what ends here or before is cut off from what is newer */
};

void archive_deinit(struct archive *a);
/* The newest revision in it, as far as is known; 0 if it is empty. */
uint64_t archive_last(const struct archive *a);

enum {
	ARCHIVE_MORE = 1,	/* there may be another file before this one */
};

/*
 * Loads the file that is pending and puts its transactions before those of the key space; at the
 * chain's end removes the files that do not belong to it. Damage is noted.
 * 0: nothing is left to load. ARCHIVE_MORE. -ENOMEM: nothing has changed.
 */
int archive_recall(struct archive *a, const struct objects *o, struct keyspace *ks,
		   struct note *note);

/*
 * What a save has to write into a file of its own first: the oldest transactions that are not there,
 * once all but the newest one exceed `bytes`. Returns the last revision of them; 0: nothing.
 */
uint64_t archive_due(const struct keyspace *ks, const struct image_scope *scope, size_t bytes);

/*
 * What was written now begins after this revision: where that is not the end of the newest file
 * (something must not be stored), the chain is broken, and archive_trim() will remove what it was.
 */
void archive_follow(struct archive *a, uint64_t compacted);
/* Makes what was written the file of this last revision. As objects_commit(), or -ENOMEM. */
int archive_commit(struct archive *a, const struct objects *o, struct objects_save *save,
		   uint64_t last, struct note *note);
/* Removes the files that hold nothing after this revision. */
void archive_trim(struct archive *a, const struct objects *o, uint64_t compacted);

#endif
