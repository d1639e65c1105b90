/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the translator answers to meshctl: status, resources, objects, report.
 * Bodies of resources and values of objects are never shown: they may hold secrets.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "cleanup.h"
#include "log.h"
#include "private.h"
#include "subscribe.h"

LOG_MODULE("translator");

/* ---- status ------------------------------------------------------------------------------- */

static void value_row(struct ctl_reply *reply, const char *name, int64_t value)
{
	ctl_text(reply, name);
	ctl_num(reply, value);
	ctl_row_end(reply);
}

/* Seconds since a monotonic time; -1: never. */
static int64_t age_s(int64_t then_ms)
{
	return then_ms < 0 ? -1 : (loop_now_ms() - then_ms) / 1000;
}

static void status_types(const struct translator *t, struct ctl_reply *reply)
{
	static const char *const columns[] = {
		"type", "held", "active", "warming", "rejected", "subscribed", NULL,
	};
	const struct holds *hs = t->holds;

	ctl_table(reply, "types", columns);
	for (unsigned i = 0; i < _RT_MAX; i++) {
		ctl_text(reply, rt_info((enum rt)i)->word);
		ctl_num(reply, (int64_t)hs->held[i]);
		ctl_num(reply, (int64_t)hs->active[i]);
		ctl_num(reply, (int64_t)hs->warming[i]);
		ctl_num(reply, (int64_t)hs->refused[i]);
		if (rt_is_root((enum rt)i))
			ctl_text(reply, "*");
		else
			ctl_num(reply, (int64_t)subscribe_count(hs, (enum rt)i));
		ctl_row_end(reply);
	}
}

/* Removals that wait for `meshctl accept`. */
static size_t held_back(const struct holds *hs)
{
	size_t n = 0;

	for (unsigned type = 0; type < _RT_MAX; type++)
		n += hs->doomed[type];
	return n;
}

static void status_translator(const struct translator *t, struct ctl_reply *reply)
{
	static const char *const columns[] = { "name", "value", NULL };
	struct publish_stats published = publish_stats(t->publish);
	struct engine_stats engine = engine_stats(t->engine);
	struct persist_stats store = persist_stats(t->persist);

	ctl_table(reply, "translator", columns);
	value_row(reply, "updates", (int64_t)t->source.updates);
	value_row(reply, "updates_refused", (int64_t)t->source.refused);
	value_row(reply, "last_update_age_s", age_s(t->source.update_ms));
	value_row(reply, "held_back", (int64_t)held_back(t->holds));
	value_row(reply, "resource_bytes", (int64_t)t->holds->bytes);
	value_row(reply, "runs", (int64_t)engine.commits);
	value_row(reply, "last_run_age_s", age_s(engine.committed_ms));
	value_row(reply, "commits", (int64_t)published.sent);
	value_row(reply, "lag", (int64_t)(published.sent - published.committed));
	value_row(reply, "objects_waiting", (int64_t)published.waiting);
	value_row(reply, "store_saves", (int64_t)store.saves);
	value_row(reply, "store_saved_age_s", age_s(store.saved_ms));
	value_row(reply, "store_bytes", (int64_t)store.bytes);
	value_row(reply, "store_failing", store.failing);
	value_row(reply, "errors", (int64_t)findings_count(t->findings, MESH_SEV_ERROR));
	value_row(reply, "warnings", (int64_t)findings_count(t->findings, MESH_SEV_WARN));
	value_row(reply, "infos", (int64_t)findings_count(t->findings, MESH_SEV_INFO));
}

static void status_source(const struct translator *t, struct ctl_reply *reply)
{
	static const char *const columns[] = { "connected", "origin", "detail", NULL };
	const struct source_view *s = &t->source;

	ctl_table(reply, "source", columns);
	ctl_flag(reply, s->connected);
	ctl_text(reply, s->origin != NULL ? s->origin : persist_origin(t->persist));
	ctl_text(reply, s->open ? s->detail : "the source process is down; what is held goes on being served");
	ctl_row_end(reply);
}

