/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One map of a mesh file becomes one resource: its kind, its bytes, its name. Whatever is wrong
 * with it is a finding under its own name and leaves the other resources alone. Called by forms.c.
 */
#include "reader_private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "pbjson.h"

/* The resource at hand; what pbjson's callback gets. */
struct subject {
	struct reader *reader;
	enum kind kind;
	const char *name;
};

static int find(const struct subject *s, enum mesh_severity severity, const char *behaviour,
		const char *field, unsigned line, unsigned col, const char *reason)
{
	struct mesh_finding f = {
		.severity = severity,
		.type = kind_info(s->kind)->message,
		.name = s->name,
		.field = field,
		.behaviour = behaviour,
		.reason = reason,
	};

	return content_find(s->reader->content, &f, line, col);
}

static void on_note(void *arg, const struct pbjson_note *note)
{
	static const struct {
		enum mesh_severity severity;
		const char *behaviour, *text;
	} rows[_PBJSON_NOTE_MAX] = {
		[PBJSON_UNKNOWN_FIELD] = { MESH_SEV_WARN, "warn",
					   "%s has no field of this name; it is left out" },
		[PBJSON_SKIPPED_FIELD] = { MESH_SEV_INFO, "info",
					   "a field of %s that meshd does not read" },
		[PBJSON_UNKNOWN_TYPE] = { MESH_SEV_INFO, "info",
					  "'%s' is a type that meshd does not know; "
					  "its content is left out" },
		[PBJSON_LONE_ELEMENT] = { MESH_SEV_WARN, "warn",
					  "must be a list of %s; the map is read as "
					  "its only element" },
	};
	struct subject *s = arg;
	_cleanup_(buf_deinit) struct buf b = BUF_INIT;
	const char *hole = strstr(rows[note->kind].text, "%s");
	const char *reason;
	int r;

	buf_append(&b, rows[note->kind].text, (size_t)(hole - rows[note->kind].text));
	buf_printf(&b, "%.200s%s", note->subject, hole + 2);
	if (note->nearest != NULL)
		buf_printf(&b, " (did you mean '%s'?)", note->nearest);
	reason = buf_str(&b);
	r = reason == NULL ? -ENOMEM
			   : find(s, rows[note->kind].severity, rows[note->kind].behaviour,
				  note->path, note->line, note->col, reason);
	if (r < 0)
		s->reader->failed = r;
}

static const char *own_name(const struct doc_node *n, enum kind kind)
{
	const struct doc_node *name = map_field(n, kind_info(kind)->name_key);

	return name != NULL && doc_kind(name) == DOC_SCALAR && doc_len(name) > 0 ? doc_text(name)
										 : NULL;
}

/* Writes the name into a body that has none: field 1, so it goes to the front. */
static int put_name(struct buf *body, const char *name)
{
	size_t len = strlen(name), old = body->len;
	uint8_t head[12];	/* tag, and a length of at most ten bytes */
	size_t n = 0, v = len;

	head[n++] = 1 << 3 | 2;
	for (; v >= 0x80; v >>= 7)
		head[n++] = (uint8_t)(v | 0x80);
	head[n++] = (uint8_t)v;
	if (len > UINT32_MAX || buf_extend(body, n + len) == NULL)
		return -ENOMEM;
	memmove(body->data + n + len, body->data, old);
	memcpy(body->data, head, n);
	memcpy(body->data + n, name, len);
	return 0;
}

/* Envoy gives a listener without name a random one; ours must be the same after a restart. */
static void make_name(struct reader *r, char *out, size_t size)
{
	snprintf(out, size, "unnamed-%016" PRIx64 "-%zu",
		 (uint64_t)XXH3_64bits(r->path, strlen(r->path)), r->n_unnamed++);
}

static int add_resource(struct subject *s, const struct doc_node *n, bool has_own_name)
{
	struct reader *r = s->reader;
	struct content_item item = {
		.kind = s->kind,
		.name = s->name,
		.line = doc_line(n),
		.col = doc_col(n),
	};
	int ret = 0;

	if (!has_own_name)
		ret = put_name(&r->body, s->name);
	item.body = r->body.data;
	item.size = r->body.len;
	return ret < 0 ? ret : content_add(r->content, &item);
}

