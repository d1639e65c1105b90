/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builder of document trees. Fed by the YAML and the JSON reader; every limit is enforced here, so
 * a reader only needs to stop at the first error. An alias shares the nodes of its anchor, but
 * counts with its written-out size and height: who walks the tree walks no further than the limits.
 */
#include "doc_build.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

int doc_fail(struct doc_error *err, struct doc_pos pos, int r, const char *fmt, ...)
{
	va_list ap;

	err->line = pos.line;
	err->col = pos.col;
	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof err->msg, fmt, ap);
	va_end(ap);
	return r;
}

static int doc_fail_memory(struct doc_builder *b, struct doc_pos pos)
{
	return doc_fail(b->err, pos, -ENOMEM, "out of memory");
}

struct doc_pos doc_pos_advance(struct doc_pos pos, const char *from, const char *to)
{
	for (; from < to; from++) {
		if (*from == '\n') {
			pos.line++;
			pos.col = 1;
		} else if ((*from & 0xc0) != 0x80) {
			pos.col++;
		}
	}
	return pos;
}

struct doc_pos doc_pos_of(const char *text, size_t offset)
{
	return doc_pos_advance((struct doc_pos){ 1, 1 }, text, text + offset);
}

int doc_builder_init(struct doc_builder *b, const struct doc_limits *lim, struct doc_error *err)
{
	*b = (struct doc_builder){ .lim = *lim, .err = err };
	b->frames = calloc(lim->depth, sizeof *b->frames);
	b->doc = calloc(1, sizeof *b->doc);
	if (b->frames == NULL || b->doc == NULL)
		return doc_fail_memory(b, (struct doc_pos){ 0, 0 });
	arena_init(&b->doc->arena, 0);
	return 0;
}

void doc_builder_deinit(struct doc_builder *b)
{
	free(b->stack);
	free(b->frames);
	b->doc = doc_free(b->doc);
}

static int builder_push(struct doc_builder *b, const struct doc_node *node)
{
	if (b->n == b->cap) {
		size_t cap = b->cap == 0 ? 64 : b->cap * 2;
		struct doc_node *stack = reallocarray(b->stack, cap, sizeof *stack);

		if (stack == NULL)
			return doc_fail_memory(b, (struct doc_pos){ node->line, node->col });
		b->stack = stack;
		b->cap = cap;
	}
	b->stack[b->n++] = *node;
	return 0;
}

static int builder_count(struct doc_builder *b, struct doc_pos pos, size_t nodes, const char *what)
{
	if (nodes > b->lim.nodes - b->nodes)
		return doc_fail(b->err, pos, -E2BIG, "%s more than %zu nodes", what, b->lim.nodes);
	b->nodes += nodes;
	return 0;
}

/* A map or list is about to stand here: not as a key, and not too deep (height of it included). */
static int builder_place_container(struct doc_builder *b, struct doc_pos pos, unsigned height)
{
	struct doc_frame *top = b->depth > 0 ? &b->frames[b->depth - 1] : NULL;

	if (top != NULL && top->kind == DOC_MAP && (b->n - top->first) % 2 == 0)
		return doc_fail(b->err, pos, -EBADMSG, "a key must be a scalar, not a map or list");
	if (height > b->lim.depth - b->depth)
		return doc_fail(b->err, pos, -E2BIG, "maps and lists are nested more than %u deep",
				b->lim.depth);
	if (top != NULL)
		top->height = MAX(top->height, height);
	return 0;
}

int doc_builder_scalar(struct doc_builder *b, struct doc_pos pos, const char *text, size_t len,
		       enum doc_style style, bool binary, struct doc_anchor *anchor)
{
	struct doc_node node = {
		.kind = DOC_SCALAR,
		.style = style,
		.binary = binary,
		.len = (uint32_t)len,
		.line = pos.line,
		.col = pos.col,
	};
	int r;

