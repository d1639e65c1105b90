/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See heap.h.  Called once by the translator when it starts, and by the bench that measures it.
 */
#include "heap.h"

#include <malloc.h>

#define KEPT_MAX (64 << 20)	/* more than this at the end of the heap is given back at once */
#define MAPPED_MIN (4 << 20)	/* what is larger comes from the kernel by itself: more than an arena's chunk */

void heap_keep(void)
{
	(void)mallopt(M_TRIM_THRESHOLD, KEPT_MAX);
	(void)mallopt(M_MMAP_THRESHOLD, MAPPED_MIN);
}
