/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collects the content of one file. Lists grow in buffers and are only pointed to once complete,
 * all texts and bodies lie in an arena that bounds them together. Called by the reader and the
 * plugin; every failure is -ENOMEM or -E2BIG and leaves a content that can only be freed.
 */
#include "content.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

int content_new(const char *path, size_t limit, struct content **ret_content)
{
	struct content *c = calloc(1, sizeof *c);

	if (c == NULL)
		return -ENOMEM;
	c->refs = 1;
	arena_init(&c->arena, limit);
	c->path = arena_strdup(&c->arena, path);
	if (c->path == NULL) {
		content_unref(c);
		return -ENOMEM;
	}
	*ret_content = c;
	return 0;
}

struct content *content_ref(struct content *c)
{
	c->refs++;
	return c;
}

struct content *content_unref(struct content *c)
{
	if (c == NULL || --c->refs > 0)
		return NULL;
	arena_deinit(&c->arena);
	buf_deinit(&c->item_buf);
	buf_deinit(&c->lost_buf);
	buf_deinit(&c->finding_buf);
	free(c);
	return NULL;
}

int content_add(struct content *c, const struct content_item *item)
{
	struct content_item copy = *item;

	copy.name = arena_strdup(&c->arena, item->name);
	copy.body = arena_memdup(&c->arena, item->size > 0 ? item->body : (const uint8_t *)"",
				 MAX(item->size, 1));
	copy.hash = XXH3_64bits(item->body, item->size);
	if (copy.name == NULL || copy.body == NULL)
		return c->arena.limit != 0 ? -E2BIG : -ENOMEM;
	return buf_append(&c->item_buf, &copy, sizeof copy);
}

int content_add_lost(struct content *c, enum kind kind, const char *name)
{
	struct content_lost lost = { .kind = kind };

	if (name != NULL) {
		lost.name = arena_strdup(&c->arena, name);
		if (lost.name == NULL)
			return -ENOMEM;
	}
	return buf_append(&c->lost_buf, &lost, sizeof lost);
}

/* "PATH:line:col: text" in the arena. */
static const char *positioned(struct content *c, unsigned line, unsigned col, const char *text)
{
	_cleanup_(buf_deinit) struct buf b = BUF_INIT;

	buf_puts(&b, c->path);
	if (line > 0)
		buf_printf(&b, ":%u:%u", line, col);
	buf_printf(&b, ": %s", text);
	return buf_error(&b) < 0 ? NULL : arena_strndup(&c->arena, (const char *)b.data, b.len);
}

static int append_finding(struct content *c, const struct mesh_finding *finding)
{
	struct mesh_finding f = *finding;
	const char **texts[] = { &f.type, &f.name, &f.field, &f.behaviour };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		*texts[i] = arena_strdup(&c->arena, *texts[i] != NULL ? *texts[i] : "");
		if (*texts[i] == NULL)
			return -ENOMEM;
	}
	return buf_append(&c->finding_buf, &f, sizeof f);
}

int content_find(struct content *c, const struct mesh_finding *finding, unsigned line, unsigned col)
{
	struct mesh_finding f = *finding;

	if (c->finding_buf.len / sizeof f >= CONTENT_FINDINGS && f.severity != MESH_SEV_ERROR) {
		c->n_dropped++;
		return 0;
	}
	f.reason = positioned(c, line, col, finding->reason);
	return f.reason == NULL ? -ENOMEM : append_finding(c, &f);
}

int content_break(struct content *c, unsigned line, unsigned col, const char *reason)
{
	struct mesh_finding f = {
		.severity = MESH_SEV_ERROR,
		.name = c->path,
		.behaviour = "keep",
		.reason = reason,
	};
	char field[32] = "";

	if (line > 0)
		snprintf(field, sizeof field, "%u:%u", line, col);
	f.field = field;
	c->broken = true;
	return content_find(c, &f, line, col);
}

static int find_dropped(struct content *c)
{
	struct mesh_finding f = {
		.severity = MESH_SEV_WARN,
		.name = c->path,
		.behaviour = "warn",
	};
	char reason[96];

	if (c->n_dropped == 0)
		return 0;
	snprintf(reason, sizeof reason, "%zu more findings, which are not shown", c->n_dropped);
	f.reason = positioned(c, 0, 0, reason);
	c->n_dropped = 0;
	return f.reason == NULL ? -ENOMEM : append_finding(c, &f);
}

int content_finish(struct content *c)
{
	if (find_dropped(c) < 0 || buf_error(&c->item_buf) < 0 || buf_error(&c->lost_buf) < 0 ||
	    buf_error(&c->finding_buf) < 0)
		return -ENOMEM;
	c->items = (struct content_item *)(void *)c->item_buf.data;
	c->n_items = c->item_buf.len / sizeof *c->items;
	c->lost = (struct content_lost *)(void *)c->lost_buf.data;
	c->n_lost = c->lost_buf.len / sizeof *c->lost;
	c->findings = (struct mesh_finding *)(void *)c->finding_buf.data;
	c->n_findings = c->finding_buf.len / sizeof *c->findings;
	return 0;
}

static bool has_item(const struct content *c, enum kind kind, const char *name)
{
	for (size_t i = 0; i < c->item_buf.len / sizeof *c->items; i++) {
		const struct content_item *item =
			(const void *)(c->item_buf.data + i * sizeof *item);

		if (item->kind == kind && strcmp(item->name, name) == 0)
			return true;
	}
	return false;
}

/* Whether the resource that was lost may have been this one. */
static bool may_be(const struct content_lost *lost, const struct content_item *item)
{
	return item->kind == lost->kind &&
	       (lost->name == NULL || strcmp(item->name, lost->name) == 0);
}

/* Takes over what the lost resource may have been; counts them. */
static int keep_items(struct content *c, const struct content *old, const struct content_lost *lost,
		      size_t *kept)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < old->n_items; i++) {
		if (!may_be(lost, &old->items[i]))
			continue;
		(*kept)++;
		if (!has_item(c, lost->kind, old->items[i].name))
			r = content_add(c, &old->items[i]);
	}
	return r;
}

static bool was_unknown(const struct content *old, const struct content_lost *lost)
{
	for (size_t i = 0; i < old->n_lost; i++) {
		const struct content_lost *other = &old->lost[i];

		if (other->unknown && other->kind == lost->kind &&
		    (other->name == NULL || lost->name == NULL ||
		     strcmp(other->name, lost->name) == 0))
			return true;
	}
	return false;
}

int content_keep(struct content *c, const struct content *old, bool first)
{
	size_t kept;
	int r;

	c->arena.limit = 0; /* what was good once is not too large now */
	for (size_t i = 0; i < c->n_lost; i++) {
		kept = 0;
		r = old != NULL ? keep_items(c, old, &c->lost[i], &kept) : 0;
		if (r < 0)
			return r;
		if (old == NULL)
			c->lost[i].unknown = first;
		else
			c->lost[i].unknown = kept == 0 && was_unknown(old, &c->lost[i]);
	}
	return content_finish(c);
}
