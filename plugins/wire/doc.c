/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Document trees: the entry point that checks size and encoding, picks the reader, and the
 * functions that read the finished tree. Called by the config loader and by the file source. Every
 * failure ends in a message with a position; nothing is kept of a text that failed.
 */
#include "doc.h"

#include <errno.h>

#include "doc_build.h"
#include "utf8.h"

static const char bom[] = "\xef\xbb\xbf";

static struct doc_limits limits_of(const struct doc_limits *lim)
{
	struct doc_limits l = { 0 };

	if (lim != NULL)
		l = *lim;
	l.bytes = MIN(l.bytes == 0 ? DOC_BYTES : l.bytes, (size_t)UINT32_MAX);
	l.nodes = MIN(l.nodes == 0 ? DOC_NODES : l.nodes, (size_t)UINT32_MAX);
	l.depth = MIN(l.depth == 0 ? DOC_DEPTH : l.depth, (unsigned)DOC_DEPTH_MAX);
	return l;
}

static int check_text(const char *text, size_t len, const struct doc_limits *lim,
		      struct doc_error *err)
{
	const char *nul;
	size_t bad;

	if (len > lim->bytes)
		return doc_fail(err, (struct doc_pos){ 0, 0 }, -E2BIG,
				"the file has more than %zu bytes", lim->bytes);
	bad = utf8_check(text, len);
	if (bad < len)
		return doc_fail(err, doc_pos_of(text, bad), -EBADMSG,
				"byte 0x%02x is not valid UTF-8 here", (unsigned char)text[bad]);
	nul = len > 0 ? memchr(text, '\0', len) : NULL;
	if (nul != NULL)
		return doc_fail(err, doc_pos_of(text, (size_t)(nul - text)), -EBADMSG,
				"a NUL byte is not text");
	return 0;
}

typedef int read_fn(struct doc_builder *b, const char *text, size_t len);

static int read_with(read_fn *read, const char *text, size_t len, const struct doc_limits *lim,
		     struct doc **ret_doc, struct doc_error *err)
{
	struct doc_builder b;
	int r;

	r = doc_builder_init(&b, lim, err);
	if (r == 0)
		r = read(&b, text, len);
	if (r == 0)
		r = doc_builder_finish(&b, ret_doc);
	doc_builder_deinit(&b);
	return r;
}

static bool looks_like_json(const char *text, size_t len)
{
	size_t i = 0;

	while (i < len && strchr(" \t\r\n", text[i]) != NULL)
		i++;
	return i < len && (text[i] == '{' || text[i] == '[');
}

static bool stands_before(const struct doc_error *a, const struct doc_error *b)
{
	return a->line != b->line ? a->line < b->line : a->col < b->col;
}

/*
 * What is no JSON may be YAML in flow style. If it is neither, the reader that came further tells
 * what is wrong.
 */
static int read_auto(const char *text, size_t len, const struct doc_limits *lim,
		     struct doc **ret_doc, struct doc_error *err)
{
	struct doc_error json_err;
	int r;

	if (!looks_like_json(text, len))
		return read_with(doc_read_yaml, text, len, lim, ret_doc, err);
	r = read_with(doc_read_json, text, len, lim, ret_doc, &json_err);
	if (r == -EBADMSG) {
		r = read_with(doc_read_yaml, text, len, lim, ret_doc, err);
		if (r != -EBADMSG || stands_before(&json_err, err))
			return r;
	}
	if (r < 0)
		*err = json_err;
	return r;
}

int doc_parse(const char *text, size_t len, enum doc_format format, const struct doc_limits *lim,
	      struct doc **ret_doc, struct doc_error *ret_err)
{
	struct doc_limits limits = limits_of(lim);
	struct doc_error own;
	struct doc_error *err = ret_err != NULL ? ret_err : &own;
	int r;

	r = check_text(text, len, &limits, err);
	if (r < 0)
		return r;
	if (len >= sizeof bom - 1 && memcmp(text, bom, sizeof bom - 1) == 0) {
		text += sizeof bom - 1;
		len -= sizeof bom - 1;
	}
	if (format == DOC_AUTO)
		return read_auto(text, len, &limits, ret_doc, err);
	return read_with(format == DOC_JSON ? doc_read_json : doc_read_yaml, text, len, &limits,
			 ret_doc, err);
}

struct doc *doc_free(struct doc *doc)
{
	if (doc != NULL)
		arena_deinit(&doc->arena);
	free(doc);
	return NULL;
}

enum doc_format doc_format_of_path(const char *path)
{
	size_t len = strlen(path);

	return len >= 5 && strcmp(path + len - 5, ".json") == 0 ? DOC_JSON : DOC_AUTO;
}

size_t doc_count(const struct doc *doc)
{
	return doc->n_roots;
}

const struct doc_node *doc_root(const struct doc *doc, size_t i)
{
	return &doc->roots[i];
}

const char *doc_kind_name(const struct doc_node *n)
{
	static const char *const names[] = {
		[DOC_SCALAR] = "a scalar", [DOC_SEQ] = "a list", [DOC_MAP] = "a map",
	};

	if (n->kind == DOC_SCALAR && n->style == DOC_QUOTED)
		return "a string";
	return names[n->kind];
}

const struct doc_node *doc_map_get(const struct doc_node *n, const char *key)
{
	size_t len = strlen(key);

	for (size_t i = 0; n->kind == DOC_MAP && i < n->len; i++) {
		const struct doc_node *k = doc_key(n, i);

		if (k->len == len && memcmp(k->u.text, key, len) == 0)
			return doc_value(n, i);
	}
	return NULL;
}
