/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks a document tree along message descriptors and writes the encoding. A message is read in two
 * steps: its keys are matched to fields, then the fields are written in the order of their numbers,
 * whatever the order of the keys. Lengths of nested messages are put in behind, by moving what was
 * written: a message is rarely nested so deep that this costs more than counting first.
 * Called through pbjson_encode(); on failure the encoder unwinds and the caller drops the output.
 */
#include "pbjson_private.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "nearest.h"
#include "registry.h"

int pbjson_fail(struct pbjson_encoder *e, const struct doc_node *at, int r, const char *fmt, ...)
{
	const char *path = buf_str(&e->path);
	va_list ap;

	e->err->line = doc_line(at);
	e->err->col = doc_col(at);
	snprintf(e->err->path, sizeof e->err->path, "%s", path != NULL ? path : "");
	va_start(ap, fmt);
	vsnprintf(e->err->text, sizeof e->err->text, fmt, ap);
	va_end(ap);
	return r;
}

size_t pbjson_path_name(struct pbjson_encoder *e, const char *name)
{
	size_t len = e->path.len;

	if (len > 0)
		buf_putc(&e->path, '.');
	buf_puts(&e->path, name);
	return len;
}

size_t pbjson_path_index(struct pbjson_encoder *e, size_t i)
{
	size_t len = e->path.len;

	buf_printf(&e->path, "[%zu]", i);
	return len;
}

size_t pbjson_path_key(struct pbjson_encoder *e, const char *key)
{
	size_t len = e->path.len;

	buf_printf(&e->path, "[\"%.100s\"]", key);
	return len;
}

void pbjson_path_cut(struct pbjson_encoder *e, size_t len)
{
	if (len < e->path.len)
		e->path.len = len;
}

void pbjson_varint(struct pbjson_encoder *e, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		buf_putc(e->out, (char)(v | 0x80));
	buf_putc(e->out, (char)v);
}

void pbjson_tag(struct pbjson_encoder *e, uint32_t number, enum pb_wire wire)
{
	pbjson_varint(e, (uint64_t)number << 3 | (uint64_t)wire);
}

static int check_size(struct pbjson_encoder *e, const struct doc_node *n)
{
	size_t max = e->opt->max_bytes != 0 ? e->opt->max_bytes : PBJSON_BYTES;

	if (buf_error(e->out) < 0)
		return pbjson_fail(e, n, -ENOMEM, "out of memory");
	if (e->out->len - e->start > max)
		return pbjson_fail(e, n, -E2BIG, "the resource encodes to more than %zu bytes",
				   max);
	return 0;
}

size_t pbjson_begin(struct pbjson_encoder *e, uint32_t number)
{
	pbjson_tag(e, number, PB_LEN);
	return e->out->len;
}

int pbjson_end(struct pbjson_encoder *e, size_t mark, const struct doc_node *n)
{
	size_t len = e->out->len - mark, room;
	int r;

	pbjson_varint(e, len); /* behind, to learn how long it is */
	r = check_size(e, n);
	if (r < 0)
		return r;
	room = e->out->len - mark - len;
	memmove(e->out->data + mark + room, e->out->data + mark, len);
	e->out->len = mark;
	pbjson_varint(e, len);
	e->out->len = mark + room + len;
	return 0;
}

int pbjson_enter(struct pbjson_encoder *e, const struct doc_node *n)
{
	if (e->depth >= PBJSON_DEPTH)
		return pbjson_fail(e, n, -E2BIG, "more than %d messages within each other",
				   PBJSON_DEPTH);
	e->depth++;
	return 0;
}

void pbjson_leave(struct pbjson_encoder *e)
{
	e->depth--;
}

/* Little endian, as the encoding wants it. */
static void put_fixed(struct pbjson_encoder *e, uint64_t bits, unsigned bytes)
{
	for (; bytes > 0; bytes--, bits >>= 8)
		buf_putc(e->out, (char)(bits & 0xff));
}