	r = builder_count(b, pos, 1, "the document has");
	if (r < 0)
		return r;
	if (len > 0 && memchr(text, '\0', len) != NULL)
		return doc_fail(b->err, pos, -EBADMSG, "a text holds a NUL character");
	node.u.text = arena_strndup(&b->doc->arena, text, len);
	if (node.u.text == NULL)
		return doc_fail_memory(b, pos);
	if (anchor != NULL) {
		anchor->node = node;
		anchor->nodes = 1;
		anchor->bytes = len;
		anchor->complete = true;
	}
	b->bytes += len;
	return builder_push(b, &node);
}

int doc_builder_open(struct doc_builder *b, struct doc_pos pos, enum doc_kind kind,
		     struct doc_anchor *anchor)
{
	int r;

	r = builder_place_container(b, pos, 1);
	if (r < 0)
		return r;
	b->frames[b->depth++] = (struct doc_frame){
		.kind = kind,
		.pos = pos,
		.first = b->n,
		.nodes_before = b->nodes,
		.bytes_before = b->bytes,
		.anchor = anchor,
	};
	return builder_count(b, pos, 1, "the document has");
}

/* Moves the nodes of the top frame to the arena. */
static int builder_settle(struct doc_builder *b, const struct doc_frame *f, struct doc_node *node)
{
	size_t count = b->n - f->first;
	const struct doc_node *items = count > 0 ? b->stack + f->first : NULL;
	struct buf settled = BUF_INIT;
	int r = 0;

	if (f->kind == DOC_MAP && count > 0) {
		r = doc_map_settle(items, count / 2, &settled, b->err);
		items = (const struct doc_node *)(const void *)settled.data;
		count = settled.len / sizeof *items;
	}
	if (r == 0 && count > 0) {
		node->u.items = arena_memdup(&b->doc->arena, items, count * sizeof *items);
		if (node->u.items == NULL)
			r = doc_fail_memory(b, f->pos);
	}
	node->len = (uint32_t)(f->kind == DOC_MAP ? count / 2 : count);
	buf_deinit(&settled);
	return r;
}

int doc_builder_close(struct doc_builder *b)
{
	struct doc_frame *f = &b->frames[b->depth - 1];
	struct doc_node node = { .kind = f->kind, .line = f->pos.line, .col = f->pos.col };
	unsigned height = f->height + 1;
	int r;

	r = builder_settle(b, f, &node);
	if (r < 0)
		return r;
	if (f->anchor != NULL) {
		f->anchor->node = node;
		f->anchor->nodes = b->nodes - f->nodes_before;
		f->anchor->bytes = b->bytes - f->bytes_before;
		f->anchor->height = height;
		f->anchor->complete = true;
	}
	b->n = f->first;
	b->depth--;
	if (b->depth > 0)
		f[-1].height = MAX(f[-1].height, height);
	return builder_push(b, &node);
}

int doc_builder_alias(struct doc_builder *b, struct doc_pos pos, const struct doc_anchor *anchor)
{
	int r;

	if (!anchor->complete)
		return doc_fail(b->err, pos, -EBADMSG,
				"the alias '*%.64s' stands inside its own anchor", anchor->name);
	if (anchor->node.kind != DOC_SCALAR) {
		r = builder_place_container(b, pos, anchor->height);
		if (r < 0)
			return r;
	}
	r = builder_count(b, pos, anchor->nodes, "aliases expand to");
	if (r < 0)
		return r;
	b->bytes += anchor->bytes;
	if (b->bytes > b->lim.bytes)
		return doc_fail(b->err, pos, -E2BIG,
				"aliases expand to more than %zu bytes of text", b->lim.bytes);
	return builder_push(b, &anchor->node);
}

int doc_builder_finish(struct doc_builder *b, struct doc **ret_doc)
{
	b->doc->n_roots = b->n;
	if (b->n > 0) {
		b->doc->roots = arena_memdup(&b->doc->arena, b->stack, b->n * sizeof *b->stack);
		if (b->doc->roots == NULL)
			return doc_fail_memory(b, (struct doc_pos){ 0, 0 });
	}
	*ret_doc = TAKE(b->doc);
	return 0;
}
