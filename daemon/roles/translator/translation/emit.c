/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes and stream routes as JSON; see emit.h.  Called by routes.c and stream.c; memory is the only
 * thing that can fail.
 */
#include "emit.h"

#include <string.h>

#include "expr.h"
#include "patch.h"
#include "provenance.h"

#define NAME_MAX_BYTES 256
#define URI_MAX 4096
#define ROUTE_USUAL 512	/* bytes of most routes */

void emit_name(struct json *j, const char *name)
{
	size_t len = strlen(name);

	if (len > NAME_MAX_BYTES) {
		len = NAME_MAX_BYTES;
		while (len > 0 && ((unsigned char)name[len] & 0xc0) == 0x80)
			len--;
	}
	if (len == 0)
		return;
	json_key(j, "name");
	json_strn(j, name, len);
}

static void emit_seconds(struct json *j, const char *key, int64_t ms)
{
	json_key(j, key);
	json_thousandths(j, ms > 0 ? ms : 1);
}

void emit_timeout(struct json *j, int64_t connect_ms, int64_t io_ms)
{
	json_key(j, "timeout");
	json_obj_open(j);
	emit_seconds(j, "connect", connect_ms);
	emit_seconds(j, "send", io_ms);
	emit_seconds(j, "read", io_ms);
	json_obj_close(j);
}

/* "/a/" and all below: "*" would be the rest of the path for plugins, "*rest" is nobody's. */
static bool takes_name(const struct pattern *p, size_t len)
{
	return p->prefix && len > 1 && p->text[len - 1] == '/';
}

static void emit_pattern(struct json *j, const struct pattern *p, bool named_rest)
{
	char small[256];
	size_t len = strlen(p->text);

	if (named_rest && takes_name(p, len)) {
		struct buf b = BUF_INIT;

		buf_printf(&b, "%s*rest", p->text);
		json_strn(j, b.data != NULL ? (const char *)b.data : "", b.len);
		buf_deinit(&b);
	} else if (!p->prefix) {
		json_str(j, p->text);
	} else if (len + 2 <= sizeof small) {
		memcpy(small, p->text, len);
		memcpy(small + len, "*", 2);
		json_strn(j, small, len + 1);
	} else {
		struct buf b = BUF_INIT;

		buf_printf(&b, "%s*", p->text);
		json_strn(j, b.data != NULL ? (const char *)b.data : "", b.len);
		buf_deinit(&b);
	}
}

static void emit_uris(struct json *j, const struct pattern *uris, size_t n, bool named_rest)
{
	if (n == 1 && strlen(uris[0].text) < URI_MAX) {
		json_key(j, "uri");
		emit_pattern(j, &uris[0], named_rest);
		return;
	}
	json_key(j, "uris");
	json_arr_open(j);
	for (size_t i = 0; i < n; i++)
		emit_pattern(j, &uris[i], named_rest);
	json_arr_close(j);
}

static void emit_strs(struct json *j, const char *key, const struct strs *strs)
{
	if (strs->n == 0)
		return;
	json_key(j, key);
	json_arr_open(j);
	for (size_t i = 0; i < strs->n; i++)
		json_str(j, strs->list[i]);
	json_arr_close(j);
}

/* The rule's paths as one condition. */
static const char *linear_condition(struct job *job, const struct rule *rule)
{
	struct buf b = BUF_INIT;

	buf_puts(&b, "\\A(?:");
	for (size_t i = 0; i < rule->n_patterns; i++)
		buf_printf(&b, "%s%s%s", i > 0 ? "|" : "", regex_quote(job, rule->patterns[i].text),
			   rule->patterns[i].prefix ? "" : "\\z");
	buf_putc(&b, ')');
	return expr_op(job, "uri", "~~", job_take(job, &b));
}

static void emit_vars(struct job *job, struct json *j, const struct rule *rule,
		      const struct route_place *place)
{
	const struct strs *lists[] = { place->vars, &rule->vars };

	if (place->vars->n + rule->vars.n + place->linear == 0)
		return;
	json_key(j, "vars");
	json_arr_open(j);
	for (size_t l = 0; l < ARRAY_SIZE(lists); l++)
		for (size_t i = 0; i < lists[l]->n; i++)
			json_raw(j, lists[l]->list[i], strlen(lists[l]->list[i]));
	if (place->linear) {
		const char *condition = linear_condition(job, rule);

		json_raw(j, condition, strlen(condition));
	}
	json_arr_close(j);
}

static void emit_action(struct json *j, const struct rule *rule)
{
	if (rule->n_plugins > 0) {
		json_key(j, "plugins");
		json_obj_open(j);
		for (size_t i = 0; i < rule->n_plugins; i++) {
			json_key(j, rule->plugins[i].name);
			json_raw(j, rule->plugins[i].json, strlen(rule->plugins[i].json));
		}
		json_obj_close(j);
	}
	if (rule->config_id != NULL)
		json_key_str(j, "plugin_config_id", rule->config_id);
	if (rule->upstream_id != NULL)
		json_key_str(j, "upstream_id", rule->upstream_id);
	else if (rule->no_upstream) {
		json_key(j, "upstream");
		json_raw(j, "{\"nodes\":[],\"type\":\"roundrobin\"}",
			 strlen("{\"nodes\":[],\"type\":\"roundrobin\"}"));
	}
	if (rule->connect_ms > 0 && rule->io_ms > 0)
		emit_timeout(j, rule->connect_ms, rule->io_ms);
	if (rule->websocket)
		json_key_bool(j, "enable_websocket", true);
}

void emit_route(struct job *job, const struct rule *rule, const struct route_place *place)
{
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	buf_reserve(&b, ROUTE_USUAL);
	json_obj_open(&j);
	json_key_str(&j, "id", place->id);
	emit_name(&j, rule->name);
	emit_uris(&j, place->uris, place->n_uris, rule->named_rest);
	emit_strs(&j, "hosts", place->hosts);
	if (rule->method != NULL) {
		json_key(&j, "methods");
		json_arr_open(&j);
		json_str(&j, rule->method);
		json_arr_close(&j);
	}
	emit_vars(job, &j, rule, place);
	json_key_int(&j, "priority", place->priority);
	emit_action(&j, rule);
	json_key_int(&j, "status", 1);
	json_obj_close(&j);
	patch_route(job, rule, place, &b);
	provenance_put(job, "routes", place->id, &b, rule->at, place->chain, rule->made);
	buf_deinit(&b);
}

void emit_stream_route(struct job *job, const struct stream_place *place, const struct path *at)
{
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	json_obj_open(&j);
	json_key_str(&j, "id", place->id);
	emit_name(&j, place->name);
	if (place->remote_addr != NULL)
		json_key_str(&j, "remote_addr", place->remote_addr);
	if (place->server_addr != NULL)
		json_key_str(&j, "server_addr", place->server_addr);
	json_key_uint(&j, "server_port", place->server_port);
	if (place->plugins != NULL) {
		json_key(&j, "plugins");
		json_raw(&j, place->plugins, strlen(place->plugins));
	}
	json_key_str(&j, "upstream_id", place->upstream_id);
	json_obj_close(&j);
	provenance_put(job, "stream_routes", place->id, &b, at, NULL, job->made);
	buf_deinit(&b);
}
