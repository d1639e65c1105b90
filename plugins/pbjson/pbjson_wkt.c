/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The well-known types, whose JSON is not the map of their fields: Any, Struct, Value, ListValue,
 * and the wrappers. One table row per type, found by name; Duration and Timestamp read their texts
 * in pbjson_time.c. An Any of a type that we do not declare keeps its type URL, so that whoever
 * meets it later knows what is missing.
 */
#include "pbjson_private.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "pbjson_time.h"
#include "registry.h"

/* Numbers of the fields of google.protobuf.Any and of Value's kinds. */
enum { ANY_TYPE_URL = 1, ANY_VALUE = 2 };
enum { VALUE_NULL = 1, VALUE_NUMBER, VALUE_STRING, VALUE_BOOL, VALUE_STRUCT, VALUE_LIST };

static void note_type(struct pbjson_encoder *e, const struct doc_node *url)
{
	struct pbjson_note note = {
		.kind = PBJSON_UNKNOWN_TYPE,
		.path = buf_str(&e->path),
		.subject = doc_text(url),
		.line = doc_line(url),
		.col = doc_col(url),
	};

	if (e->opt->note != NULL && note.path != NULL)
		e->opt->note(e->opt->arg, &note);
}

/* {"@type": …, "value": …}: the form of an Any that holds a well-known type. */
static int write_any_value(struct pbjson_encoder *e, const ProtobufCMessageDescriptor *desc,
			   const struct doc_node *n)
{
	const struct doc_node *value = NULL;
	const char *key;

	for (size_t i = 0; i < doc_len(n); i++) {
		key = doc_text(doc_key(n, i));
		if (strcmp(key, "value") == 0)
			value = doc_value(n, i);
		else if (strcmp(key, "@type") != 0)
			pbjson_note_key(e, desc, doc_key(n, i));
	}
	if (value == NULL)
		return pbjson_fail(e, n, -EBADMSG, "an Any that holds %s needs a 'value'",
				   desc->name);
	return pbjson_message(e, desc, value);
}

static int write_any_content(struct pbjson_encoder *e, const ProtobufCMessageDescriptor *desc,
			     const struct doc_node *n)
{
	size_t before = e->out->len, mark = pbjson_begin(e, ANY_VALUE);
	int r;

	if (pbjson_wkt_find(desc) != NULL)
		r = write_any_value(e, desc, n);
	else
		r = pbjson_fields(e, desc, n, true);
	if (r < 0)
		return r;
	if (e->out->len > mark)
		return pbjson_end(e, mark, n);
	e->out->len = before; /* an empty value is not written */
	return 0;
}

static int write_any(struct pbjson_encoder *e, const ProtobufCMessageDescriptor *desc,
		     const struct doc_node *n)
{
	const ProtobufCMessageDescriptor *inner;
	const struct doc_node *url;
	struct pbjson_scalar s;
	int r;

	if (doc_kind(n) != DOC_MAP)
		return pbjson_fail(e, n, -EBADMSG, "is %s, must be a map with \"@type\"",
				   doc_kind_name(n));
	if (doc_len(n) == 0)
		return 0;
	url = doc_map_get(n, "@type");
	if (url == NULL || doc_kind(url) != DOC_SCALAR || doc_len(url) == 0)
		return pbjson_fail(e, n, -EBADMSG,
				   "\"@type\" is missing, must be the type URL of what follows");
	s = (struct pbjson_scalar){ .wire = PB_LEN, .data = doc_text(url), .len = doc_len(url) };
	r = pbjson_scalar_write(e, ANY_TYPE_URL, &s, url);
	if (r < 0)
		return r;
	inner = registry_find_url(doc_text(url));
	if (inner != NULL)
		return write_any_content(e, inner, n);
	note_type(e, url);
	return 0;
}

static int write_wrapper(struct pbjson_encoder *e, const ProtobufCMessageDescriptor *desc,
			 const struct doc_node *n)
{
	return pbjson_field(e, &desc->fields[0], n);
}

/* Struct and ListValue: their one field has the JSON form of the whole. */
static int write_only_field(struct pbjson_encoder *e, const ProtobufCMessageDescriptor *desc,
			    const struct doc_node *n)
{
	int r = pbjson_enter(e, n);

	if (r < 0)
		return r;
	r = pbjson_field(e, &desc->fields[0], n);
	if (r == 0)
		pbjson_leave(e);
	return r;
}

/* Which of Value's kinds a node is. */
static uint32_t value_kind(const struct doc_node *n)
{
	double d;
	bool b;

	if (doc_kind(n) != DOC_SCALAR)
		return doc_kind(n) == DOC_MAP ? VALUE_STRUCT : VALUE_LIST;
	if (doc_is_null(n))
		return VALUE_NULL;
	if (doc_bool(n, &b) == 0)
		return VALUE_BOOL;
	return doc_double(n, &d) == 0 ? VALUE_NUMBER : VALUE_STRING;
}

static int write_null(struct pbjson_encoder *e, const struct doc_node *n)
{
	static const struct pbjson_scalar null_value = { .wire = PB_VARINT };

	return pbjson_scalar_write(e, VALUE_NULL, &null_value, n);
}

static int write_value(struct pbjson_encoder *e, const ProtobufCMessageDescriptor *desc,
		       const struct doc_node *n)
{
	uint32_t kind = value_kind(n);
	double d;
	int r;

	if (kind == VALUE_NULL)
		return write_null(e, n);
	if (kind == VALUE_NUMBER && doc_double(n, &d) == 0 && !isfinite(d))
		return pbjson_fail(e, n, -EBADMSG, "a Value cannot hold '%s'", doc_text(n));
	r = pbjson_enter(e, n);
	if (r < 0)
		return r;
	r = pbjson_field(e, protobuf_c_message_descriptor_get_field(desc, kind), n);
	if (r == 0)
		pbjson_leave(e);
	return r;
}

static const struct {
	const char *name; /* behind "google.protobuf." */
	pbjson_wkt_fn fn;
} well_known[] = {
	{ "Any", write_any },
	{ "BoolValue", write_wrapper },
	{ "BytesValue", write_wrapper },
	{ "DoubleValue", write_wrapper },
	{ "Duration", pbjson_duration },
	{ "FloatValue", write_wrapper },
	{ "Int32Value", write_wrapper },
	{ "Int64Value", write_wrapper },
	{ "ListValue", write_only_field },
	{ "StringValue", write_wrapper },
	{ "Struct", write_only_field },
	{ "Timestamp", pbjson_timestamp },
	{ "UInt32Value", write_wrapper },
	{ "UInt64Value", write_wrapper },
	{ "Value", write_value },
};

#define PACKAGE "google.protobuf."

pbjson_wkt_fn pbjson_wkt_find(const ProtobufCMessageDescriptor *desc)
{
	if (strncmp(desc->name, PACKAGE, strlen(PACKAGE)) != 0)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(well_known); i++) {
		if (strcmp(desc->name + strlen(PACKAGE), well_known[i].name) == 0)
			return well_known[i].fn;
	}
	return NULL;
}

bool pbjson_takes_null(const ProtobufCFieldDescriptor *f)
{
	return f->type == PROTOBUF_C_TYPE_MESSAGE && pbjson_wkt_find(f->descriptor) == write_value;
}
