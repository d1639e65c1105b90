/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the two files of the local rate limit filter: what a token bucket limits.
 */
#ifndef MESHD_TRANSLATION_LIMIT_H
#define MESHD_TRANSLATION_LIMIT_H

#include "envoy/extensions_filters_http_local_ratelimit_v3.pb-c.h"
#include "kinds.h"
#include "rule.h"

typedef Envoy__Extensions__Filters__Http__LocalRatelimit__V3__LocalRateLimit rate_limit;

struct bucket {
	uint32_t max, fill;
	int64_t interval_ms;
	unsigned status;
	bool headers;
};

/* False: it limits nothing. */
bool bucket_of(const rate_limit *limit, const Envoy__Type__V3__TokenBucket *tokens, struct bucket *ret);
/*
 * The plugin for it.
 * part: tells the buckets of one filter apart
 * keys: nginx's variables, each combination of whose values has a bucket of its own; may be empty
 */
struct plugin bucket_plugin(struct job *job, const struct filter_use *use, const struct rule *rule,
			    const struct bucket *bucket, const char *part, const struct strs *keys);

/* descriptor.c: limits for some requests, each as a guard. */
void descriptors_apply(struct job *job, const struct filter_use *use, const rate_limit *limit,
		       const struct path *at, struct rule *rule);

#endif
