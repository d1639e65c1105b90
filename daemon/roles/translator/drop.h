/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Removals that go too far: `translator.max_drop`.
 *
 * By the protocol, an update may remove everything, and a control plane that has lost its memory does.  With a
 * limit, removals of one update that are more than this share of what is held of the type are held back: all of
 * them stay and are served, loudly, until `meshctl accept`, until a later update has them again, or until one is within
 * the limit.  What another source sent does not count: that it goes was asked for.
 */
#ifndef MESHD_TRANSLATOR_DROP_H
#define MESHD_TRANSLATOR_DROP_H

#include "holds.h"

/* `h` is gone by an update of its type. */
void drop_doom(struct holds *hs, struct hold *h);
/* It is there again, or really gone (holds_remove() does it). */
void drop_spare(struct holds *hs, struct hold *h);

/*
 * The update has ended; `before`: how many of the type were held.  True: they may go.  False: they are held back, which
 * has been logged and reported.
 */
bool drop_is_allowed(struct holds *hs, enum rt type, size_t before, unsigned percent);

#endif
