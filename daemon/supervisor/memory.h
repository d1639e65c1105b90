/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that outlives a worker: a sealed memfd that the supervisor holds and hands to each
 * successor.  It never looks inside.
 */
#ifndef MESHD_SUPERVISOR_MEMORY_H
#define MESHD_SUPERVISOR_MEMORY_H

#include <stddef.h>

/* A zeroed memfd of this size that can neither shrink nor grow.  The descriptor or negative errno. */
int memory_new(const char *name, size_t size);

#endif
