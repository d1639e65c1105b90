/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cluster of one: Cluster.MemberList and Maintenance.Alarm. Called through the table of rpc.c; each
 * handler as described there.
 */
#ifndef ETCD_CLUSTER_H
#define ETCD_CLUSTER_H

#include "apierr.h"
#include "body.h"
#include "form.h"
#include "message.h"

struct server;

int cluster_call_members(struct server *s, const union request *req, const struct form *form,
			 struct body **ret_body, struct apierr *err);
int cluster_call_alarm(struct server *s, const union request *req, const struct form *form,
		       struct body **ret_body, struct apierr *err);

#endif
