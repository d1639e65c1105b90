/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a control plane wants to know of the workloads here (envoy.service.health.v3.HealthCheckSpecifier), and what we
 * have found out. Used by hds.c.
 *
 * The check of the proxy itself (an HTTP check of Envoy's admin port) has no sense here: it is answered with healthy,
 * as long as we are there to answer. Addresses that are not this machine's are never asked.
 */
#ifndef KUMA_CHECKS_H
#define KUMA_CHECKS_H

#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "meshd/plugin.h"

struct checks;

#define CHECKS_MAX 1000

struct checks *checks_new(struct mesh_host *host);
struct checks *checks_free(struct checks *checks);

/*
 * Takes a specifier in place of the one before; what is known of checks that are in both is kept. 0, -ENOMEM, or
 * -EBADMSG with what is wrong in `why`; nothing has changed then.
 */
int checks_take(struct checks *checks, const uint8_t *data, size_t size, char *why, size_t why_size);
/* No more checks. */
void checks_clear(struct checks *checks);

/* How often the control plane wants a report, in milliseconds; 0: there is nothing to report. */
int64_t checks_interval(const struct checks *checks);
/* Appends the report: a HealthCheckRequestOrEndpointHealthResponse. */
void checks_report(const struct checks *checks, struct buf *out);

/* "3 checked, 1 of them unhealthy: local_app:18080", for `meshctl status`. */
void checks_words(const struct checks *checks, char *text, size_t size);

#endif
