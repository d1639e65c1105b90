/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML reader: libyaml's events, one by one, into the builder. libyaml looks only a few tokens
 * ahead, so a limit that the builder enforces stops it as well; its own document loader is not
 * used.
 *
 * Anchors live in a balanced tree (tsearch(3)) per document: a file with a million anchors must not
 * make lookups slow, whatever their names.
 */
#include <errno.h>
#include <search.h>
#include <stdio.h>

#include <yaml.h>

#include "doc_build.h"

#define BINARY_TAG "tag:yaml.org,2002:binary"

struct yaml_reader {
	struct doc_builder *b; /* borrowed */
	const char *text;      /* borrowed, without a NUL at its end */
	size_t len;
	yaml_parser_t parser;
	void *anchors;         /* tsearch tree of struct doc_anchor, which are in the doc's arena */
	bool done;
};

typedef int event_fn(struct yaml_reader *y, const yaml_event_t *ev);

static int anchor_cmp(const void *a, const void *b)
{
	return strcmp(((const struct doc_anchor *)a)->name, ((const struct doc_anchor *)b)->name);
}

static void anchor_keep(void *anchor)
{
	(void)anchor; /* the arena owns it */
}

static void anchors_clear(struct yaml_reader *y)
{
	tdestroy(y->anchors, anchor_keep);
	y->anchors = NULL;
}

static struct doc_pos mark_pos(const yaml_mark_t *mark)
{
	return (struct doc_pos){ (unsigned)mark->line + 1, (unsigned)mark->column + 1 };
}

/* Registers the name, which may be NULL, for what begins at this event; a name may be reused. */
static int anchor_new(struct yaml_reader *y, const yaml_event_t *ev, const yaml_char_t *name,
		      struct doc_anchor **ret_anchor)
{
	struct arena *arena = &y->b->doc->arena;
	struct doc_anchor *a, **found;

	*ret_anchor = NULL;
	if (name == NULL)
		return 0;
	a = arena_calloc(arena, 1, sizeof *a);
	if (a != NULL)
		a->name = arena_strdup(arena, (const char *)name);
	found = a != NULL && a->name != NULL ? tsearch(a, &y->anchors, anchor_cmp) : NULL;
	if (found == NULL)
		return doc_fail(y->b->err, mark_pos(&ev->start_mark), -ENOMEM, "out of memory");
	*found = a;
	*ret_anchor = a;
	return 0;
}

static int on_nothing(struct yaml_reader *y, const yaml_event_t *ev)
{
	(void)y;
	(void)ev;
	return 0;
}

static int on_stream_end(struct yaml_reader *y, const yaml_event_t *ev)
{
	(void)ev;
	y->done = true;
	return 0;
}

static int on_document_start(struct yaml_reader *y, const yaml_event_t *ev)
{
	(void)ev;
	anchors_clear(y);
	return 0;
}

static int on_alias(struct yaml_reader *y, const yaml_event_t *ev)
{
	const char *name = (const char *)ev->data.alias.anchor;
	struct doc_anchor key = { .name = name }, **found;
	struct doc_pos pos = mark_pos(&ev->start_mark);

	found = tfind(&key, &y->anchors, anchor_cmp);
	if (found == NULL)
		return doc_fail(y->b->err, pos, -EBADMSG,
				"the alias '*%.64s' has no anchor before it", name);
	return doc_builder_alias(y->b, pos, *found);
}

static bool tag_is(const yaml_char_t *tag, const char *name)
{
	return tag != NULL && strcmp((const char *)tag, name) == 0;
}

static int on_scalar(struct yaml_reader *y, const yaml_event_t *ev)
{
	const yaml_char_t *tag = ev->data.scalar.tag;
	bool binary = tag_is(tag, BINARY_TAG);
	bool string = binary || tag_is(tag, YAML_STR_TAG) || tag_is(tag, "!") ||
		      ev->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	struct doc_anchor *anchor;
	int r;

	r = anchor_new(y, ev, ev->data.scalar.anchor, &anchor);
	if (r < 0)
		return r;
	return doc_builder_scalar(y->b, mark_pos(&ev->start_mark),
				  (const char *)ev->data.scalar.value, ev->data.scalar.length,
				  string ? DOC_QUOTED : DOC_PLAIN, binary, anchor);
}