int pbjson_scalar_write(struct pbjson_encoder *e, uint32_t number, const struct pbjson_scalar *s,
			const struct doc_node *n)
{
	if (number != 0)
		pbjson_tag(e, number, s->wire);
	if (s->wire == PB_VARINT || s->wire == PB_LEN)
		pbjson_varint(e, s->wire == PB_LEN ? s->len : s->bits);
	if (s->wire == PB_LEN)
		buf_append(e->out, s->data, s->len);
	else if (s->wire != PB_VARINT)
		put_fixed(e, s->bits, s->wire == PB_I32 ? 4 : 8);
	return check_size(e, n);
}

/* A message or scalar in field f; implicit: a default value is not written. */
static int write_single(struct pbjson_encoder *e, const ProtobufCFieldDescriptor *f, bool implicit,
			const struct doc_node *n)
{
	struct pbjson_scalar s;
	size_t mark;
	int r;

	if (f->type == PROTOBUF_C_TYPE_MESSAGE) {
		mark = pbjson_begin(e, f->id);
		r = pbjson_message(e, f->descriptor, n);
		return r < 0 ? r : pbjson_end(e, mark, n);
	}
	r = pbjson_scalar_read(e, f, PBJSON_VALUE, n, &s);
	if (r < 0 || (implicit && s.zero))
		return r;
	return pbjson_scalar_write(e, f->id, &s, n);
}

static bool is_packed(const ProtobufCFieldDescriptor *f)
{
	return f->type != PROTOBUF_C_TYPE_MESSAGE && f->type != PROTOBUF_C_TYPE_STRING &&
	       f->type != PROTOBUF_C_TYPE_BYTES;
}

static int write_element(struct pbjson_encoder *e, const ProtobufCFieldDescriptor *f,
			 const struct doc_node *n)
{
	struct pbjson_scalar s;
	int r;

	if (doc_is_null(n) && !pbjson_takes_null(f))
		return pbjson_fail(e, n, -EBADMSG, "null cannot be an element of a list");
	if (!is_packed(f))
		return write_single(e, f, false, n);
	r = pbjson_scalar_read(e, f, PBJSON_VALUE, n, &s);
	return r < 0 ? r : pbjson_scalar_write(e, 0, &s, n);
}

/* Envoy's own parser takes a map for a list of one, and files that rely on it are around. */
static int write_lone_element(struct pbjson_encoder *e, const ProtobufCFieldDescriptor *f,
			      const struct doc_node *n)
{
	const ProtobufCMessageDescriptor *desc = f->descriptor;
	struct pbjson_note note = {
		.kind = PBJSON_LONE_ELEMENT,
		.path = buf_str(&e->path),
		.subject = desc->name,
		.line = doc_line(n),
		.col = doc_col(n),
	};

	if (e->opt->note != NULL && note.path != NULL)
		e->opt->note(e->opt->arg, &note);
	return write_single(e, f, false, n);
}

static int write_list(struct pbjson_encoder *e, const ProtobufCFieldDescriptor *f,
		      const struct doc_node *n)
{
	size_t mark = 0, cut;
	int r;

	if (doc_kind(n) == DOC_MAP && f->type == PROTOBUF_C_TYPE_MESSAGE)
		return write_lone_element(e, f, n);
	if (doc_kind(n) != DOC_SEQ)
		return pbjson_fail(e, n, -EBADMSG, "is %s, must be a list", doc_kind_name(n));
	if (doc_len(n) == 0)
		return 0;
	if (is_packed(f))
		mark = pbjson_begin(e, f->id);
	for (size_t i = 0; i < doc_len(n); i++) {
		cut = pbjson_path_index(e, i);
		r = write_element(e, f, doc_item(n, i));
		if (r < 0)
			return r;
		pbjson_path_cut(e, cut);
	}
	return is_packed(f) ? pbjson_end(e, mark, n) : 0;
}

struct map_entry {
	struct pbjson_scalar key;
	const struct doc_node *key_node, *value;
};

static int map_entry_compare(const void *a, const void *b)
{
	const struct pbjson_scalar *x = &((const struct map_entry *)a)->key;
	const struct pbjson_scalar *y = &((const struct map_entry *)b)->key;
	int r;

	if (x->wire != PB_LEN)
		return (x->bits > y->bits) - (x->bits < y->bits);
	r = memcmp(x->data, y->data, MIN(x->len, y->len));
	return r != 0 ? r : (x->len > y->len) - (x->len < y->len);
}

