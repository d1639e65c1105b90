/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The C library's heap, for processes that need megabytes for moments, again and again.
 */
#ifndef MESHD_HEAP_H
#define MESHD_HEAP_H

/*
 * Freed memory stays with the process, up to some tens of megabytes, until malloc_trim() is called: the
 * worker does that when it is quiet. Without it each large piece of work begins with fresh pages from the
 * kernel, which costs a fifth of a translation. For the whole process; cannot fail.
 */
void heap_keep(void);

#endif
