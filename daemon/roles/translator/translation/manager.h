/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a connection manager itself does to requests (TRANSLATION.md 3.4): ids, the client's address,
 * and the header that tells of client certificates.
 */
#ifndef MESHD_TRANSLATION_MANAGER_H
#define MESHD_TRANSLATION_MANAGER_H

#include "job.h"
#include "xds.h"

struct rewrite;
struct rule;
struct scope;

struct manager {
	bool request_id;	/* made where there is none */
	bool real_ip;		/* the client's address is the last one of X-Forwarded-For */
	bool sanitize;		/* x-forwarded-client-cert of clients is removed */
};

/* direction: of the listener. Notes what cannot be said. */
void manager_read(struct job *job, const xds_hcm *hcm, Envoy__Config__Core__V3__TrafficDirection direction,
		  const struct path *at, struct manager *ret);
/* Before all other mutations. */
void manager_request(struct job *job, const struct scope *scope, struct rewrite *rewrite);
/* The plugins of a rule that forwards. */
void manager_rule(struct job *job, const struct scope *scope, struct rule *rule);

#endif