static void on_status(void *ctx, struct ctl_reply *reply, int argc, char **argv)
{
	const struct translator *t = ctx;

	status_source(t, reply);
	status_types(t, reply);
	status_translator(t, reply);
	ctl_end(reply, 0);
}

/* ---- resources ---------------------------------------------------------------------------- */

static const char *state_of(const struct hold *h)
{
	if (h->warm != NULL)
		return h->active != NULL ? "warming, old version active" : "warming";
	if (h->accepted == NULL)
		return h->refusal != NULL ? "refused" : h->withheld ? "not stored" : "missing";
	if (h->active != h->accepted)
		return "not referred to";
	return h->refusal != NULL ? "active, newer version refused" : "active";
}

static void resource_row(struct ctl_reply *reply, const struct hold *h)
{
	const struct resource *r = h->accepted;
	char hash[20] = "";

	if (r != NULL)
		snprintf(hash, sizeof hash, "%016" PRIx64, r->hash);
	ctl_text(reply, rt_info(h->type)->word);
	ctl_text(reply, h->name);
	ctl_text(reply, r != NULL ? r->version : "");
	ctl_num(reply, r != NULL ? (int64_t)r->size : 0);
	ctl_text(reply, hash);
	ctl_text(reply, state_of(h));
	ctl_row_end(reply);
}

