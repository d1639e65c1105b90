/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the translation knows: one table (coverage.def) of message fields and of types that stand in
 * an Any.  A field is used by code, or has a fixed behaviour that is reported when it is present, or
 * has no row and is reported as not translated: there is no fourth case.
 */
#ifndef MESHD_TRANSLATION_COVERAGE_H
#define MESHD_TRANSLATION_COVERAGE_H

#include <stdbool.h>
#include <stddef.h>

#include <protobuf-c/protobuf-c.h>

#include "notes.h"

enum cover_kind {
	COVER_USED,	/* read by code; its inside is looked at field by field */
	COVER_CODE,	/* read by code, which reports what it cannot use; not looked into */
	COVER_NOTE,	/* reported when present */
	COVER_SET,	/* reported when present and not zero, false or empty */
};

struct cover {
	const char *name;	/* "envoy.config.route.v3.Route.match" */
	enum cover_kind kind;
	enum behaviour behaviour;
	const char *reason;
};

/* What kind of thing a type in an Any is. */
enum type_class {
	TYPE_USED,	/* looked into */
	TYPE_NOTE,	/* reported, not looked into */
	TYPE_SECURITY,	/* a decision about access: what cannot be said keeps it closed */
};

struct type_cover {
	const char *name;	/* full name of the message */
	enum type_class class;
	enum behaviour behaviour;
	const char *reason;
};

struct coverage;

/* Resolves the table against the descriptors. NULL: out of memory. */
struct coverage *coverage_new(void);
struct coverage *coverage_free(struct coverage *c);	/* accepts NULL, returns NULL */

/* The row of a field, or NULL. `message` is any message of ours. */
const struct cover *coverage_field(const struct coverage *c, const ProtobufCMessageDescriptor *message,
				   unsigned field);
/* By the full name of a type or by a type URL; NULL: no row. */
const struct type_cover *coverage_type(const char *type_url);

/* All rows, for `meshctl report` and for the test that compares them with the descriptors. */
const struct cover *coverage_rows(size_t *ret_n);
const struct type_cover *coverage_types(size_t *ret_n);

#endif
