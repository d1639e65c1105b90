/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api_key_auth as APISIX's key-auth and consumers (TRANSLATION.md 5).  Consumers are one name space for
 * all routes, so a consumer is named after its key alone, whoever wants it, and consumer-restriction
 * lets only those of the filter pass.  Keys are secrets: no finding has one, and no name tells it.
 * Called through filter.h.
 */
#include <string.h>

#include "envoy/extensions_filters_http_api_key_auth_v3.pb-c.h"
#include "ids.h"
#include "json.h"
#include "kinds.h"
#include "rewrite.h"

typedef Envoy__Extensions__Filters__Http__ApiKeyAuth__V3__ApiKeyAuth key_config;
typedef Envoy__Extensions__Filters__Http__ApiKeyAuth__V3__ApiKeyAuthPerRoute key_route;
typedef Envoy__Extensions__Filters__Http__ApiKeyAuth__V3__Credential credential;
typedef Envoy__Extensions__Filters__Http__ApiKeyAuth__V3__KeySource key_source;
typedef Envoy__Extensions__Filters__Http__ApiKeyAuth__V3__Forwarding key_forwarding;

#define CREDENTIALS_MAX 1000 /* of one route: each of its objects names them all */

/* What counts for a route: its own setting, where it says anything, else the filter's. */
struct keys {
	credential *const *credentials;
	size_t n_credentials;
	key_source *const *sources;
	size_t n_sources;
	char *const *clients; /* that may pass; none: all */
	size_t n_clients;
	const key_forwarding *forwarding;
	const struct path *at;
};

static struct keys keys_of(const struct filter_use *use)
{
	const key_config *config = (const key_config *)use->filter->config;
	const key_route *own = (const key_route *)use->setting;
	struct keys k = { config->credentials, config->n_credentials, config->key_sources,
			  config->n_key_sources, NULL, 0, config->forwarding, use->filter->at };

	if (own == NULL)
		return k;
	k.at = use->setting_at;
	if (own->n_credentials > 0) {
		k.credentials = own->credentials;
		k.n_credentials = own->n_credentials;
	}
	if (own->n_key_sources > 0) {
		k.sources = own->key_sources;
		k.n_sources = own->n_key_sources;
	}
	k.clients = own->allowed_clients;
	k.n_clients = own->n_allowed_clients;
	if (own->forwarding != NULL)
		k.forwarding = own->forwarding;
	return k;
}

/* ---- what cannot be said ---------------------------------------------------------------------- */

struct places {
	const char *header, *query;
};

/* Why the sources cannot be said, or NULL. */
static const char *places_of(const struct keys *k, struct places *ret)
{
	*ret = (struct places){ NULL, NULL };
	for (size_t i = 0; i < k->n_sources; i++) {
		const key_source *s = k->sources[i];
		const char **place = s->header[0] != '\0' ? &ret->header : &ret->query;
		const char *name = s->header[0] != '\0' ? s->header : s->query;

		if (s->header[0] == '\0' && s->query[0] == '\0')
			return "APISIX finds keys in a header or a query parameter only";
		if (*place != NULL && strcasecmp(*place, name) != 0)
			return "APISIX looks at one header and one query parameter";
		*place = name;
	}
	return k->n_sources == 0 ? "names no place of the key" : NULL;
}

/* Text that APISIX would take for the name of a secret. */
static bool reference(const char *key)
{
	return strncasecmp(key, "$env://", 7) == 0 || strncasecmp(key, "$secret://", 10) == 0;
}

static const char *lost(const struct keys *k, struct places *ret_places)
{
	if (k->n_credentials > CREDENTIALS_MAX)
		return "there are more keys than one route can name in APISIX";
	for (size_t i = 0; i < k->n_credentials; i++)
		if (reference(k->credentials[i]->key))
			return "a key looks like a reference to a secret, as which APISIX would take it";
	return places_of(k, ret_places);
}

/* ---- objects ---------------------------------------------------------------------------------- */

