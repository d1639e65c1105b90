/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is in an Any: a message of ours, also one that is written as a TypedStruct, whose type stands
 * beside a Struct that is read as JSON (TRANSLATION.md 5.3).
 */
#ifndef MESHD_TRANSLATION_ANY_H
#define MESHD_TRANSLATION_ANY_H

#include "job.h"
#include "xds.h"

struct json;

struct any {
	const char *type;			/* its URL; "" when there is no Any */
	const ProtobufCMessage *message;	/* in the arena; NULL: not declared here, or malformed */
};

/* `at` is the place of the Any: what is wrong in it is noted there. NULL: nothing is noted. */
struct any any_open(struct job *job, const pb_any *any, const struct path *at);

/* A Struct as JSON; numbers without a fraction as whole ones. */
void any_write_struct(struct json *j, const Google__Protobuf__Struct *s);

/* The type alone. */
const char *any_type(struct job *job, const pb_any *any);

#endif
