/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `meshctl status` of the source: the plugin, what has been delivered, and what the plugin says of its
 * connection and of each type of resource.
 */
#include <string.h>
#include <time.h>

#include "private.h"

static void row(struct ctl_reply *reply, const char *name, uint64_t value)
{
	ctl_text(reply, name);
	ctl_num(reply, (int64_t)value);
	ctl_row_end(reply);
}

/* A moment in UTC; "-": never. */
static void moment(struct ctl_reply *reply, int64_t at)
{
	char text[32] = "-";
	struct tm tm;
	time_t t = (time_t)at;

	if (at > 0 && gmtime_r(&t, &tm) != NULL)
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	ctl_text(reply, text);
}

static void type_row(void *arg, const struct mesh_source_type *type)
{
	struct ctl_reply *reply = arg;
	const char *word = strrchr(type->type_url, '.');

	ctl_text(reply, word != NULL ? word + 1 : type->type_url);
	ctl_text(reply, type->version);
	ctl_num(reply, (int64_t)type->resources);
	if (type->wildcard)
		ctl_text(reply, "all");
	else
		ctl_num(reply, (int64_t)type->names);
	moment(reply, type->acked);
	moment(reply, type->nacked);
	ctl_text(reply, type->reason);
	ctl_row_end(reply);
}

static void stat_row(void *arg, const char *name, const char *value)
{
	struct ctl_reply *reply = arg;

	ctl_text(reply, name);
	ctl_text(reply, value);
	ctl_row_end(reply);
}

static void plugin_status(const struct source *s, struct ctl_reply *reply)
{
	static const char *const type_columns[] = {
		"type", "version", "resources", "asked", "acked", "nacked", "reason", NULL,
	};
	static const char *const stat_columns[] = { "name", "value", NULL };

	if (SOURCE_HAS(s, stats)) {
		ctl_table(reply, "connection", stat_columns);
		s->hosted.plugin->desc->source->stats(s->hosted.ctx, stat_row, reply);
	}
	if (SOURCE_HAS(s, types)) {
		ctl_table(reply, "subscriptions", type_columns);
		s->hosted.plugin->desc->source->types(s->hosted.ctx, type_row, reply);
	}
}

static void ctl_status(void *ctx, struct ctl_reply *reply, int argc, char **argv)
{
	static const char *const counter_columns[] = { "name", "value", NULL };
	const struct source *s = ctx;

	(void)argc;
	(void)argv;
	hosted_status(&s->hosted, reply);
	ctl_table(reply, "delivered", counter_columns);
	row(reply, "updates", s->updates);
	row(reply, "updates_refused", s->refused);
	row(reply, "resources", s->resources);
	row(reply, "bytes", s->bytes);
	plugin_status(s, reply);
	ctl_end(reply, 0);
}

const struct ctl_handler source_commands[] = {
	{ "status", ctl_status },
	{ NULL, NULL },
};