static int write_map_entry(struct pbjson_encoder *e, const ProtobufCFieldDescriptor *f,
			   const struct map_entry *entry)
{
	const ProtobufCMessageDescriptor *desc = f->descriptor;
	size_t cut = pbjson_path_key(e, doc_text(entry->key_node));
	size_t mark;
	int r;

	if (doc_is_null(entry->value) && !pbjson_takes_null(&desc->fields[1]))
		return pbjson_fail(e, entry->value, -EBADMSG, "null cannot be a value of a map");
	mark = pbjson_begin(e, f->id);
	r = pbjson_enter(e, entry->value);
	if (r < 0)
		return r;
	r = pbjson_scalar_write(e, 1, &entry->key, entry->key_node);
	if (r == 0)
		r = write_single(e, &desc->fields[1], false, entry->value);
	pbjson_leave(e);
	if (r < 0)
		return r;
	pbjson_path_cut(e, cut);
	return pbjson_end(e, mark, entry->value);
}

static int write_map(struct pbjson_encoder *e, const ProtobufCFieldDescriptor *f,
		     const struct doc_node *n)
{
	const ProtobufCMessageDescriptor *desc = f->descriptor;
	_cleanup_free_ struct map_entry *entries = NULL;
	int r = 0;

	if (doc_kind(n) != DOC_MAP)
		return pbjson_fail(e, n, -EBADMSG, "is %s, must be a map", doc_kind_name(n));
	entries = calloc(doc_len(n) + 1, sizeof *entries);
	if (entries == NULL)
		return pbjson_fail(e, n, -ENOMEM, "out of memory");
	for (size_t i = 0; r == 0 && i < doc_len(n); i++) {
		entries[i].key_node = doc_key(n, i);
		entries[i].value = doc_value(n, i);
		r = pbjson_scalar_read(e, &desc->fields[0], PBJSON_KEY, doc_key(n, i),
				       &entries[i].key);
	}
	if (r == 0)
		qsort(entries, doc_len(n), sizeof *entries, map_entry_compare);
	for (size_t i = 0; r == 0 && i < doc_len(n); i++)
		r = write_map_entry(e, f, &entries[i]);
	return r;
}

