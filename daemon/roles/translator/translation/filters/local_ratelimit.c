/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The local rate limit filter as APISIX's limit-count, or limit-req where the bucket is not filled up at
 * once or not in whole seconds (TRANSLATION.md 5).  A bucket belongs to the place where it is written:
 * all routes below share it, which limit-count says by a group and limit-req cannot say.
 *
 * APISIX refuses a second configuration under the name of a known group, so the name is made of the
 * configuration too.  Called through filter.h.
 */
#include <string.h>

#include "ids.h"
#include "json.h"
#include "limit.h"
#include "percent.h"
#include "scope.h"

#define REJECTED "local_rate_limited"
#define STATUS_DEFAULT 429

bool bucket_of(const rate_limit *limit, const Envoy__Type__V3__TokenBucket *t, struct bucket *ret)
{
	if (t == NULL)
		return false;
	*ret = (struct bucket){
		.max = t->max_tokens,
		.fill = uint32_of(t->tokens_per_fill, 1),
		.interval_ms = duration_ms(t->fill_interval, 0),
		.status = limit->status != NULL ? (unsigned)limit->status->code : 0,
		.headers = limit->enable_x_ratelimit_headers !=
			   ENVOY__EXTENSIONS__COMMON__RATELIMIT__V3__XRATE_LIMIT_HEADERS_RFCVERSION__OFF,
	};
	if (ret->status < 400 || ret->status > 599)
		ret->status = STATUS_DEFAULT;
	return ret->max > 0 && ret->fill > 0 && ret->interval_ms > 0;
}

/* Full again after each interval, in whole seconds: what limit-count does. */
static bool bucket_counts(const struct bucket *b)
{
	return b->fill >= b->max && b->interval_ms % 1000 == 0;
}

/* Both shares are 0 % when they are not set. */
static bool enforced(struct job *job, const rate_limit *limit, const struct path *at, bool say)
{
	struct path on = PATH_AT(at, "filter_enabled"), hard = PATH_AT(at, "filter_enforced");
	unsigned a = runtime_percent(job, limit->filter_enabled, 0, &on);
	unsigned b = runtime_percent(job, limit->filter_enforced, 0, &hard);
	const struct path *part = a > 0 && a < 100 ? &on : &hard;

	if (!say)
		return a > 0 && b > 0;
	if (a == 0 || b == 0)
		job_note(job, a == 0 ? &on : &hard, B_INFO,
			 "is 0 %% or not set, so requests are not limited");
	else if (a < 100 || b < 100)
		job_note(job, part, B_WARN,
			 "a share of requests cannot be chosen in APISIX; all are limited");
	return a > 0 && b > 0;
}

/* What holds wherever these settings count. */
static void notes(struct job *job, const ProtobufCMessage *m, const struct path *at)
{
	const rate_limit *limit = (const rate_limit *)m;
	struct path tokens = PATH_AT(at, "token_bucket"), parts = PATH_AT(at, "descriptors");
	struct bucket bucket;

	if ((limit->token_bucket == NULL && limit->n_descriptors == 0) ||
	    !enforced(job, limit, at, true) ||
	    limit->local_rate_limit_per_downstream_connection)
		return;
	if (limit->n_descriptors > 0)
		job_note(job, &parts, B_WARN,
			 "a request that several descriptors are for takes from the first of them only%s",
			 bool_of(limit->always_consume_default_token_bucket, true) &&
					 limit->token_bucket != NULL ?
				 ", and not from the bucket for all" :
				 "");
	if (limit->token_bucket == NULL)
		return;
	if (!bucket_of(limit, limit->token_bucket, &bucket))
		job_note(job, &tokens, B_WARN,
			 "has no tokens or no interval; requests are not limited");
	else if (bucket_counts(&bucket))
		job_note(job, &tokens, B_WARN,
			 "requests are counted in windows that begin with the first one, and the body "
			 "of the answer is JSON");
	else
		job_note(job, &tokens, B_WARN,
			 "the bucket is filled steadily, each route has one of its own, and the body "
			 "of the answer is JSON");
}

static void check(struct job *job, const struct filter *filter, const struct scope *scope)
{
	(void)scope;
	notes(job, filter->config, filter->at);
}

/* What the bucket belongs to, by names: positions change too easily. */
static const char *group_of(struct job *job, const struct filter_use *use, const struct rule *rule,
			    const char *part, const char *json)
{
	const struct filter_levels *l = &use->levels;
	const struct path *level = use->setting_at != NULL ? use->setting_at->up : NULL;
	const struct path *root = path_root(level != NULL ? level : use->scope->at);
	bool shared = level == NULL || level == l->config_at;
	char id[ID_SIZE];
	const char *parts[] = {
		"limit",
		root->type == RT_LISTENER ? "listener" : "routes",
		root->name,
		root->type == RT_LISTENER ? use->scope->id : "",
		level == NULL ? "filter" : "setting",
		shared ? "" : l->vhost->name,
		shared || level == l->vhost_at ? "" : rule->key,
		use->filter->name,
		part,
		json,
	};

	id_make(id, shared ? root->name : l->vhost->name, parts, ARRAY_SIZE(parts));
	return job_str(job, id, strlen(id));
}

