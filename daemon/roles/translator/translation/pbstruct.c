/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See pbstruct.h.  Called by the routes (what they ask for) and the clusters (what their endpoints
 * have); memory is the only thing that can fail.  The scan of every resource has bounded the depth.
 */
#include "pbstruct.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "doc.h"
#include "json.h"
#include "pbjson.h"

#define KIND(name) GOOGLE__PROTOBUF__VALUE__KIND_##name

typedef Google__Protobuf__Struct__FieldsEntry pb_field;

const pb_struct *metadata_of(const xds_metadata *metadata, const char *filter)
{
	for (size_t i = 0; metadata != NULL && i < metadata->n_filter_metadata; i++)
		if (strcmp(metadata->filter_metadata[i]->key, filter) == 0)
			return metadata->filter_metadata[i]->value;
	return NULL;
}

const pb_value *struct_get(const pb_struct *s, const char *key)
{
	for (size_t i = s != NULL ? s->n_fields : 0; i > 0; i--)
		if (strcmp(s->fields[i - 1]->key, key) == 0)
			return s->fields[i - 1]->value;
	return NULL;
}

static bool struct_equal(const pb_struct *a, const pb_struct *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	for (size_t i = 0; i < a->n_fields; i++) {
		const pb_value *other = struct_get(b, a->fields[i]->key);

		if (other == NULL || !value_equal(a->fields[i]->value, other))
			return false;
	}
	return a->n_fields == b->n_fields;
}

static bool list_equal(const Google__Protobuf__ListValue *a, const Google__Protobuf__ListValue *b)
{
	if (a->n_values != b->n_values)
		return false;
	for (size_t i = 0; i < a->n_values; i++)
		if (!value_equal(a->values[i], b->values[i]))
			return false;
	return true;
}

bool value_equal(const pb_value *a, const pb_value *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	if (a->kind_case != b->kind_case)
		return false;
	switch (a->kind_case) {
	case KIND(NUMBER_VALUE):
		return a->number_value == b->number_value;
	case KIND(STRING_VALUE):
		return strcmp(a->string_value, b->string_value) == 0;
	case KIND(BOOL_VALUE):
		return !a->bool_value == !b->bool_value;
	case KIND(STRUCT_VALUE):
		return struct_equal(a->struct_value, b->struct_value);
	case KIND(LIST_VALUE):
		return list_equal(a->list_value, b->list_value);
	default:
		return true;
	}
}

static int compare_fields(const void *a, const void *b)
{
	return strcmp((*(const pb_field *const *)a)->key, (*(const pb_field *const *)b)->key);
}

static void write_value(struct job *job, struct json *j, const pb_value *v);

static void write_struct(struct job *job, struct json *j, const pb_struct *s)
{
	size_t n = s != NULL ? s->n_fields : 0;
	const pb_field **sorted = job_alloc(job, n, sizeof(*sorted));

	json_obj_open(j);
	for (size_t i = 0; sorted != NULL && i < n; i++)
		sorted[i] = s->fields[i];
	if (sorted != NULL && n > 1)
		qsort(sorted, n, sizeof(*sorted), compare_fields);
	for (size_t i = 0; sorted != NULL && i < n; i++) {
		json_key(j, sorted[i]->key);
		write_value(job, j, sorted[i]->value);
	}
	json_obj_close(j);
}

static void write_value(struct job *job, struct json *j, const pb_value *v)
{
	switch (v != NULL ? v->kind_case : KIND(_NOT_SET)) {
	case KIND(NUMBER_VALUE):
		json_double(j, v->number_value);
		break;
	case KIND(STRING_VALUE):
		json_str(j, v->string_value);
		break;
	case KIND(BOOL_VALUE):
		json_bool(j, v->bool_value);
		break;
	case KIND(STRUCT_VALUE):
		write_struct(job, j, v->struct_value);
		break;
	case KIND(LIST_VALUE):
		json_arr_open(j);
		for (size_t i = 0; i < v->list_value->n_values; i++)
			write_value(job, j, v->list_value->values[i]);
		json_arr_close(j);
		break;
	default:
		json_nil(j);
	}
}

const char *struct_text(struct job *job, const pb_struct *s)
{
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	write_struct(job, &j, s);
	return job_take(job, &b);
}

const char *value_text(struct job *job, const pb_value *v)
{
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	write_value(job, &j, v);
	return job_take(job, &b);
}

const pb_struct *struct_of_text(struct job *job, const char *text)
{
	static const pb_struct none = GOOGLE__PROTOBUF__STRUCT__INIT;
	const ProtobufCMessageDescriptor *desc = &google__protobuf__struct__descriptor;
	struct pbjson_options options = { .note = NULL };
	struct pbjson_error error;
	struct buf bytes = BUF_INIT;
	const ProtobufCMessage *message = NULL;
	struct doc *doc = NULL;
	int r = doc_parse(text, strlen(text), DOC_JSON, NULL, &doc, NULL);

	if (r == 0)
		r = pbjson_encode(desc, doc_root(doc, 0), &options, &bytes, &error);
	if (r == 0)
		message = job_decode(job, desc, bytes.data, bytes.len, NULL);
	else if (r == -ENOMEM)
		job->failed = true;
	doc_free(doc);
	buf_deinit(&bytes);
	return message != NULL ? (const pb_struct *)message : &none;
}

const pb_struct *struct_merge(struct job *job, const pb_struct *base, const pb_struct *over)
{
	pb_struct *merged;

	if (base == NULL || over == NULL)
		return base != NULL ? base : over;
	merged = job_alloc(job, 1, sizeof *merged);
	if (merged == NULL)
		return NULL;
	google__protobuf__struct__init(merged);
	merged->fields = job_alloc(job, base->n_fields + over->n_fields, sizeof(*merged->fields));
	if (merged->fields == NULL)
		return NULL;
	for (size_t i = 0; i < base->n_fields; i++)
		if (struct_get(over, base->fields[i]->key) == NULL)
			merged->fields[merged->n_fields++] = base->fields[i];
	for (size_t i = 0; i < over->n_fields; i++)
		merged->fields[merged->n_fields++] = over->fields[i];
	return merged;
}
