/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plain ClusterLoadAssignments, read without unpacking them: what almost all are that ever change.
 */
#ifndef MESHD_TRANSLATION_ASSIGNMENT_H
#define MESHD_TRANSLATION_ASSIGNMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct plain_endpoint {
	const uint8_t *address;	/* borrowed from the body; not looked at: it may be no host at all */
	size_t address_len;
	uint32_t port;		/* 1 to 65535 */
	uint32_t weight;	/* not 0 */
	bool usable;		/* healthy, or nobody knows */
};

/* False ends the reading. */
typedef bool (*plain_endpoint_fn)(void *arg, const struct plain_endpoint *endpoint);

/*
 * Calls `fn` (may be NULL) for each endpoint in their order, those of all localities one after another.  True: the
 * assignment is plain, which means that it consists of localities of the highest priority and of endpoints with a
 * socket address, a health status, a weight and filter_metadata, each as it must be, and of nothing else.  Such a
 * one gives no findings and nothing but nodes, unless the cluster minds localities or subsets.  False: it is not,
 * or `fn` said so; the bytes may be anything.
 */
bool assignment_plain(const uint8_t *body, size_t size, plain_endpoint_fn fn, void *arg);

#endif
