/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Lease service. Leases live in the host; here they get etcd's answers. Called through the
 * table of rpc.c; each handler as described there. Keeping alive is a stream: one answer per request.
 */
#ifndef ETCD_LEASE_H
#define ETCD_LEASE_H

#include "apierr.h"
#include "body.h"
#include "form.h"
#include "message.h"

struct server;

int lease_call_grant(struct server *s, const union request *req, const struct form *form,
		     struct body **ret_body, struct apierr *err);
int lease_call_revoke(struct server *s, const union request *req, const struct form *form,
		      struct body **ret_body, struct apierr *err);
int lease_call_keep_alive(struct server *s, const union request *req, const struct form *form,
			  struct body **ret_body, struct apierr *err);
int lease_call_time_to_live(struct server *s, const union request *req, const struct form *form,
			    struct body **ret_body, struct apierr *err);
int lease_call_list(struct server *s, const union request *req, const struct form *form,
		    struct body **ret_body, struct apierr *err);

#endif
