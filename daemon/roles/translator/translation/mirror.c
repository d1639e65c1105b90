/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request_mirror_policies as APISIX's proxy-mirror (TRANSLATION.md 2.7): one copy of a share of the
 * requests, to one address.  The route's policies win over the virtual host's, those over the route
 * configuration's.  Called by action.c; what cannot be said is noted and not copied.
 */
#include <string.h>

#include "action.h"
#include "cluster.h"
#include "json.h"
#include "percent.h"

typedef Envoy__Config__Route__V3__RouteAction__RequestMirrorPolicy mirror_policy;

#define RATIO_MIN 0.00001 /* of proxy-mirror */
/* Right after proxy-rewrite (1008), whose path the copy is to have; proxy-mirror itself comes before it. */
#define AFTER_REWRITE 1007

/* The policies that count for a route, and whose they are. */
struct mirror_level {
	mirror_policy *const *policies;
	size_t n;
	const struct path *at;
};

static struct mirror_level level_of(const struct scope *scope, const xds_vhost *vhost,
				    const xds_route_action *action, const struct path *at)
{
	const struct mirror_level levels[] = {
		{ action->request_mirror_policies, action->n_request_mirror_policies, at },
		{ vhost->request_mirror_policies, vhost->n_request_mirror_policies, at->up->up },
		{ scope->config->request_mirror_policies, scope->config->n_request_mirror_policies,
		  scope->config_at },
	};
	size_t i = 0;

	while (i < ARRAY_SIZE(levels) - 1 && levels[i].n == 0)
		i++;
	return levels[i];
}

/* The share of requests that is copied; 0: none. */
static double ratio_of(struct job *job, const mirror_policy *policy, const struct path *at)
{
	const xds_fraction *f = policy->runtime_fraction;
	struct path here = PATH_AT(at, "runtime_fraction");
	double ratio;

	if (f == NULL)
		return 1;
	if (f->runtime_key[0] != '\0')
		job_note(job, &here, B_INFO, "there is no runtime: the default value counts");
	if (f->default_value == NULL)
		return 0;
	ratio = (double)f->default_value->numerator / (double)fraction_base(f->default_value);
	if (ratio > 0 && ratio < RATIO_MIN)
		job_note(job, &here, B_WARN,
			 "APISIX copies one request of 100,000 at least; the share is raised to that");
	return ratio >= 1 ? 1 : ratio > 0 && ratio < RATIO_MIN ? RATIO_MIN : ratio;
}

/* proxy-mirror takes no underscore. */
static bool host_taken(const char *host)
{
	return host[0] == '[' || strchr(host, '_') == NULL;
}

/*
 * nginx copies a request where it sends it, over HTTP/1.1 or HTTP/2 (gRPC); a copy for the other way would
 * get nowhere and nobody would hear of it.  0: that is all of the route's requests.
 */
static enum speech speech_of(struct job *job, const struct cluster_nodes *nodes, const struct rule *rule,
			     const struct path *at)
{
	enum speech speech = nodes->h2 ? SPEECH_HTTP2 : SPEECH_HTTP1;
	const char *name;

	if (nodes->downstream && rule->speaks == SPEECH_HTTP2)
		speech = SPEECH_HTTP2;
	name = speech == SPEECH_HTTP2 ? "HTTP/2" : "HTTP/1.1";
	if ((rule->speaks & speech) == 0) {
		job_note(job, at, B_WARN,
			 "copies would be sent over %s, the route's own requests are not; APISIX copies in one "
			 "protocol, so no request is copied", name);
		return 0;
	}
	if (rule->speaks != (unsigned)speech)
		job_note(job, at, B_WARN, "only requests that are sent over %s are copied", name);
	return speech;
}

static const char *address_of(struct job *job, const struct cluster_nodes *nodes, enum speech speech,
			      const struct up_node *node)
{
	const char *scheme = speech == SPEECH_HTTP2 ? (nodes->tls ? "grpcs" : "grpc") :
						      (nodes->tls ? "https" : "http");

	return job_printf(job, "%s://%s:%u", scheme, node->host, node->port);
}

static void mirror_write(struct job *job, const char *host, double ratio, bool rewritten,
			 struct rule *rule)
{
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	json_obj_open(&j);
	if (rewritten) {
		json_key(&j, "_meta");
		json_obj_open(&j);
		json_key_int(&j, "priority", AFTER_REWRITE);
		json_obj_close(&j);
	}
	json_key_str(&j, "host", host);
	if (ratio < 1) {
		json_key(&j, "sample_ratio");
		json_double(&j, ratio);
	}
	json_obj_close(&j);
	rule_plugin(job, rule, "proxy-mirror", job_take(job, &b));
}

/* False: this policy copies nothing, and the next one may. */
static bool mirror_one(struct job *job, const mirror_policy *policy, const struct path *at,
		       bool rewritten, struct rule *rule)
{
	const struct cluster_nodes *nodes;
	const struct up_node *node;
	enum speech speech;
	double ratio = ratio_of(job, policy, at);

	if (ratio <= 0)
		return false;
	if (policy->cluster[0] == '\0') {
		job_note(job, at, B_WARN,
			 "a header cannot choose where copies go in APISIX; no request is copied");
		return false;
	}
	node = cluster_pick(job, policy->cluster, rule->key, at, B_WARN, "no request is copied",
			    &nodes);
	if (node == NULL)
		return false;
	if (!host_taken(node->host)) {
		job_note(job, at, B_WARN,
			 "'%s' is no host that APISIX copies to; no request is copied", node->host);
		return false;
	}
	speech = speech_of(job, nodes, rule, at);
	if (speech == 0)
		return false;
	mirror_write(job, address_of(job, nodes, speech, node), ratio, rewritten, rule);
	job_note(job, at, B_WARN, "copies of one route all go to one endpoint; Envoy balances them");
	if (!policy->disable_shadow_host_suffix_append)
		job_note(job, at, B_WARN,
			 "copies have the request's own Host; Envoy puts -shadow behind the name");
	return true;
}

void action_mirror(struct job *job, const struct scope *scope, const xds_vhost *vhost,
		   const xds_route_action *action, const struct path *at, bool rewritten,
		   struct rule *rule)
{
	struct mirror_level level = level_of(scope, vhost, action, at);
	bool taken = false;

	if (level.n > 0 && !rule_offered(job, "proxy-mirror")) {
		struct path here = PATH_AT(level.at, "request_mirror_policies");

		job_note(job, &here, B_WARN,
			 "needs APISIX's plugin 'proxy-mirror', which is not enabled there; no "
			 "request is copied");
		return;
	}
	for (size_t i = 0; i < level.n; i++) {
		struct path here = PATH_INDEX(level.at, "request_mirror_policies", i);

		if (taken)
			job_note(job, &here, B_WARN,
				 "APISIX copies a request once; this further policy is left out");
		else
			taken = mirror_one(job, level.policies[i], &here, rewritten, rule);
	}
}