static int resource_rows(const struct translator *t, struct ctl_reply *reply, enum rt type, const char *name)
{
	_cleanup_free_ struct hold **list = NULL;
	size_t n = 0;

	if (holds_sorted(t->holds, type, &list, &n) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		if (name == NULL || strcmp(list[i]->name, name) == 0)
			resource_row(reply, list[i]);
	return 0;
}

static void on_resources(void *ctx, struct ctl_reply *reply, int argc, char **argv)
{
	static const char *const columns[] = { "type", "name", "version", "bytes", "hash", "state", NULL };
	enum rt only = argc > 1 ? rt_find(argv[1]) : _RT_MAX;
	int r = 0;

	if (argc > 1 && only == _RT_MAX) {
		ctl_message(reply, "there is no type '%s'; there are secret, cluster, endpoint, extension, route "
				   "and listener", argv[1]);
		ctl_end(reply, 2);
		return;
	}
	ctl_table(reply, "resources", columns);
	for (unsigned i = 0; r == 0 && i < _RT_MAX; i++)
		if (only == _RT_MAX || only == (enum rt)i)
			r = resource_rows(ctx, reply, (enum rt)i, argc > 2 ? argv[2] : NULL);
	if (r < 0)
		ctl_message(reply, "no memory for the list");
	ctl_end(reply, r < 0);
}

/* ---- objects ------------------------------------------------------------------------------ */

struct object_list {
	struct ctl_reply *reply;
	const char *wanted;	/* what a key must begin with */
	const char *prefix;	/* of all keys, as APISIX reads them: "/apisix" */
};

static void origins_text(struct buf *b, const struct translation_origin *origins, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_printf(b, "%s%s %s%s%s", i > 0 ? ", " : "", rt_info(origins[i].type)->word, origins[i].name,
			   origins[i].field[0] != '\0' ? " " : "", origins[i].field);
}

static int object_row(const char *key, size_t size, const struct translation_origin *origins, size_t n_origins,
		      void *arg)
{
	struct object_list *list = arg;
	_cleanup_(buf_deinit) struct buf full = BUF_INIT, text = BUF_INIT;

	buf_printf(&full, "%s/%s", list->prefix, key);
	origins_text(&text, origins, n_origins);
	if (buf_str(&full) == NULL || buf_str(&text) == NULL)
		return -ENOMEM;
	if (strncmp(buf_str(&full), list->wanted, strlen(list->wanted)) != 0)
		return 0;
	ctl_text(list->reply, buf_str(&full));
	ctl_num(list->reply, (int64_t)size);
	ctl_text(list->reply, buf_str(&text));
	ctl_row_end(list->reply);
	return 0;
}

static void on_objects(void *ctx, struct ctl_reply *reply, int argc, char **argv)
{
	static const char *const columns[] = { "key", "bytes", "origins", NULL };
	const struct translator *t = ctx;
	struct object_list list = {
		.reply = reply,
		.wanted = argc > 1 ? argv[1] : "",
		.prefix = conf_str(worker_conf(t->worker), "frontend.options.prefix", ""),
	};
	int r;

	ctl_table(reply, "objects", columns);
	r = translation_objects(engine_translation(t->engine), object_row, &list);
	if (r < 0)
		ctl_message(reply, "no memory for the list");
	ctl_end(reply, r < 0);
}

/* ---- report ------------------------------------------------------------------------------- */

static void finding_row(struct ctl_reply *reply, const struct mesh_finding *f)
{
	ctl_text(reply, finding_severity(f->severity));
	ctl_text(reply, f->type);
	ctl_text(reply, f->name);
	ctl_text(reply, f->field);
	ctl_text(reply, f->behaviour);
	ctl_text(reply, f->reason);
	ctl_row_end(reply);
}

/* The severity of a word; -1: there is none. */
static int severity_find(const char *word)
{
	for (int i = MESH_SEV_INFO; i <= MESH_SEV_ERROR; i++)
		if (strcmp(finding_severity((enum mesh_severity)i), word) == 0)
			return i;
	return -1;
}

static void on_report(void *ctx, struct ctl_reply *reply, int argc, char **argv)
{
	static const char *const columns[] = {
		"severity", "type", "name", "field", "behaviour", "reason", NULL,
	};
	const struct translator *t = ctx;
	_cleanup_free_ const struct mesh_finding **list = NULL;
	int only = argc > 1 ? severity_find(argv[1]) : -1;
	size_t n = 0;

	if (argc > 1 && only < 0) {
		ctl_message(reply, "there is no severity '%s'; there are error, warn and info", argv[1]);
		ctl_end(reply, 2);
		return;
	}
	ctl_table(reply, "report", columns);
	if (findings_sorted(t->findings, &list, &n) < 0) {
		ctl_message(reply, "no memory for the report");
		ctl_end(reply, 1);
		return;
	}
	for (size_t i = 0; i < n; i++)
		if (only < 0 || (int)list[i]->severity == only)
			finding_row(reply, list[i]);
	ctl_end(reply, 0);
}

/* ---- explain ------------------------------------------------------------------------------ */

static void on_explain(void *ctx, struct ctl_reply *reply, int argc, char **argv)
{
	struct translator *t = ctx;

	asking_start(&t->asking, worker_base(t->worker), t->holds, translation_options(engine_translation(t->engine)),
		     conf_str(worker_conf(t->worker), "frontend.options.prefix", ""), reply, argc, argv);
}

/* ---- accept ------------------------------------------------------------------------------- */

static void on_accept(void *ctx, struct ctl_reply *reply, int argc, char **argv)
{
	static const char *const columns[] = { "type", "removed", NULL };
	struct translator *t = ctx;
	size_t gone[_RT_MAX] = { 0 };

	(void)argc;
	(void)argv;
	if (held_back(t->holds) == 0) {
		ctl_message(reply, "no removals are held back");
		ctl_end(reply, 0);
		return;
	}
	accept_dropped(t->accept, gone);
	ctl_table(reply, "accepted", columns);
	for (unsigned type = 0; type < _RT_MAX; type++) {
		if (gone[type] == 0)
			continue;
		log_warn("%zu %ss that an update had removed go now, by meshctl accept", gone[type],
			 rt_info((enum rt)type)->word);
		value_row(reply, rt_info((enum rt)type)->word, (int64_t)gone[type]);
	}
	translator_turn(t);
	ctl_end(reply, 0);
}

const struct ctl_handler translator_commands[] = {
	{ "accept", on_accept },
	{ "explain", on_explain },
	{ "status", on_status },
	{ "resources", on_resources },
	{ "objects", on_objects },
	{ "report", on_report },
	{ NULL, NULL },
};
