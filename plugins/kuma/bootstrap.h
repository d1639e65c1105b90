/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POST /bootstrap: kuma-dp asks there for the configuration of its Envoy. We ask in the same words before the first
 * stream: the control plane says at once whether token, mesh, Dataplane and address will do, in HTTP statuses that mean
 * one thing each, and what metadata it would have sent (XDS.md 7).
 */
#ifndef KUMA_BOOTSTRAP_H
#define KUMA_BOOTSTRAP_H

#include "buf.h"

struct identity;

/* Appends the request's body. 0, or a negative errno with the reason in `why`; -ENOMEM without. */
int bootstrap_ask(const struct identity *id, const char *token_file, struct buf *out, char *why, size_t why_size);

/*
 * Reads the answer to 200 and appends the node's metadata as a JSON object, without what is about an Envoy. 0; -EBADMSG
 * with what is wrong in `why` (it is no such answer, or for a node of another id); -ENOMEM.
 */
int bootstrap_read(const uint8_t *data, size_t size, const char *node_id, struct buf *metadata, char *why,
		   size_t why_size);

/* What another HTTP status means, with the remedy; `body` is what the control plane says to it. */
void bootstrap_words(int http, const char *body, char *text, size_t size);

#endif
