/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file `revision` in the state folder: the last defence of "revisions only grow".  It says
 *   reserved   no number above it has ever been taken (synced before any is), and
 *   used       the newest number taken, written before the number is visible but not synced: true
 *              after any death of processes, though not after a crash of the machine, so it counts
 *              only if it was written since this boot, or at an orderly end (`clean`, synced).
 * Two copies in different sectors alternate, so a torn write never loses both.
 */
#ifndef STORE_RESERVE_H
#define STORE_RESERVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image.h"
#include "note.h"

#define RESERVE_STEP 100000u	/* numbers taken at once */
#define RESERVE_BOOT_SIZE 16u

struct reserve_state {
	uint64_t sequence;
	uint64_t reserved, used;
	uint8_t boot[RESERVE_BOOT_SIZE];	/* a hash of the boot id; zero: unknown */
	bool clean;
};

struct reserve {
	int fd;			/* owned; -1: there is no file, nothing can be reserved */
	const struct store_io *io;
	struct reserve_state state;
};

#define RESERVE_INIT { .fd = -1 }

enum {
	RESERVE_FRESH = 1,	/* there was no file */
	RESERVE_DAMAGED = 2,	/* there was one, but it says nothing; the note names it */
};

/*
 * Opens or makes the file. `boot_id`: what names this boot of the machine (the text of
 * /proc/sys/kernel/random/boot_id), NULL if unknown.  Sets ret_exact: `used` can be relied on.
 * 0, RESERVE_FRESH, RESERVE_DAMAGED, or a negative errno (noted; then fd is -1 and all that
 * follows does nothing).
 */
int reserve_open(struct reserve *rv, int dirfd, const char *boot_id, const struct store_io *io,
		 bool *ret_exact, struct note *note);
void reserve_close(struct reserve *rv);

/*
 * From here on numbers up to `taken` + RESERVE_STEP, at least `now_ms`, may be taken; up to
 * `visible` they have been seen. Synced. Negative errno: not reserved.
 */
int reserve_extend(struct reserve *rv, uint64_t visible, uint64_t taken, uint64_t now_ms);
/* This number is about to become visible. Not synced; fast. Negative errno of pwrite. */
int reserve_use(struct reserve *rv, uint64_t used);
/* Orderly end: nothing after `used` was ever visible. Synced. */
int reserve_finish(struct reserve *rv, uint64_t used);

#endif