/* The message is wrong: this resource is lost, the others go on. */
static int lose_resource(struct subject *s, const struct pbjson_error *err)
{
	int r = find(s, MESH_SEV_ERROR, "keep", err->path, err->line, err->col, err->text);

	return r < 0 ? r : content_add_lost(s->reader->content, s->kind, s->name);
}

static int encode_resource(struct subject *s, const struct doc_node *n, bool has_own_name)
{
	struct reader *r = s->reader;
	struct pbjson_options opt = { .max_bytes = READER_RESOURCE_BYTES,
				      .note = on_note,
				      .arg = s };
	struct pbjson_error err;
	int ret;

	buf_reset(&r->body);
	ret = pbjson_encode(kind_descriptor(s->kind), n, &opt, &r->body, &err);
	if (r->failed < 0 || ret == -ENOMEM)
		return -ENOMEM;
	return ret < 0 ? lose_resource(s, &err) : add_resource(s, n, has_own_name);
}

/* Envoy goes by the name inside; the wrapper's counts where there is no other. */
static int choose_name(struct subject *s, const struct doc_node *n, const char *own,
		       const char *wrapped, char *made, size_t made_size)
{
	char reason[256];

	if (wrapped != NULL && *wrapped == '\0')
		wrapped = NULL;
	s->name = own != NULL ? own : wrapped;
	if (own != NULL && wrapped != NULL && strcmp(own, wrapped) != 0) {
		snprintf(reason, sizeof reason,
			 "the wrapper says '%.80s'; the name inside counts, as in Envoy", wrapped);
		return find(s, MESH_SEV_INFO, "info", "name", doc_line(n), doc_col(n), reason);
	}
	if (s->name != NULL || s->kind != KIND_LISTENER)
		return 0;
	make_name(s->reader, made, made_size);
	s->name = made;
	return find(s, MESH_SEV_INFO, "info", "name", doc_line(n), doc_col(n),
		    "a listener without a name; it gets one");
}

static int read_named(struct reader *r, const struct doc_node *n, enum kind kind,
		      const char *wrapped)
{
	struct subject s = { .reader = r, .kind = kind };
	const char *own = own_name(n, kind);
	char made[64];
	int ret = choose_name(&s, n, own, wrapped, made, sizeof made);

	if (ret < 0)
		return ret;
	if (s.name == NULL)
		return find(&s, MESH_SEV_ERROR, "skip", kind_info(kind)->name_key, doc_line(n),
			    doc_col(n), "a resource without a name cannot be used; it is left out");
	return encode_resource(&s, n, own != NULL);
}

static int refuse_type(struct reader *r, const struct doc_node *type)
{
	if (doc_kind(type) != DOC_SCALAR)
		return reader_remark(r, MESH_SEV_ERROR, type, "skip",
				     "\"@type\" is %s, must be the type URL of a resource",
				     doc_kind_name(type));
	return reader_remark(r, MESH_SEV_WARN, type, "skip",
			     "'%.200s' is not a type of resources that meshd reads; it is left out",
			     doc_text(type));
}

int reader_resource(struct reader *r, const struct doc_node *n, enum kind kind, const char *name)
{
	const struct doc_node *type;

	if (doc_kind(n) != DOC_MAP)
		return reader_remark(r, MESH_SEV_ERROR, n, "skip",
				     "is %s, must be a resource (a map)", doc_kind_name(n));
	type = doc_map_get(n, "@type");
	if (type != NULL) {
		kind = doc_kind(type) == DOC_SCALAR ? kind_of_type(doc_text(type)) : KIND_NONE;
		if (kind == KIND_NONE)
			return refuse_type(r, type);
	} else if (kind == KIND_NONE) {
		kind = kind_of_keys(n);
	}
	if (kind == KIND_NONE)
		return reader_remark(
			r, MESH_SEV_WARN, n, "skip",
			"cannot tell what this is, it needs an \"@type\"; it is left out");
	return read_named(r, n, kind, name);
}
