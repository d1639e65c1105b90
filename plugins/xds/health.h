/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks at the workload beside us again and again, by HTTP or by a TCP connection, and tells when it became healthy or
 * ceased to be (what istiod is told of an auto-registered machine, XDS.md 6).  Used by xds.c.
 */
#ifndef XDS_HEALTH_H
#define XDS_HEALTH_H

#include <stddef.h>

#include "meshd/plugin.h"

struct health;

/* The workload is well (`why` NULL), or not. */
typedef void (*health_fn)(void *arg, const char *why);

/* Is there anything to look at? */
bool health_wanted(const struct mesh_host_ops *ops, const struct mesh_conf *conf);
void health_check(const struct mesh_host_ops *ops, const struct mesh_conf *conf, struct mesh_diag *diag);

/* 0, -EINVAL (an address that health_check() refuses), -ENOMEM. */
int health_new(struct mesh_host *host, health_fn changed, void *arg, struct health **ret_health);
struct health *health_free(struct health *h);

void health_start(struct health *h);
void health_stop(struct health *h);

/* Calls back with what is known now, if anything is. */
void health_tell(const struct health *h);

/* A row for `meshctl status`. */
void health_stats(const struct health *h, void (*emit)(void *arg, const char *name, const char *value), void *arg);

#endif