static int on_open(struct yaml_reader *y, const yaml_event_t *ev, enum doc_kind kind,
		   const yaml_char_t *name)
{
	struct doc_anchor *anchor;
	int r;

	r = anchor_new(y, ev, name, &anchor);
	if (r < 0)
		return r;
	return doc_builder_open(y->b, mark_pos(&ev->start_mark), kind, anchor);
}

static int on_seq(struct yaml_reader *y, const yaml_event_t *ev)
{
	return on_open(y, ev, DOC_SEQ, ev->data.sequence_start.anchor);
}

static int on_map(struct yaml_reader *y, const yaml_event_t *ev)
{
	return on_open(y, ev, DOC_MAP, ev->data.mapping_start.anchor);
}

static int on_close(struct yaml_reader *y, const yaml_event_t *ev)
{
	(void)ev;
	return doc_builder_close(y->b);
}

static event_fn *const handlers[] = {
	[YAML_NO_EVENT] = on_nothing,
	[YAML_STREAM_START_EVENT] = on_nothing,
	[YAML_STREAM_END_EVENT] = on_stream_end,
	[YAML_DOCUMENT_START_EVENT] = on_document_start,
	[YAML_DOCUMENT_END_EVENT] = on_nothing,
	[YAML_ALIAS_EVENT] = on_alias,
	[YAML_SCALAR_EVENT] = on_scalar,
	[YAML_SEQUENCE_START_EVENT] = on_seq,
	[YAML_SEQUENCE_END_EVENT] = on_close,
	[YAML_MAPPING_START_EVENT] = on_map,
	[YAML_MAPPING_END_EVENT] = on_close,
};

/* Marks count characters. */
static char char_at(const struct yaml_reader *y, size_t index)
{
	for (size_t i = 0; i < y->len; i++)
		if ((y->text[i] & 0xc0) != 0x80 && index-- == 0)
			return y->text[i];
	return '\0';
}

/* Libyaml says only that it "cannot start any token". */
static const char *remedy_for(char c)
{
	switch (c) {
	case '\t':
		return "a tab stands here; indent with spaces";
	case '@':
	case '`':
	case '%':
		return "what begins with @, ` or % must stand in quotes";
	default:
		return NULL;
	}
}

/* Turns libyaml's complaint into ours. */
static int fail_parser(struct yaml_reader *y)
{
	const yaml_parser_t *p = &y->parser;
	struct doc_pos pos = mark_pos(&p->problem_mark), from = mark_pos(&p->context_mark);
	struct doc_error *err = y->b->err;
	const char *remedy = NULL;

	if (p->error == YAML_MEMORY_ERROR)
		return doc_fail(err, (struct doc_pos){ 0, 0 }, -ENOMEM, "out of memory");
	if (p->error == YAML_READER_ERROR)
		return doc_fail(err, doc_pos_of(y->text, p->problem_offset), -EBADMSG,
				"%s (U+%04X)", p->problem, (unsigned)p->problem_value);
	if (p->error == YAML_SCANNER_ERROR && strstr(p->problem, "cannot start any token") != NULL)
		remedy = remedy_for(char_at(y, p->problem_mark.index));
	if (remedy != NULL)
		return doc_fail(err, pos, -EBADMSG, "%s", remedy);
	if (p->context == NULL)
		return doc_fail(err, pos, -EBADMSG, "%s", p->problem);
	return doc_fail(err, pos, -EBADMSG, "%s %s that starts at %u:%u", p->problem, p->context,
			from.line, from.col);
}

static int read_events(struct yaml_reader *y)
{
	yaml_event_t ev;
	int r = 0;

	while (r == 0 && !y->done) {
		if (!yaml_parser_parse(&y->parser, &ev))
			return fail_parser(y);
		r = handlers[ev.type](y, &ev);
		yaml_event_delete(&ev);
	}
	return r;
}

int doc_read_yaml(struct doc_builder *b, const char *text, size_t len)
{
	struct yaml_reader y = { .b = b, .text = text, .len = len };
	int r;

	if (!yaml_parser_initialize(&y.parser))
		return doc_fail(b->err, (struct doc_pos){ 0, 0 }, -ENOMEM, "out of memory");
	yaml_parser_set_encoding(&y.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&y.parser, (const unsigned char *)text, len);
	r = read_events(&y);
	anchors_clear(&y);
	yaml_parser_delete(&y.parser);
	return r;
}
