/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads single values: integers, floats, booleans, enums, strings and bytes, each in all spellings
 * that the proto3 JSON mapping allows. One table row per protobuf type. A value that does not fit
 * is an error that says what would.
 */
#include "pbjson_private.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base64.h"

#define SHOWN 40 /* characters of a wrong value in a message */

struct scalar_kind {
	enum pb_wire wire;
	bool negative; /* may be below 0 */
	bool zigzag;
	uint64_t max; /* largest positive value of an integer */
	int (*read)(struct pbjson_encoder *e, const ProtobufCFieldDescriptor *f,
		    const struct scalar_kind *kind, const struct doc_node *n,
		    struct pbjson_scalar *ret);
};

/* An integer of any of the types. */
struct whole {
	bool negative;
	uint64_t size; /* absolute value */
};

static int fail_value(struct pbjson_encoder *e, const struct doc_node *n, const char *right)
{
	if (doc_kind(n) != DOC_SCALAR)
		return pbjson_fail(e, n, -EBADMSG, "is %s, must be %s", doc_kind_name(n), right);
	return pbjson_fail(e, n, -EBADMSG, "'%.*s' does not fit, must be %s", SHOWN, doc_text(n),
			   right);
}

static bool whole_of_double(double d, struct whole *ret)
{
	if (!isfinite(d) || d != trunc(d) || fabs(d) >= 18446744073709551616.0)
		return false;
	*ret = (struct whole){ .negative = d < 0, .size = (uint64_t)fabs(d) };
	return true;
}

/* Numbers may be quoted: then the text is read as if it were not. */
static bool whole_of(const struct doc_node *n, struct whole *ret)
{
	struct doc_node plain = *n;
	uint64_t u;
	int64_t i;
	double d;

	plain.style = DOC_PLAIN;
	if (doc_kind(n) != DOC_SCALAR)
		return false;
	if (doc_int(&plain, &i) == 0) {
		*ret = (struct whole){ i < 0, i < 0 ? 0 - (uint64_t)i : (uint64_t)i };
		return true;
	}
	if (doc_uint(&plain, &u) == 0) {
		*ret = (struct whole){ false, u };
		return true;
	}
	return doc_double(&plain, &d) == 0 && whole_of_double(d, ret);
}

static int read_integer(struct pbjson_encoder *e, const ProtobufCFieldDescriptor *f,
			const struct scalar_kind *kind, const struct doc_node *n,
			struct pbjson_scalar *ret)
{
	struct whole w;
	uint64_t bits;

	if (!whole_of(n, &w))
		return fail_value(e, n,
				  kind->negative ? "a whole number" : "a whole number from 0 up");
	if (w.negative ? !kind->negative || w.size > kind->max + 1 : w.size > kind->max)
		return pbjson_fail(e, n, -EBADMSG, "'%.*s' is out of range, must be %s%llu to %llu",
				   SHOWN, doc_text(n), kind->negative ? "-" : "",
				   kind->negative ? (unsigned long long)kind->max + 1 : 0ULL,
				   (unsigned long long)kind->max);
	bits = w.negative ? 0 - w.size : w.size;
	if (kind->zigzag)
		bits = bits << 1 ^ (w.negative ? UINT64_MAX : 0);
	*ret = (struct pbjson_scalar){ .wire = kind->wire, .bits = bits, .zero = w.size == 0 };
	return 0;
}

/* The words that JSON has for what it has no numbers for. */
static bool float_word(const struct doc_node *n, double *ret)
{
	static const struct {
		const char *word;
		double value;
	} words[] = { { "NaN", NAN }, { "Infinity", INFINITY }, { "-Infinity", -INFINITY } };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcmp(doc_text(n), words[i].word) == 0) {
			*ret = words[i].value;
			return true;
		}
	}
	return false;
}

static bool double_of(const struct doc_node *n, double *ret)
{
	struct doc_node plain = *n;

	plain.style = DOC_PLAIN;
	return doc_kind(n) == DOC_SCALAR && (doc_double(&plain, ret) == 0 || float_word(n, ret));
}

