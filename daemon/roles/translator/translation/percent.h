/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shares of requests: Envoy counts in hundredths, ten thousandths or millionths, APISIX's plugins in
 * whole percent.
 */
#ifndef MESHD_TRANSLATION_PERCENT_H
#define MESHD_TRANSLATION_PERCENT_H

#include "job.h"
#include "xds.h"

typedef Envoy__Type__V3__FractionalPercent pb_fraction;
typedef Envoy__Config__Core__V3__RuntimeFractionalPercent pb_runtime_fraction;

/* What a fraction is of: 100, 10000 or 1000000. */
uint64_t fraction_base(const pb_fraction *f);

/* 0 to 100, rounded half up, but never to 0 what is more; `absent` when there is none. */
unsigned percent_of(const pb_fraction *f, unsigned absent);
/* Says when percent_of() is not the exact share, and when an absent one means 0 (`none`: what that comes to). */
void percent_note(struct job *job, const pb_fraction *f, const struct path *at, const char *none);

/* The default of a runtime value, since there is no runtime; noted at `at` when it has a key. */
unsigned runtime_percent(struct job *job, const pb_runtime_fraction *f, unsigned absent, const struct path *at);

#endif
