/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internal to wire/doc: the builder that both readers feed. It holds the nodes of the open maps and
 * lists on one stack, counts them against the limits, and moves each container to the arena when it
 * closes. All functions return 0 or a negative errno of doc_parse(), with the error filled in.
 */
#ifndef WIRE_DOC_BUILD_H
#define WIRE_DOC_BUILD_H

#include "arena.h"
#include "buf.h"
#include "doc.h"

struct doc {
	struct arena arena;           /* owns all nodes and texts */
	const struct doc_node *roots;
	size_t n_roots;
};

struct doc_pos {
	unsigned line, col;
};

/* What an alias stands for. It is complete once its node has been read to the end. */
struct doc_anchor {
	const char *name;
	struct doc_node node;
	size_t nodes;    /* written out */
	size_t bytes;    /* of text, written out */
	unsigned height; /* maps and lists on the deepest way down */
	bool complete;
};

struct doc_frame {
	enum doc_kind kind;
	struct doc_pos pos;
	size_t first;              /* of its nodes on the stack */
	size_t nodes_before;       /* builder's counts when it was opened */
	size_t bytes_before;
	unsigned height;           /* of its highest child */
	struct doc_anchor *anchor; /* in the arena, NULL without one */
};

struct doc_builder {
	struct doc *doc;          /* owned until doc_builder_finish() */
	struct doc_limits lim;
	struct doc_error *err;    /* borrowed */
	struct doc_node *stack;   /* owned: roots, then the nodes of all open frames */
	size_t n, cap;
	struct doc_frame *frames; /* owned, lim.depth of them */
	unsigned depth;           /* open frames */
	size_t nodes, bytes;      /* so far, aliases written out; bytes of text */
};

/* lim has no zeros; err is written by any later failure. Ends with doc_builder_deinit(). */
int doc_builder_init(struct doc_builder *b, const struct doc_limits *lim, struct doc_error *err);
void doc_builder_deinit(struct doc_builder *b);

/* Fills the error and returns r. */
int doc_fail(struct doc_error *err, struct doc_pos pos, int r, const char *fmt, ...) _printf_(4, 5);

/* Line and column of the byte at offset. */
struct doc_pos doc_pos_of(const char *text, size_t offset);

/* Position `to`, given the position of `from` before it. */
struct doc_pos doc_pos_advance(struct doc_pos pos, const char *from, const char *to);

/* A scalar with the given text, which is copied. anchor may be NULL. */
int doc_builder_scalar(struct doc_builder *b, struct doc_pos pos, const char *text, size_t len,
		       enum doc_style style, bool binary, struct doc_anchor *anchor);

int doc_builder_open(struct doc_builder *b, struct doc_pos pos, enum doc_kind kind,
		     struct doc_anchor *anchor);
int doc_builder_close(struct doc_builder *b);
int doc_builder_alias(struct doc_builder *b, struct doc_pos pos, const struct doc_anchor *anchor);

/* Hands over the tree when all is read. */
int doc_builder_finish(struct doc_builder *b, struct doc **ret_doc);

/*
 * Takes merge keys out of the n entries (key, value, ...) of a map that closes and appends what
 * they bring to the list `out` of entries; refuses a key that stands twice. out is a buf of struct
 * doc_node.
 */
int doc_map_settle(const struct doc_node *entries, size_t n, struct buf *out,
		   struct doc_error *err);

/* The readers. They feed the builder until the text ends or an error is found. */
int doc_read_yaml(struct doc_builder *b, const char *text, size_t len);
int doc_read_json(struct doc_builder *b, const char *text, size_t len);

/* Length of the JSON number at p, 0 when there is none. */
size_t doc_json_number(const char *p, const char *end);

#endif