int pbjson_field(struct pbjson_encoder *e, const ProtobufCFieldDescriptor *f,
		 const struct doc_node *n)
{
	bool implicit =
		(f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0 && f->label == PROTOBUF_C_LABEL_NONE;

	if (f->label != PROTOBUF_C_LABEL_REPEATED)
		return write_single(e, f, implicit, n);
	return registry_is_map(f) ? write_map(e, f, n) : write_list(e, f, n);
}

void pbjson_note_key(struct pbjson_encoder *e, const ProtobufCMessageDescriptor *desc,
		     const struct doc_node *key)
{
	struct pbjson_note note = {
		.kind = PBJSON_UNKNOWN_FIELD,
		.subject = desc->name,
		.line = doc_line(key),
		.col = doc_col(key),
	};
	size_t cut;

	if (e->opt->note == NULL)
		return;
	if (registry_is_skipped(desc, doc_text(key)))
		note.kind = PBJSON_SKIPPED_FIELD;
	else
		note.nearest = nearest_field(desc, doc_text(key));
	cut = pbjson_path_name(e, doc_text(key));
	note.path = buf_str(&e->path);
	if (note.path != NULL)
		e->opt->note(e->opt->arg, &note);
	pbjson_path_cut(e, cut);
}

/* The other field of the same oneof that has a value, NULL if there is none. */
static const ProtobufCFieldDescriptor *oneof_rival(struct pbjson_encoder *e, size_t base,
						   const ProtobufCMessageDescriptor *desc, size_t i)
{
	const ProtobufCFieldDescriptor *f = &desc->fields[i], *other;

	if ((f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0)
		return NULL;
	for (size_t j = 0; j < desc->n_fields; j++) {
		other = &desc->fields[j];
		if (j != i && (other->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0 &&
		    other->quantifier_offset == f->quantifier_offset && e->slots[base + j] != NULL)
			return other;
	}
	return NULL;
}

static int take_value(struct pbjson_encoder *e, size_t base, const ProtobufCMessageDescriptor *desc,
		      const struct doc_node *key, const struct doc_node *value)
{
	const ProtobufCFieldDescriptor *f = registry_field(desc, doc_text(key)), *rival;
	size_t i;

	if (f == NULL) {
		pbjson_note_key(e, desc, key);
		return 0;
	}
	if (doc_is_null(value) && !(f->label != PROTOBUF_C_LABEL_REPEATED && pbjson_takes_null(f)))
		return 0;
	i = (size_t)(f - desc->fields);
	if (e->slots[base + i] != NULL)
		return pbjson_fail(e, key, -EBADMSG, "field '%s' is given twice, in both spellings",
				   f->name);
	e->slots[base + i] = value;
	rival = oneof_rival(e, base, desc, i);
	if (rival != NULL)
		return pbjson_fail(e, key, -EBADMSG, "only one of '%s' and '%s' may be given",
				   rival->name, f->name);
	return 0;
}

static int reserve_slots(struct pbjson_encoder *e, size_t n, const struct doc_node *at)
{
	const struct doc_node **slots;
	size_t cap = MAX(e->cap_slots, 256);

	while (cap < e->n_slots + n)
		cap *= 2;
	if (cap > e->cap_slots) {
		slots = realloc(e->slots, cap * sizeof *slots);
		if (slots == NULL)
			return pbjson_fail(e, at, -ENOMEM, "out of memory");
		e->slots = slots;
		e->cap_slots = cap;
	}
	for (size_t i = 0; i < n; i++)
		e->slots[e->n_slots + i] = NULL;
	e->n_slots += n;
	return 0;
}

static int write_slots(struct pbjson_encoder *e, size_t base,
		       const ProtobufCMessageDescriptor *desc)
{
	size_t cut;
	int r;

	for (size_t i = 0; i < desc->n_fields; i++) {
		if (e->slots[base + i] == NULL)
			continue;
		cut = pbjson_path_name(e, desc->fields[i].name);
		r = pbjson_field(e, &desc->fields[i], e->slots[base + i]);
		if (r < 0)
			return r;
		pbjson_path_cut(e, cut);
	}
	return 0;
}

int pbjson_fields(struct pbjson_encoder *e, const ProtobufCMessageDescriptor *desc,
		  const struct doc_node *n, bool has_type)
{
	size_t base = e->n_slots;
	int r;

	if (doc_kind(n) != DOC_MAP)
		return pbjson_fail(e, n, -EBADMSG, "is %s, must be a map with the fields of %s",
				   doc_kind_name(n), desc->name);
	r = pbjson_enter(e, n);
	if (r == 0)
		r = reserve_slots(e, desc->n_fields, n);
	for (size_t i = 0; r == 0 && i < doc_len(n); i++) {
		if (!has_type || strcmp(doc_text(doc_key(n, i)), "@type") != 0)
			r = take_value(e, base, desc, doc_key(n, i), doc_value(n, i));
	}
	if (r == 0)
		r = write_slots(e, base, desc);
	e->n_slots = base;
	if (r == 0)
		pbjson_leave(e);
	return r;
}

int pbjson_message(struct pbjson_encoder *e, const ProtobufCMessageDescriptor *desc,
		   const struct doc_node *n)
{
	pbjson_wkt_fn fn = pbjson_wkt_find(desc);

	return fn != NULL ? fn(e, desc, n) : pbjson_fields(e, desc, n, false);
}

int pbjson_encode(const ProtobufCMessageDescriptor *desc, const struct doc_node *node,
		  const struct pbjson_options *opt, struct buf *out, struct pbjson_error *ret_err)
{
	static const struct pbjson_options none = { 0 };
	struct pbjson_encoder e = {
		.opt = opt != NULL ? opt : &none,
		.out = out,
		.start = out->len,
		.path = BUF_INIT,
		.bytes = BUF_INIT,
		.err = ret_err,
	};
	int r;

	if (pbjson_wkt_find(desc) != NULL)
		r = pbjson_message(&e, desc, node);
	else
		r = pbjson_fields(&e, desc, node, true);
	if (r == 0 && buf_error(out) < 0)
		r = pbjson_fail(&e, node, -ENOMEM, "out of memory");
	buf_deinit(&e.path);
	buf_deinit(&e.bytes);
	free(e.slots);
	return r;
}
