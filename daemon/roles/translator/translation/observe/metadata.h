/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a mesh has once for a plugin (/plugin_metadata); see metadata.c.
 */
#ifndef MESHD_TRANSLATION_METADATA_H
#define MESHD_TRANSLATION_METADATA_H

#include "domain.h"
#include "job.h"

struct scope;

/* The node of these claims. */
#define CLAIM_METADATA "metadata"

/* A claim and the listener that it comes from. */
struct metadata_claim {
	const struct claim *claim;
	const char *listener;
};

/* The claim of a connection manager; false: it has none. */
bool metadata_claim(struct job *job, const struct scope *scope, struct claim *ret);

/* Writes the object of the first claim; the claims are sorted by their claimants. */
void metadata_write(struct job *job, const struct metadata_claim *claims, size_t n);

#endif