static int read_double(struct pbjson_encoder *e, const ProtobufCFieldDescriptor *f,
		       const struct scalar_kind *kind, const struct doc_node *n,
		       struct pbjson_scalar *ret)
{
	uint64_t bits;
	double d;

	if (!double_of(n, &d))
		return fail_value(e, n, "a number");
	memcpy(&bits, &d, sizeof bits);
	*ret = (struct pbjson_scalar){ .wire = kind->wire, .bits = bits, .zero = bits == 0 };
	return 0;
}

static int read_float(struct pbjson_encoder *e, const ProtobufCFieldDescriptor *f,
		      const struct scalar_kind *kind, const struct doc_node *n,
		      struct pbjson_scalar *ret)
{
	uint32_t bits;
	float value;
	double d;

	if (!double_of(n, &d))
		return fail_value(e, n, "a number");
	if (isfinite(d) && fabs(d) > (double)FLT_MAX)
		return fail_value(e, n, "a number within the range of a float");
	value = (float)d;
	memcpy(&bits, &value, sizeof bits);
	*ret = (struct pbjson_scalar){ .wire = kind->wire, .bits = bits, .zero = bits == 0 };
	return 0;
}

static int read_bool(struct pbjson_encoder *e, const ProtobufCFieldDescriptor *f,
		     const struct scalar_kind *kind, const struct doc_node *n,
		     struct pbjson_scalar *ret)
{
	bool value;

	if (doc_bool(n, &value) < 0)
		return fail_value(e, n, "true or false, without quotes");
	*ret = (struct pbjson_scalar){ .wire = kind->wire, .bits = value, .zero = !value };
	return 0;
}

/* "A, B, C, …": the first values, for a message. */
static void enum_values(const ProtobufCEnumDescriptor *desc, char *out, size_t size)
{
	struct buf b = BUF_INIT;
	const char *text;

	for (unsigned i = 0; i < desc->n_values && b.len + 40 < size; i++)
		buf_printf(&b, "%s%s", i > 0 ? ", " : "one of ", desc->values[i].name);
	text = buf_str(&b);
	snprintf(out, size, "%s", text != NULL ? text : "");
	buf_deinit(&b);
}

static int read_enum(struct pbjson_encoder *e, const ProtobufCFieldDescriptor *f,
		     const struct scalar_kind *kind, const struct doc_node *n,
		     struct pbjson_scalar *ret)
{
	const ProtobufCEnumDescriptor *desc = f->descriptor;
	const ProtobufCEnumValue *value = NULL;
	char known[160];
	struct whole w;

	if (doc_kind(n) == DOC_SCALAR)
		value = protobuf_c_enum_descriptor_get_value_by_name(desc, doc_text(n));
	if (value != NULL) {
		*ret = (struct pbjson_scalar){ .wire = kind->wire,
					       .bits = (uint64_t)(int64_t)value->value,
					       .zero = value->value == 0 };
		return 0;
	}
	if (whole_of(n, &w))
		return read_integer(e, f, kind, n, ret);
	enum_values(desc, known, sizeof known);
	return fail_value(e, n, known);
}

/* What YAML reads as something else must be quoted to be a string, as in JSON. */
static const char *plain_meaning(const struct doc_node *n)
{
	double d;
	bool b;

	if (n->style != DOC_PLAIN)
		return NULL;
	if (doc_bool(n, &b) == 0)
		return "a boolean";
	return doc_double(n, &d) == 0 ? "a number" : NULL;
}

static int read_string(struct pbjson_encoder *e, const ProtobufCFieldDescriptor *f,
		       const struct scalar_kind *kind, const struct doc_node *n,
		       struct pbjson_scalar *ret)
{
	const char *meaning;

	if (doc_kind(n) != DOC_SCALAR)
		return fail_value(e, n, "a string");
	meaning = plain_meaning(n);
	if (meaning != NULL)
		return pbjson_fail(e, n, -EBADMSG, "%.*s is %s, must be a string: \"%.*s\"", SHOWN,
				   doc_text(n), meaning, SHOWN, doc_text(n));
	*ret = (struct pbjson_scalar){
		.wire = kind->wire, .data = doc_text(n), .len = doc_len(n), .zero = doc_len(n) == 0
	};
	return 0;
}