static void write_rejection(struct json *j, const struct bucket *b)
{
	json_key_str(j, "policy", "local");
	json_key_uint(j, "rejected_code", b->status);
	json_key_str(j, "rejected_msg", REJECTED);
}

/* One variable by its name, several as a text. */
static void write_key(struct job *job, struct json *j, const struct strs *keys)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < keys->n; i++)
		buf_printf(&b, "%s%s%s", i > 0 ? " " : "", keys->n > 1 ? "$" : "", keys->list[i]);
	json_key_str(j, "key", job_take(job, &b));
	json_key_str(j, "key_type", keys->n > 1 ? "var_combination" : "var");
}

static const char *limit_count(struct job *job, const struct filter_use *use,
			       const struct rule *rule, const struct bucket *bucket,
			       const char *part, const struct strs *keys)
{
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);
	const char *rest;

	json_obj_open(&j);
	json_key_uint(&j, "count", bucket->max);
	if (keys->n > 0) {
		write_key(job, &j, keys);
	} else {
		json_key_str(&j, "key", "requests");
		json_key_str(&j, "key_type", "constant");
	}
	write_rejection(&j, bucket);
	json_key_bool(&j, "show_limit_quota_header", bucket->headers);
	json_key_int(&j, "time_window", bucket->interval_ms / 1000);
	json_obj_close(&j);
	rest = job_take(job, &b);
	return job_concat(job, "{\"group\":\"", group_of(job, use, rule, part, rest), "\",", rest + 1, NULL);
}

static const char *limit_req(struct job *job, const struct bucket *bucket, const struct strs *keys)
{
	const char *route_id = "route_id";
	const struct strs each_route = { .list = &route_id, .n = 1 };
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	json_obj_open(&j);
	json_key_uint(&j, "burst", bucket->max - 1);
	write_key(job, &j, keys->n > 0 ? keys : &each_route);
	json_key_bool(&j, "nodelay", true);
	json_key(&j, "rate");
	json_double(&j, bucket->fill * 1000.0 / (double)bucket->interval_ms);
	write_rejection(&j, bucket);
	json_obj_close(&j);
	return job_take(job, &b);
}

struct plugin bucket_plugin(struct job *job, const struct filter_use *use, const struct rule *rule,
			    const struct bucket *bucket, const char *part, const struct strs *keys)
{
	if (bucket_counts(bucket))
		return (struct plugin){ "limit-count",
					limit_count(job, use, rule, bucket, part, keys) };
	return (struct plugin){ "limit-req", limit_req(job, bucket, keys) };
}

/* The bucket for all requests. */
static void apply_bucket(struct job *job, const struct filter_use *use, const rate_limit *limit,
			 const struct path *at, struct rule *rule)
{
	const struct strs no_keys = { 0 };
	struct bucket bucket;
	struct plugin plugin;

	if (!bucket_of(limit, limit->token_bucket, &bucket))
		return;
	plugin = bucket_plugin(job, use, rule, &bucket, "", &no_keys);
	if (rule_has_plugin(rule, plugin.name))
		job_note(job, at, B_WARN,
			 "APISIX has one such limit for a route; this further one is left out");
	else
		rule_plugin_offered(job, rule, plugin.name, plugin.json, use->filter->at,
				    "requests are not limited");
}

static enum filter_result apply(struct job *job, const struct filter_use *use, struct rule *rule)
{
	const rate_limit *limit = (const rate_limit *)(use->setting != NULL ? use->setting :
									      use->filter->config);
	const struct path *at = use->setting != NULL ? use->setting_at : use->filter->at;

	if ((limit->token_bucket == NULL && limit->n_descriptors == 0) ||
	    !enforced(job, limit, at, false) || limit->local_rate_limit_per_downstream_connection)
		return FILTER_DONE;
	if (rule->answers || rule_has_plugin(rule, "redirect")) {
		job_note(job, at, B_WARN, "routes that answer by themselves are not limited in APISIX");
		return FILTER_DONE;
	}
	descriptors_apply(job, use, limit, at, rule);
	apply_bucket(job, use, limit, at, rule);
	return FILTER_DONE;
}

const struct filter_kind filter_local_ratelimit = {
	.type = &envoy__extensions__filters__http__local_ratelimit__v3__local_rate_limit__descriptor,
	.per_route =
		&envoy__extensions__filters__http__local_ratelimit__v3__local_rate_limit__descriptor,
	.check = check,
	.check_setting = notes,
	.apply = apply,
};
