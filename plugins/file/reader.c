/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entry of the reader: text to tree, tree to content. See reader.h. A file without any document is
 * taken for one that is just being written or was cut by a crash, not for an order to delete: it is
 * broken, and its last good content stays.
 */
#include "reader_private.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#define BODIES_PER_TEXT 4 /* aliases may make the resources larger than the text, up to this */

int reader_remark(struct reader *r, enum mesh_severity severity, const struct doc_node *at,
		  const char *behaviour, const char *fmt, ...)
{
	struct mesh_finding f = { .severity = severity, .name = r->path, .behaviour = behaviour };
	char field[32], reason[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(reason, sizeof reason, fmt, ap);
	va_end(ap);
	snprintf(field, sizeof field, "%u:%u", doc_line(at), doc_col(at));
	f.field = field;
	f.reason = reason;
	return content_find(r->content, &f, doc_line(at), doc_col(at));
}

static bool is_empty(const struct doc *doc)
{
	for (size_t i = 0; i < doc_count(doc); i++) {
		if (!doc_is_null(doc_root(doc, i)))
			return false;
	}
	return true;
}

static int read_documents(struct reader *r, const struct doc *doc)
{
	int ret = 0;

	if (is_empty(doc))
		return content_break(r->content, 0, 0,
				     "is empty; to remove its resources write 'resources: []' or "
				     "delete the file");
	for (size_t i = 0; ret == 0 && i < doc_count(doc); i++)
		ret = reader_document(r, doc_root(doc, i));
	return ret;
}

/* What ended the reading becomes the one finding of a broken file; only -ENOMEM is passed on. */
static int give_up(const char *path, int error, struct content **content)
{
	if (error != -E2BIG)
		return error;
	content_unref(*content);
	*content = NULL;
	return reader_broken(
		path,
		"its resources together are too large for a file of this size limit (max_size)",
		content);
}

static int read_text(struct reader *r, const char *text, size_t len, const struct doc_limits *lim)
{
	_cleanup_(doc_freep) struct doc *doc = NULL;
	struct doc_error err;
	int ret;

	ret = doc_parse(text, len, doc_format_of_path(r->path), lim, &doc, &err);
	if (ret == -ENOMEM)
		return ret;
	if (ret < 0)
		return content_break(r->content, err.line, err.col, err.msg);
	return read_documents(r, doc);
}

int reader_read(const char *path, const char *text, size_t len, const struct reader_limits *lim,
		struct content **ret_content)
{
	_cleanup_(content_unrefp) struct content *content = NULL;
	struct doc_limits doc_lim = { 0 };
	struct reader r = { .path = path, .body = BUF_INIT };
	int ret;

	doc_lim.bytes = lim != NULL && lim->bytes != 0 ? lim->bytes : READER_BYTES;
	doc_lim.nodes = lim != NULL ? lim->nodes : 0;
	ret = content_new(path, doc_lim.bytes * BODIES_PER_TEXT, &content);
	if (ret < 0)
		return ret;
	r.content = content;
	ret = read_text(&r, text, len, &doc_lim);
	buf_deinit(&r.body);
	if (ret == 0)
		ret = content_finish(content);
	if (ret < 0)
		ret = give_up(path, ret, &content);
	if (ret == 0)
		*ret_content = TAKE(content);
	return ret;
}

int reader_broken(const char *path, const char *reason, struct content **ret_content)
{
	_cleanup_(content_unrefp) struct content *content = NULL;
	int r = content_new(path, 0, &content);

	if (r == 0)
		r = content_break(content, 0, 0, reason);
	if (r == 0)
		r = content_finish(content);
	if (r == 0)
		*ret_content = TAKE(content);
	return r;
}