/* Ways to send a key: Envoy takes "Bearer" away, APISIX looks at the whole text. */
static const char *const ways[] = { "", "Bearer " };
#define WAYS ARRAY_SIZE(ways)

/* The consumers of one list of credentials, which many routes share: each is written once. */
struct known {
	credential *const *of;
	const char **names;	/* WAYS for each; NULL: not written yet */
	const char *all[WAYS];	/* restriction_json() for all of them, by the number of ways less one */
	size_t n_all;
};

/* Are they the filter's own, not those of the setting at work? */
static bool keys_own(const struct filter_use *use, const struct keys *k)
{
	return k->credentials == ((const key_config *)use->filter->config)->credentials;
}

static struct known *known_of(struct job *job, const struct filter_use *use, const struct keys *k)
{
	void **memo = &use->filter->memo[!keys_own(use, k)];
	struct known *known = *memo;

	if (known == NULL)
		*memo = known = job_alloc(job, 1, sizeof *known);
	if (known == NULL)
		return NULL;
	if (known->names == NULL || known->of != k->credentials)
		*known = (struct known){ .of = k->credentials,
					 .names = job_alloc(job, k->n_credentials * WAYS + 1, sizeof *known->names) };
	return known->names != NULL ? known : NULL;
}

static const char *consumer_write(struct job *job, const char *key, const struct path *at)
{
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);
	char id[ID_SIZE];

	id_make_secret(id, "api-key", key);
	json_obj_open(&j);
	json_key(&j, "plugins");
	json_obj_open(&j);
	json_key(&j, "key-auth");
	json_obj_open(&j);
	json_key_str(&j, "key", key);
	json_obj_close(&j);
	json_obj_close(&j);
	json_key_str(&j, "username", id);
	json_obj_close(&j);
	out_object(job->out, "consumers", id, &b, &at, 1);
	buf_deinit(&b);
	return job_str(job, id, strlen(id));
}

static const char *consumer_name(struct job *job, const struct keys *k, struct known *known, size_t i, size_t way)
{
	const char **name = &known->names[i * WAYS + way];

	if (*name == NULL)
		*name = consumer_write(job, job_concat(job, ways[way], k->credentials[i]->key, NULL), k->at);
	return *name;
}

static bool client_allowed(const struct keys *k, const char *client)
{
	for (size_t i = 0; i < k->n_clients; i++)
		if (strcmp(k->clients[i], client) == 0)
			return true;
	return k->n_clients == 0;
}

/*
 * Those that may pass, each in its object. Who is none of them has a key of another filter, which Envoy
 * does not know (401), unless not all clients may pass.
 */
static const char *restriction_json(struct job *job, const struct keys *k, size_t n_ways, struct known *known,
				    size_t *ret_n)
{
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	*ret_n = 0;
	json_obj_open(&j);
	json_key_int(&j, "rejected_code", k->n_clients > 0 ? 403 : 401);
	json_key_str(&j, "type", "consumer_name");
	json_key(&j, "whitelist");
	json_arr_open(&j);
	for (size_t i = 0; i < k->n_credentials; i++) {
		const credential *c = k->credentials[i];

		if (c->key[0] == '\0' || !client_allowed(k, c->client))
			continue;
		for (size_t way = 0; way < n_ways; way++)
			json_str(&j, consumer_name(job, k, known, i, way));
		++*ret_n;
	}
	json_arr_close(&j);
	json_obj_close(&j);
	return job_take(job, &b);
}

/* The same, made once for all who share it; *ret_n 0: none may pass. */
static const char *restriction_known(struct job *job, const struct filter_use *use, const struct keys *k,
				     const struct places *places, size_t *ret_n)
{
	size_t n_ways = places->header != NULL && strcasecmp(places->header, "authorization") == 0 ? WAYS : 1;
	struct known *known = known_of(job, use, k);
	const char **all;

	*ret_n = 0;
	if (known == NULL)
		return "";
	if (k->n_clients > 0)
		return restriction_json(job, k, n_ways, known, ret_n);
	all = &known->all[n_ways - 1];
	if (*all == NULL)
		*all = restriction_json(job, k, n_ways, known, &known->n_all);
	*ret_n = known->n_all;
	return *all;
}

