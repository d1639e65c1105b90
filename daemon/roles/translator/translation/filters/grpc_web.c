/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gRPC-Web as APISIX's grpc-web (TRANSLATION.md 5).  The plugin refuses what is no gRPC-Web call, while
 * Envoy's filter lets it pass; so it stands in a guard for such calls only.  It takes what a "*" at the
 * end of a path matched for the whole path, unless that has a name.  Called through filter.h.
 */
#include "envoy/extensions_filters_http_grpc_web_v3.pb-c.h"
#include "expr.h"
#include "kinds.h"
#include "rule.h"

static enum filter_result apply(struct job *job, const struct filter_use *use, struct rule *rule)
{
	struct guard guard = {
		.key = "grpc-web",
		.with = { "grpc-web", "{}" },
		.named_rest = true,
	};

	if (rule->answers || rule_has_plugin(rule, "redirect"))
		return FILTER_DONE;
	if (!rule_offered(job, "grpc-web")) {
		job_note(job, use->filter->at, B_WARN,
			 "needs APISIX's plugin 'grpc-web', which is not enabled there; gRPC-Web calls "
			 "are passed on as they come");
		return FILTER_DONE;
	}
	strs_add(job, &guard.vars, expr_op(job, "request_method", "==", "POST"));
	strs_add(job, &guard.vars,
		 "[\"http_content_type\",\"in\",[\"application/grpc-web\","
		 "\"application/grpc-web+proto\",\"application/grpc-web-text\","
		 "\"application/grpc-web-text+proto\"]]");
	rule_guard(job, rule, &guard);
	return FILTER_DONE;
}

static void check(struct job *job, const struct filter *filter, const struct scope *scope)
{
	(void)scope;
	job_note(job, filter->at, B_WARN,
		 "answers to gRPC-Web calls get Access-Control-Allow-Origin \"*\" where no CORS policy "
		 "says otherwise");
}

const struct filter_kind filter_grpc_web = {
	.type = &envoy__extensions__filters__http__grpc_web__v3__grpc_web__descriptor,
	.check = check,
	.apply = apply,
};
