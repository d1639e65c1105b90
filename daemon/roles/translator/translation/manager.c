/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See manager.h.  Called by chain.c for each connection manager and by vhost.c for its rules; what has
 * no counterpart is noted, and requests are served without it.
 */
#include "manager.h"

#include "rewrite.h"
#include "rule.h"
#include "scope.h"

#define DETAILS(name) XDS_HCM(HTTP_CONNECTION_MANAGER__FORWARD_CLIENT_CERT_DETAILS__##name)
#define XFCC "x-forwarded-client-cert"

/* Envoy makes ids by default. Here each route pays for them, so they must be asked for. */
static bool read_request_id(struct job *job, const xds_hcm *hcm, const struct path *at)
{
	if (hcm->generate_request_id == NULL)
		job_note(job, at, B_INFO,
			 "X-Request-Id is only made where generate_request_id is set to true");
	return bool_of(hcm->generate_request_id, false);
}

static bool read_real_ip(struct job *job, const xds_hcm *hcm, const struct path *at)
{
	struct path here = PATH_AT(at, "xff_num_trusted_hops");

	if (hcm->xff_num_trusted_hops == 0)
		return false;
	if (hcm->xff_num_trusted_hops == 1 && bool_of(hcm->use_remote_address, false))
		return true;
	job_note(job, &here, B_WARN,
		 "APISIX takes the last address of X-Forwarded-For or none; the client's address is "
		 "that of the connection");
	return false;
}

/*
 * Only a client whose certificate was verified may send the header, and its certificate is not known
 * here: Envoy then removes it unless told to forward it always.  Towards the mesh's own clients
 * (outbound) nothing is gained by that.
 */
static bool read_sanitize(struct job *job, const xds_hcm *hcm,
			  Envoy__Config__Core__V3__TrafficDirection direction, const struct path *at)
{
	struct path here = PATH_AT(at, "forward_client_cert_details");

	switch (hcm->forward_client_cert_details) {
	case DETAILS(ALWAYS_FORWARD_ONLY):
		return false;
	case DETAILS(FORWARD_ONLY):
		job_note(job, &here, B_WARN,
			 "x-forwarded-client-cert is removed, since no client's certificate is known");
		return true;
	case DETAILS(APPEND_FORWARD):
	case DETAILS(SANITIZE_SET):
		job_note(job, &here, B_WARN,
			 "x-forwarded-client-cert is removed; the client's certificate is not told to "
			 "the service");
		return true;
	default:
		break;
	}
	if (direction == XDS_CORE(TRAFFIC_DIRECTION__INBOUND) ||
	    bool_of(hcm->use_remote_address, false))
		return true;
	if (direction == XDS_CORE(TRAFFIC_DIRECTION__UNSPECIFIED))
		job_note(job, at, B_INFO,
			 "x-forwarded-client-cert is passed on as it comes; it is removed where the "
			 "listener is inbound or use_remote_address is on");
	return false;
}

void manager_read(struct job *job, const xds_hcm *hcm,
		  Envoy__Config__Core__V3__TrafficDirection direction, const struct path *at,
		  struct manager *ret)
{
	*ret = (struct manager){
		.request_id = read_request_id(job, hcm, at),
		.real_ip = read_real_ip(job, hcm, at),
		.sanitize = read_sanitize(job, hcm, direction, at),
	};
}

void manager_request(struct job *job, const struct scope *scope, struct rewrite *rewrite)
{
	if (scope->manager.sanitize)
		mutate_remove(job, XFCC, scope->at, false, rewrite);
}

void manager_rule(struct job *job, const struct scope *scope, struct rule *rule)
{
	if (scope->manager.request_id)
		rule_plugin_offered(job, rule, "request-id", "{\"include_in_response\":false}",
				    scope->at, "X-Request-Id is not made");
	if (scope->manager.real_ip)
		rule_plugin_offered(job, rule, "real-ip", "{\"source\":\"http_x_forwarded_for\"}",
				    scope->at, "the client's address is that of the connection");
}