/* What is known of the filter's own keys lasts; see filters_forget(). */
static const char *restriction(struct job *job, const struct filter_use *use, const struct keys *k,
			       const struct places *places, size_t *ret_n)
{
	struct arena *arena = keys_own(use, k) ? job_last(job) : job->arena;
	const char *json = restriction_known(job, use, k, places, ret_n);

	job->arena = arena;
	return json;
}

/* Both places have names; the one that is not said gets that of the other, or APISIX would take "apikey". */
static const char *plugin_json(struct job *job, const struct keys *k, const struct places *p)
{
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	json_obj_open(&j);
	json_key_str(&j, "header", p->header != NULL ? p->header : p->query);
	if (k->forwarding != NULL && k->forwarding->hide_credentials)
		json_key_bool(&j, "hide_credentials", true);
	json_key_str(&j, "query", p->query != NULL ? p->query : p->header);
	json_obj_close(&j);
	return job_take(job, &b);
}

/* ---- the filter ------------------------------------------------------------------------------- */

static const char *closes(struct job *job, const struct filter_use *use)
{
	struct keys k = keys_of(use);
	struct places places;
	const char *why = lost(&k, &places);

	if (why == NULL)
		return NULL;
	job_note(job, k.at, B_CLOSED, "%s; routes that need a key answer 403", why);
	return "";
}

/* What APISIX writes tells a node nothing; the header that Envoy would write must not come from outside. */
static void request(struct job *job, const struct filter_use *use, struct rewrite *rewrite)
{
	struct keys k = keys_of(use);
	struct path forwarding = PATH_AT(k.at, "forwarding");
	struct places places;

	mutate_remove(job, "X-Consumer-Username", k.at, false, rewrite);
	if (k.forwarding == NULL)
		return;
	if (k.forwarding->hide_credentials && places_of(&k, &places) == NULL && places.query != NULL) {
		rewrite->query = true;
		job_note(job, &forwarding, B_WARN, "path and query are encoded anew when the key is taken away");
	}
	if (k.forwarding->header[0] == '\0')
		return;
	mutate_remove(job, k.forwarding->header, &forwarding, false, rewrite);
	job_note(job, &forwarding, B_WARN, "APISIX cannot tell nodes which client it is; the header is taken away");
}

static enum filter_result apply(struct job *job, const struct filter_use *use, struct rule *rule)
{
	struct keys k = keys_of(use);
	struct places places;
	const char *passes;
	size_t n;

	if (lost(&k, &places) != NULL)
		return FILTER_CLOSED;
	if (rule->upstream_id == NULL || rule->answers || rule_has_plugin(rule, "key-auth")) {
		job_note(job, k.at, B_CLOSED,
			 "APISIX looks at one key, and not before a route that answers by itself; such a "
			 "route answers 403");
		return FILTER_CLOSED;
	}
	passes = restriction(job, use, &k, &places, &n);
	if (n == 0) {
		job_note(job, k.at, B_CLOSED, "no key may pass; the route answers 403");
		return FILTER_CLOSED;
	}
	job_note(job, k.at, B_WARN,
		 "APISIX looks for the key in a header and in a query parameter, the header first, and takes "
		 "'Bearer' away from Authorization alone");
	rule_plugin(job, rule, "key-auth", plugin_json(job, &k, &places));
	rule_plugin(job, rule, "consumer-restriction", passes);
	return FILTER_DONE;
}

const struct filter_kind filter_api_key = {
	.type = &envoy__extensions__filters__http__api_key_auth__v3__api_key_auth__descriptor,
	.per_route =
		&envoy__extensions__filters__http__api_key_auth__v3__api_key_auth_per_route__descriptor,
	.security = true,
	.closes = closes,
	.request = request,
	.apply = apply,
};