static int read_bytes(struct pbjson_encoder *e, const ProtobufCFieldDescriptor *f,
		      const struct scalar_kind *kind, const struct doc_node *n,
		      struct pbjson_scalar *ret)
{
	size_t bad;
	int r;

	if (doc_kind(n) != DOC_SCALAR)
		return fail_value(e, n, "a string with base64");
	buf_reset(&e->bytes);
	r = base64_decode_lenient(&e->bytes, doc_text(n), doc_len(n), &bad);
	if (r == -EBADMSG)
		return pbjson_fail(e, n, r, "is not base64: illegal character at byte %zu", bad);
	if (r < 0)
		return pbjson_fail(e, n, r, "out of memory");
	*ret = (struct pbjson_scalar){ .wire = kind->wire,
				       .data = e->bytes.data,
				       .len = e->bytes.len,
				       .zero = e->bytes.len == 0 };
	return 0;
}

static const struct scalar_kind kinds[] = {
	[PROTOBUF_C_TYPE_INT32] = { PB_VARINT, true, false, INT32_MAX, read_integer },
	[PROTOBUF_C_TYPE_SINT32] = { PB_VARINT, true, true, INT32_MAX, read_integer },
	[PROTOBUF_C_TYPE_SFIXED32] = { PB_I32, true, false, INT32_MAX, read_integer },
	[PROTOBUF_C_TYPE_INT64] = { PB_VARINT, true, false, INT64_MAX, read_integer },
	[PROTOBUF_C_TYPE_SINT64] = { PB_VARINT, true, true, INT64_MAX, read_integer },
	[PROTOBUF_C_TYPE_SFIXED64] = { PB_I64, true, false, INT64_MAX, read_integer },
	[PROTOBUF_C_TYPE_UINT32] = { PB_VARINT, false, false, UINT32_MAX, read_integer },
	[PROTOBUF_C_TYPE_FIXED32] = { PB_I32, false, false, UINT32_MAX, read_integer },
	[PROTOBUF_C_TYPE_UINT64] = { PB_VARINT, false, false, UINT64_MAX, read_integer },
	[PROTOBUF_C_TYPE_FIXED64] = { PB_I64, false, false, UINT64_MAX, read_integer },
	[PROTOBUF_C_TYPE_FLOAT] = { PB_I32, .read = read_float },
	[PROTOBUF_C_TYPE_DOUBLE] = { PB_I64, .read = read_double },
	[PROTOBUF_C_TYPE_BOOL] = { PB_VARINT, .read = read_bool },
	[PROTOBUF_C_TYPE_ENUM] = { PB_VARINT, true, false, INT32_MAX, read_enum },
	[PROTOBUF_C_TYPE_STRING] = { PB_LEN, .read = read_string },
	[PROTOBUF_C_TYPE_BYTES] = { PB_LEN, .read = read_bytes },
};

/* The key of a map: JSON has only strings there, so its style says nothing. */
static struct doc_node key_node(const ProtobufCFieldDescriptor *f, const struct doc_node *n)
{
	struct doc_node key = *n;

	key.style = f->type == PROTOBUF_C_TYPE_STRING ? DOC_QUOTED : DOC_PLAIN;
	return key;
}

int pbjson_scalar_read(struct pbjson_encoder *e, const ProtobufCFieldDescriptor *f,
		       enum pbjson_place place, const struct doc_node *n, struct pbjson_scalar *ret)
{
	const struct scalar_kind *kind = f->type < ARRAY_SIZE(kinds) ? &kinds[f->type] : NULL;
	struct doc_node key;

	if (kind == NULL || kind->read == NULL)
		return pbjson_fail(e, n, -EBADMSG, "has a type that has no JSON form");
	if (place == PBJSON_VALUE)
		return kind->read(e, f, kind, n, ret);
	key = key_node(f, n);
	return kind->read(e, f, kind, &key, ret);
}
