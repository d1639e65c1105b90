/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last look at the objects of a unit before they are put out: what APISIX would ignore is
 * replaced by what says no, or left out, and noted where it comes from (TRANSLATION.md 0.20, 0.21).
 */
#ifndef MESHD_TRANSLATION_VET_H
#define MESHD_TRANSLATION_VET_H

#include "apisix.h"
#include "out.h"

/*
 * Checks the objects of `out` that differ from those in `old`, which were checked when they came; both
 * sorted by key. Out of memory marks `out` as failed.
 */
void vet(struct apisix *apisix, const struct out *old, struct out *out);

#endif
