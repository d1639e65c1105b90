/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The object store's files in the state folder: `objects`, its predecessor `objects.prev`, older
 * history (archive.h), and `objects.damaged-1` to `-3` for what could not be read.  All mode 0600.
 * A save is prepared (written beside, synced) and then committed (renamed, folder synced); between
 * the two the caller writes into the journal what the file leaves out.  Killed at any moment, there
 * is always a complete file of one of the two states.
 */
#ifndef STORE_OBJECTS_H
#define STORE_OBJECTS_H

#include "image.h"
#include "keyspace.h"
#include "note.h"

struct objects {
	int dirfd;			/* borrowed: the state folder */
	const struct store_io *io;	/* borrowed */
	bool purge;			/* what is there may hold secrets: the next commit leaves nothing of it */
};

enum {
	OBJECTS_PREVIOUS = 1,	/* the newest file is missing or damaged, its predecessor is used */
	OBJECTS_NONE = 2,	/* there is none */
	OBJECTS_LOST = 3,	/* there was one, but nothing could be read */
};

/* The system's own calls. */
extern const struct store_io store_io_system;

/*
 * Loads the newest file that is whole. What is damaged is renamed aside and named in the note.
 * 0 or OBJECTS_PREVIOUS: ret_ks and ret_info are set. OBJECTS_NONE, OBJECTS_LOST: they are not.
 * Negative errno: cannot go on (no memory, no descriptors, or the folder cannot be used).
 */
int objects_load(const struct objects *o, const struct history_limits *limits,
		 struct keyspace **ret_ks, struct image_info *ret_info, struct note *note);

/*
 * The same for one file. 0: ret_ks and ret_info are set. 1: it is not there. 2: it was damaged and
 * is set aside now. Negative: cannot go on.
 */
int objects_try(const struct objects *o, const char *name, const struct history_limits *limits,
		struct keyspace **ret_ks, struct image_info *ret_info, struct note *note);

/*
 * A save under way: writes `objects.tmp`. On an error, and by objects_abort(), it is removed again,
 * and the old files are as they were.
 */
struct objects_save {
	int fd;				/* owned; -1: none is under way */
	struct image_writer *writer;	/* owned */
};

#define OBJECTS_SAVE_INIT { .fd = -1 }

/*
 * Begins with the key space as it is now, or with a part of its history. Negative errno (noted):
 * nothing is under way.
 */
int objects_begin(const struct objects *o, struct objects_save *save, const struct keyspace *ks,
		  const struct image_scope *scope, struct note *note);
/*
 * Writes about `bytes` more. 0: written and synced; what it holds is in ret_info, and in the
 * writer's snapshot until objects_commit() or objects_abort(). IMAGE_MORE. Negative errno (noted):
 * nothing is under way any more.
 */
int objects_step(const struct objects *o, struct objects_save *save, size_t bytes,
		 struct image_info *ret_info, struct note *note);
/* Gives up what is under way, if anything. */
void objects_abort(const struct objects *o, struct objects_save *save);
/* Lets go of it without touching the folder, which a successor may be writing to. */
void objects_release(struct objects_save *save);
/* Makes what was written the newest. Whatever it returns, nothing is under way any more. */
int objects_commit(struct objects *o, struct objects_save *save, struct note *note);
/* The same under another name, which has no predecessor. */
int objects_commit_as(const struct objects *o, struct objects_save *save, const char *name,
		      struct note *note);

#endif
