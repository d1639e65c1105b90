/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One route on its way from Envoy to APISIX: what it matches and what it does, without hosts and
 * priority, which come when its list is put in order.  Everything lives in the job's arena.
 *
 * match.c fills the upper half, action.c and its companions the lower one, emit.c writes it.
 */
#ifndef MESHD_TRANSLATION_RULE_H
#define MESHD_TRANSLATION_RULE_H

#include "job.h"
#include "order.h"
#include "xds.h"

/* How the path was matched, for rewrites that depend on it. */
enum path_kind { PATH_PREFIX, PATH_EXACT, PATH_SEPARATED, PATH_REGEX };

/* nginx has a place of its own for each. */
enum speech { SPEECH_HTTP1 = 1, SPEECH_HTTP2 = 2 };

struct rewrite;

struct plugin {
	const char *name;
	const char *json;	/* its configuration, one JSON object */
};

/*
 * A rule in front of a rule, for what must be decided before the rule's own plugins run: it matches
 * what the rule matches and `vars`, and answers, or does what the rule does but for one plugin.
 */
struct guard {
	const char *key;		/* its own among the rule's guards: "rbac" */
	struct strs vars;		/* conditions, all of which must hold besides the rule's */
	const char *without;		/* a plugin that is left out */
	struct plugin with;		/* a plugin that is added; without either, it answers: */
	unsigned status;
	const char *body;
	const char *abort;		/* instead of status and body: fault-injection's JSON */
	bool named_rest;		/* as in struct rule */
	bool refuses;			/* asked before those that leave a plugin out */
};

struct rule {
	const char *key;		/* its identity within the virtual host */
	const char *name;		/* for people */
	const struct path *at;		/* of the route or virtual host that it comes from; in the arena */
	const struct provenance *made;	/* what else it comes from; NULL: nobody asks */
	bool last;			/* the virtual host's catch-all */
	const char *listener;		/* for patches, like the next two; NULL: nothing patches it */
	const xds_vhost *vhost;
	const xds_route *route;

	enum path_kind path_kind;
	const char *path;		/* the literal, as APISIX sees paths; "" for a regex */
	bool fold_case;
	const struct path_template *template;	/* NULL: no template */
	struct pattern *patterns;
	size_t n_patterns;
	struct strs vars;		/* conditions */
	bool guarded;			/* it refuses, or says itself who may pass: no text slips past its regexes */
	const char *method;		/* NULL: any */

	struct plugin *plugins;		/* by name */
	size_t n_plugins, cap_plugins;
	const char *upstream_id;	/* NULL: none */
	unsigned speaks;		/* what its requests are sent in: a set of enum speech */
	bool no_upstream;		/* an inline upstream without nodes: 503 */
	int64_t connect_ms, io_ms;	/* 0: no timeouts of its own */
	bool websocket;
	uint32_t drop;			/* this share of requests, in millionths, for overload */
	const char *config_id;		/* of a plugin_config that adds plugins; NULL: none */
	bool named_rest;		/* "*rest" instead of "*", which grpc-web would take for the path */
	bool answers;			/* fault-injection's abort gives the answer */

	struct rewrite *rewrite;	/* what the route changes; NULL: it has no action of its own */
	struct guard *guards;		/* in the order in which they are asked */
	size_t n_guards, cap_guards;
};

/* Adds the plugin, or replaces the one of that name. */
void rule_plugin(struct job *job, struct rule *rule, const char *name, const char *json);
void rule_plugin_remove(struct rule *rule, const char *name);
/* Its configuration, or NULL. */
const char *rule_plugin_of(const struct rule *rule, const char *name);
bool rule_has_plugin(const struct rule *rule, const char *name);
/* Copied; strings stay the caller's, in the arena. */
void rule_guard(struct job *job, struct rule *rule, const struct guard *guard);
/* The guard i as a rule of its own, to be put before the finished rule. */
void rule_of_guard(struct job *job, const struct rule *rule, size_t i, struct rule *ret);
/* Answers by itself: nothing else happens to the request. `body` may be "". */
void rule_abort(struct job *job, struct rule *rule, unsigned status, const char *body);
/* The same for a reason that is noted: B_SLOT or B_CLOSED. */
void rule_refuse(struct job *job, struct rule *rule, const struct path *at, enum behaviour b, const char *fmt, ...)
	_printf_(5, 6);

/* Is the plugin enabled in APISIX? For what may be left out; vet() looks after the rest. */
bool rule_offered(const struct job *job, const char *name);
/* rule_plugin() where the plugin is enabled; else notes that it is needed, and what comes of that (`lost`). */
void rule_plugin_offered(struct job *job, struct rule *rule, const char *name, const char *json,
			 const struct path *at, const char *lost);
/* Text in which APISIX replaces $variables, so that it comes out as it is (TRANSLATION.md 0.22). */
const char *text_escape(struct job *job, const char *text);

#endif
