/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log beside the store's image: changes since it was written, in `state_dir/resources.log`.
 *
 * It makes the cost of saving follow the change and not the size: a changed endpoint appends its record;
 * only when the log has grown to a part of the image is a new image written and the log emptied.  A
 * torn end (power loss) is cut off at the next append; frames that the image has already are skipped by number.
 */
#ifndef MESHD_TRANSLATOR_LOG_FILE_H
#define MESHD_TRANSLATOR_LOG_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "tail.h"

struct log_file {
	uint64_t size;		/* bytes that are good */
	uint64_t last;		/* number of its last change; 0: empty */
};

/*
 * Calls fn for each frame with a number above `after`.  A folder without a log is one with an empty log, and so
 * is one whose log cannot be read (logged).  0, or the non-zero value of fn.
 */
int log_file_load(struct log_file *l, const char *dir, uint64_t after, tail_fn fn, void *arg);

/* Appends the frames in `frames`, the last of which has number `last`, and syncs. 0 or negative errno. */
int log_file_append(struct log_file *l, const char *dir, const struct buf *frames, uint64_t last);

/* Everything in it is in the image. 0 or negative errno (it stays, and its frames are skipped by number). */
int log_file_clear(struct log_file *l, const char *dir);

#endif
