/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML and JSON text as an immutable tree that knows where each node stands. Used for the config
 * file and for files of mesh resources, so both may be hostile: bytes, depth and nodes are bounded,
 * and a file that uses aliases to grow without end is an error like any other.
 *
 * YAML 1.1 as libyaml reads it, several documents per stream, anchors, aliases and merge keys (<<).
 * Scalars keep their text and whether they were quoted; the reader of the tree decides on types, by
 * the core schema of YAML 1.2 (doc_bool() and the like): yes, no, on and off are strings.
 * JSON is read strictly (RFC 8259). Text is UTF-8 without NUL, in the file and after unescaping.
 */
#ifndef WIRE_DOC_H
#define WIRE_DOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "cleanup.h"

#define DOC_BYTES ((size_t)64 << 20)
#define DOC_NODES ((size_t)5000000)
#define DOC_DEPTH 100
#define DOC_DEPTH_MAX 1000 /* whatever the limits say */

enum doc_format {
	DOC_AUTO, /* JSON when it starts with { or [ and is JSON, else YAML */
	DOC_YAML,
	DOC_JSON,
};

enum doc_kind { DOC_SCALAR, DOC_SEQ, DOC_MAP };

enum doc_style {
	DOC_PLAIN,  /* may be null, a boolean or a number */
	DOC_QUOTED, /* a string: quoted, a block scalar, or tagged !!str or !!binary */
};

/* 0 stands for the default above. Nodes and text are counted as if every alias were written out. */
struct doc_limits {
	size_t bytes;   /* of the file, and of all text in the tree */
	size_t nodes;
	unsigned depth; /* nested maps and lists */
};

struct doc_error {
	unsigned line, col; /* from 1, columns in characters; 0: no particular place */
	char msg[256];      /* what is wrong, without position */
};

/* Read through the functions below. Line and column are those of the anchor for what an alias or a
 * merge key brought in. */
struct doc_node {
	uint8_t kind, style;
	bool binary;        /* tagged !!binary: text is base64 */
	uint32_t len;       /* bytes of a scalar, items of a list, entries of a map */
	uint32_t line, col; /* from 1 */
	union {
		const char *text;             /* owned by the doc, NUL-terminated */
		const struct doc_node *items; /* owned by the doc; key, value, ... for a map */
	} u;
};

struct doc;

/*
 * Reads a text of len bytes, which need not end in NUL and is not needed afterwards. lim may be
 * NULL. Returns 0 and the tree (doc_free); -EBADMSG: not well-formed; -EEXIST: a key stands twice
 * in a map; -E2BIG: beyond a limit; -ENOMEM. *ret_err is written in every case of failure; ret_err
 * may be NULL.
 */
int doc_parse(const char *text, size_t len, enum doc_format format, const struct doc_limits *lim,
	      struct doc **ret_doc, struct doc_error *ret_err);

/* Frees the tree with all nodes and texts; returns NULL. */
struct doc *doc_free(struct doc *doc);
DEFINE_FREEP(struct doc *, doc_free);

/* DOC_JSON for a name that ends in .json, else DOC_AUTO. */
enum doc_format doc_format_of_path(const char *path);

/* Documents of the stream (0 for an empty file) and their roots, i < doc_count(). */
size_t doc_count(const struct doc *doc);
const struct doc_node *doc_root(const struct doc *doc, size_t i);

static inline enum doc_kind doc_kind(const struct doc_node *n)
{
	return (enum doc_kind)n->kind;
}

/* "a map", "a list", "a string": for messages. */
const char *doc_kind_name(const struct doc_node *n);

static inline unsigned doc_line(const struct doc_node *n)
{
	return n->line;
}

static inline unsigned doc_col(const struct doc_node *n)
{
	return n->col;
}

/* Entries of a map, items of a list, bytes of a scalar. */
static inline size_t doc_len(const struct doc_node *n)
{
	return n->len;
}

/* Text of a scalar, NULL for a map or list. */
static inline const char *doc_text(const struct doc_node *n)
{
	return n->kind == DOC_SCALAR ? n->u.text : NULL;
}

/* Item i of a list, i < doc_len(). */
static inline const struct doc_node *doc_item(const struct doc_node *n, size_t i)
{
	return &n->u.items[i];
}

/* Key (a scalar) and value of entry i of a map, in the order of the file. */
static inline const struct doc_node *doc_key(const struct doc_node *n, size_t i)
{
	return &n->u.items[2 * i];
}

static inline const struct doc_node *doc_value(const struct doc_node *n, size_t i)
{
	return &n->u.items[2 * i + 1];
}

/* Value of a key, NULL when it is absent or n is no map. Looks at every key. */
const struct doc_node *doc_map_get(const struct doc_node *n, const char *key);

/*
 * What a plain scalar means. doc_is_null: empty, ~, null. The others return 0, -EINVAL when the
 * node is no plain scalar of that type, -ERANGE when the number does not fit. doc_double takes
 * integers too, and .inf, -.inf, .nan.
 */
bool doc_is_null(const struct doc_node *n);
int doc_bool(const struct doc_node *n, bool *ret);
int doc_int(const struct doc_node *n, int64_t *ret);
int doc_uint(const struct doc_node *n, uint64_t *ret);
int doc_double(const struct doc_node *n, double *ret);

struct json;

/* Writes the node as one JSON value. Plain scalars get their core schema type; .inf and .nan, which
 * JSON lacks, become strings. */
void doc_write_json(const struct doc_node *n, struct json *j);

#endif
