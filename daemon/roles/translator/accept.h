/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From RESOURCES frames to the accepted set.
 *
 * Frames of one update are joined until LAST; each resource is checked as its frame comes, so that a
 * large update does not stop the loop at its end.  At LAST the good ones are applied and the bad ones
 * refused by name (their last good version stays); SNAPSHOT ends what is absent, unless INCOMPLETE.  Bytes that
 * are held already cost a comparison and nothing else.
 */
#ifndef MESHD_TRANSLATOR_ACCEPT_H
#define MESHD_TRANSLATOR_ACCEPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "holds.h"
#include "meshd/ipc.pb-c.h"
#include "quarantine.h"

#define ACCEPT_NAME_MAX 16384		/* bytes of a resource's name */
#define ACCEPT_ITEMS_MAX 1000000	/* of one update */
#define ACCEPT_BYTES_MAX (512u << 20)	/* of one update */

struct accept;

struct accept_result {
	uint64_t update;
	const char *type_url;	/* both texts: owned by the accept, until its next call */
	const char *detail;	/* "" when accepted */
	bool accepted;		/* false: something was refused, `detail` says what and why */
	enum rt type;		/* _RT_MAX: not one of ours */
	unsigned flags;		/* MESH_UPDATE_* of the whole */
	size_t changed;		/* resources put or removed */
	bool versions;		/* some versions changed, without their bytes */
};

/* The largest share of a type, in percent, that one update may remove; 0: no limit (drop.h). */
void accept_set_max_drop(struct accept *a, unsigned percent);
/* What was held back goes (then holds_settle()); how many of each type, added to `ret_gone`. */
void accept_dropped(struct accept *a, size_t ret_gone[_RT_MAX]);

/* `quarantine` may be NULL. Both are borrowed. */
int accept_new(struct holds *hs, struct quarantine *quarantine, struct accept **ret_accept);
struct accept *accept_free(struct accept *a);

/*
 * One frame. 0 more frames to come; ACCEPT_ENDED: the update has ended and is applied (call holds_settle()); -ENOMEM.
 */
#define ACCEPT_ENDED 1
int accept_frame(struct accept *a, const Mesh__Resources *frame, struct accept_result *ret_result);

/* The source is gone, or a new one is there: frames whose rest will not come are forgotten. */
void accept_reset(struct accept *a);

/*
 * A resource from the store: checked, then accepted.  0; ACCEPT_REFUSED (a finding tells why); -ENOMEM.
 */
#define ACCEPT_REFUSED 2
int accept_stored(struct accept *a, struct resource *r);

#endif
