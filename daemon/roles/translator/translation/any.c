/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens an Any; see any.h.  Called for every extension of a resource.  A TypedStruct goes the way of
 * a mesh file: Struct to JSON text, text to a tree, tree to bytes, which are scanned like all others.
 */
#include "any.h"

#include <errno.h>

#include "doc.h"
#include "json.h"
#include "pbjson.h"
#include "registry.h"
#include "xds/type_v3.pb-c.h"
#include "xds/udpa_type_v1.pb-c.h"

typedef Google__Protobuf__Struct pb_struct;
typedef Google__Protobuf__Value pb_value;

/* The scan has bounded the depth of the message. */
static void write_value(struct json *j, const pb_value *v)
{
	switch (v != NULL ? v->kind_case : GOOGLE__PROTOBUF__VALUE__KIND__NOT_SET) {
	case GOOGLE__PROTOBUF__VALUE__KIND_NUMBER_VALUE:
		json_double(j, v->number_value);
		break;
	case GOOGLE__PROTOBUF__VALUE__KIND_STRING_VALUE:
		json_str(j, v->string_value);
		break;
	case GOOGLE__PROTOBUF__VALUE__KIND_BOOL_VALUE:
		json_bool(j, v->bool_value);
		break;
	case GOOGLE__PROTOBUF__VALUE__KIND_STRUCT_VALUE:
		any_write_struct(j, v->struct_value);
		break;
	case GOOGLE__PROTOBUF__VALUE__KIND_LIST_VALUE:
		json_arr_open(j);
		for (size_t i = 0; i < v->list_value->n_values; i++)
			write_value(j, v->list_value->values[i]);
		json_arr_close(j);
		break;
	default:
		json_nil(j);
	}
}

void any_write_struct(struct json *j, const pb_struct *s)
{
	json_obj_open(j);
	for (size_t i = 0; s != NULL && i < s->n_fields; i++) {
		json_key(j, s->fields[i]->key);
		write_value(j, s->fields[i]->value);
	}
	json_obj_close(j);
}

struct reader {
	struct job *job;
	const struct path *at;
};

static void note(void *arg, const struct pbjson_note *n)
{
	struct reader *r = arg;
	struct path here = PATH_AT(r->at, n->path);

	switch (n->kind) {
	case PBJSON_UNKNOWN_FIELD:
		job_note(r->job, &here, B_WARN, "is no field of %s and is not read", n->subject);
		break;
	case PBJSON_SKIPPED_FIELD:
		job_note(r->job, &here, B_INFO, "this field of %s is not read", n->subject);
		break;
	default: /* an unknown type is reported where the Any is looked into */
		break;
	}
}

static ProtobufCMessage *struct_read(struct job *job, const ProtobufCMessageDescriptor *desc,
				     const pb_struct *value, const struct path *at)
{
	struct reader r = { .job = job, .at = at };
	struct pbjson_options options = { .note = at != NULL ? note : NULL, .arg = &r };
	struct pbjson_error error = { .text = "" };
	struct doc_error doc_error = { .msg = "" };
	struct buf text = BUF_INIT, bytes = BUF_INIT;
	struct json j = JSON_INIT(&text);
	ProtobufCMessage *message = NULL;
	struct doc *doc = NULL;
	int e;

	any_write_struct(&j, value);
	e = buf_error(&text);
	if (e == 0)
		e = doc_parse((const char *)text.data, text.len, DOC_JSON, NULL, &doc, &doc_error);
	if (e == 0)
		e = pbjson_encode(desc, doc_root(doc, 0), &options, &bytes, &error);
	if (e == 0)
		message = job_decode(job, desc, bytes.data, bytes.len, at);
	else if (e == -ENOMEM)
		job->failed = true;
	else if (at != NULL)
		job_note(job, at, B_SKIP, "is not a valid %s: %s%s%s", desc->name, error.path,
			 error.path[0] != '\0' ? ": " : "",
			 error.text[0] != '\0' ? error.text : doc_error.msg);
	doc_free(doc);
	buf_deinit(&text);
	buf_deinit(&bytes);
	return message;
}

/* Both kinds of TypedStruct. False: it is neither. */
static bool typed_struct(struct job *job, const pb_any *any, const char **ret_type,
			 const pb_struct **ret_value)
{
	const Xds__Type__V3__TypedStruct *x = (const Xds__Type__V3__TypedStruct *)job_any(
		job, any, &xds__type__v3__typed_struct__descriptor);
	const Udpa__Type__V1__TypedStruct *u = (const Udpa__Type__V1__TypedStruct *)job_any(
		job, any, &udpa__type__v1__typed_struct__descriptor);

	if (x == NULL && u == NULL)
		return false;
	*ret_type = x != NULL ? x->type_url : u->type_url;
	*ret_value = x != NULL ? x->value : u->value;
	return true;
}

struct any any_open(struct job *job, const pb_any *any, const struct path *at)
{
	struct any r = { .type = any != NULL ? any->type_url : "" };
	const ProtobufCMessageDescriptor *desc;
	const pb_struct *value = NULL;
	bool written = any != NULL && typed_struct(job, any, &r.type, &value);

	desc = registry_find_url(r.type);
	if (any == NULL || desc == NULL)
		return r;
	r.message = written ? struct_read(job, desc, value, at) :
			      job_decode(job, desc, any->value.data, any->value.len, at);
	return r;
}

const char *any_type(struct job *job, const pb_any *any)
{
	const char *type = any != NULL ? any->type_url : "";
	const pb_struct *value;

	if (any != NULL)
		typed_struct(job, any, &type, &value);
	return type;
}
