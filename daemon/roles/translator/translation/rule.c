/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plugins and refusals of a rule; see rule.h.  Memory is the only thing that can fail.
 */
#include "rule.h"

#include <string.h>

#include "apisix.h"
#include "json.h"

void rule_plugin(struct job *job, struct rule *rule, const char *name, const char *json)
{
	size_t i = 0;

	while (i < rule->n_plugins && strcmp(rule->plugins[i].name, name) < 0)
		i++;
	if (i < rule->n_plugins && strcmp(rule->plugins[i].name, name) == 0) {
		rule->plugins[i].json = json;
		return;
	}
	if (!job_grow(job, (void **)&rule->plugins, rule->n_plugins, &rule->cap_plugins,
		      sizeof *rule->plugins))
		return;
	memmove(&rule->plugins[i + 1], &rule->plugins[i],
		(rule->n_plugins - i) * sizeof *rule->plugins);
	rule->plugins[i] = (struct plugin){ name, json };
	rule->n_plugins++;
}

void rule_plugin_remove(struct rule *rule, const char *name)
{
	size_t kept = 0;

	for (size_t i = 0; i < rule->n_plugins; i++)
		if (strcmp(rule->plugins[i].name, name) != 0)
			rule->plugins[kept++] = rule->plugins[i];
	rule->n_plugins = kept;
}

void rule_guard(struct job *job, struct rule *rule, const struct guard *guard)
{
	size_t i = rule->n_guards;

	if (!job_grow(job, (void **)&rule->guards, rule->n_guards, &rule->cap_guards,
		      sizeof *rule->guards))
		return;
	while (guard->refuses && i > 0 && rule->guards[i - 1].without != NULL) {
		rule->guards[i] = rule->guards[i - 1];
		i--;
	}
	rule->guards[i] = *guard;
	rule->n_guards++;
}

void rule_of_guard(struct job *job, const struct rule *rule, size_t i, struct rule *ret)
{
	const struct guard *guard = &rule->guards[i];

	*ret = *rule;
	ret->n_guards = 0;
	ret->last = false;
	ret->key = job_concat(job, rule->key, " ", guard->key, NULL);
	ret->name = job_concat(job, rule->name, " ", guard->key, NULL);
	ret->vars = (struct strs){ 0 };
	for (size_t v = 0; v < rule->vars.n; v++)
		strs_add(job, &ret->vars, rule->vars.list[v]);
	for (size_t v = 0; v < guard->vars.n; v++)
		strs_add(job, &ret->vars, guard->vars.list[v]);
	ret->named_rest |= guard->named_rest;
	ret->plugins = NULL;
	ret->n_plugins = ret->cap_plugins = 0;
	if (guard->without == NULL && guard->with.name == NULL) {
		rule_abort(job, ret, guard->status, guard->body != NULL ? guard->body : "");
		if (guard->abort != NULL)
			rule_plugin(job, ret, "fault-injection", guard->abort);
		return;
	}
	for (size_t p = 0; p < rule->n_plugins; p++)
		if (guard->without == NULL || strcmp(rule->plugins[p].name, guard->without) != 0)
			rule_plugin(job, ret, rule->plugins[p].name, rule->plugins[p].json);
	if (guard->with.name != NULL)
		rule_plugin(job, ret, guard->with.name, guard->with.json);
}

const char *rule_plugin_of(const struct rule *rule, const char *name)
{
	for (size_t i = 0; i < rule->n_plugins; i++)
		if (strcmp(rule->plugins[i].name, name) == 0)
			return rule->plugins[i].json;
	return NULL;
}

bool rule_has_plugin(const struct rule *rule, const char *name)
{
	return rule_plugin_of(rule, name) != NULL;
}

void rule_abort(struct job *job, struct rule *rule, unsigned status, const char *body)
{
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	rule->n_plugins = 0;
	rule->upstream_id = NULL;
	rule->no_upstream = false;
	rule->websocket = false;
	rule->answers = true;
	rule->n_guards = 0;
	rule->connect_ms = rule->io_ms = 0;
	json_obj_open(&j);
	json_key(&j, "abort");
	json_obj_open(&j);
	json_key_str(&j, "body", text_escape(job, body));
	json_key_uint(&j, "http_status", status);
	json_obj_close(&j);
	json_obj_close(&j);
	rule_plugin(job, rule, "fault-injection", job_take(job, &b));
}

void rule_refuse(struct job *job, struct rule *rule, const struct path *at, enum behaviour b,
		 const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	notes_vadd(&job->out->notes, at, b, fmt, ap);
	va_end(ap);
	rule_abort(job, rule, b == B_CLOSED ? 403 : 503, "");
}

bool rule_offered(const struct job *job, const char *name)
{
	return apisix_plugin_enabled(job->apisix, name, false);
}

void rule_plugin_offered(struct job *job, struct rule *rule, const char *name, const char *json,
			 const struct path *at, const char *lost)
{
	if (rule_offered(job, name))
		rule_plugin(job, rule, name, json);
	else
		job_note(job, at, B_WARN, "needs APISIX's plugin '%s', which is not enabled there; %s",
			 name, lost);
}

/* $x and ${x} are replaced unless a backslash stands before; other dollars stay. */
const char *text_escape(struct job *job, const char *text)
{
	struct buf b = BUF_INIT;

	for (const char *p = text; *p != '\0'; p++) {
		if (*p == '$' && (p == text || p[-1] != '\\'))
			buf_puts(&b, "${__none ?? $}");
		else
			buf_putc(&b, *p);
	}
	return job_take(job, &b);
}
