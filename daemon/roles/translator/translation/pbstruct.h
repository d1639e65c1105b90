/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metadata of resources (google.protobuf.Struct): finding a filter's part, comparing values, and a text
 * that is the same for the same content, so that it can stand in an identity.
 */
#ifndef MESHD_TRANSLATION_PBSTRUCT_H
#define MESHD_TRANSLATION_PBSTRUCT_H

#include "job.h"
#include "xds.h"

typedef Google__Protobuf__Struct pb_struct;
typedef Google__Protobuf__Value pb_value;
typedef Envoy__Config__Core__V3__Metadata xds_metadata;

/* filter_metadata[filter], or NULL; `metadata` may be NULL. */
const pb_struct *metadata_of(const xds_metadata *metadata, const char *filter);
/* The value of a key, or NULL; `s` may be NULL. */
const pb_value *struct_get(const pb_struct *s, const char *key);
bool value_equal(const pb_value *a, const pb_value *b);

/* Compact JSON with sorted keys. In the arena. `s` may be NULL: "{}". */
const char *struct_text(struct job *job, const pb_struct *s);
/* The same for one value. */
const char *value_text(struct job *job, const pb_value *v);
/* What struct_text() was made of, in the arena; an empty one for text that is none (too deep). Never NULL. */
const pb_struct *struct_of_text(struct job *job, const char *text);

/* Both in one: what `over` says wins. In the arena; either may be NULL; NULL: both are, or out of memory. */
const pb_struct *struct_merge(struct job *job, const pb_struct *base, const pb_struct *over);

#endif
