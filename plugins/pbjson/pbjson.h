/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The proto3 JSON mapping, from a document tree to encoded protobuf, driven by descriptors alone:
 * no message is known here by name but the well-known types, whose JSON form is their own. Used by
 * the reader of mesh files, and by the translation for a TypedStruct.
 *
 * Rule: protobuf.dev/programming-guides/json. Both spellings of names, enums by name or number,
 * 64-bit integers as strings or numbers, bytes in any base64, null for an unset field.
 * What does not fit a field is an error of the whole message; a name without a field and an Any of
 * an unknown type are told to the caller and left out.
 */
#ifndef PBJSON_H
#define PBJSON_H

#include <protobuf-c/protobuf-c.h>

#include "buf.h"
#include "doc.h"

#define PBJSON_DEPTH 100
#define PBJSON_BYTES ((size_t)64 << 20)

enum pbjson_note_kind {
	PBJSON_UNKNOWN_FIELD, /* no such field, here or in the protocol as we know it */
	PBJSON_SKIPPED_FIELD, /* the protocol has it, we do not read it */
	PBJSON_UNKNOWN_TYPE,  /* an Any whose type is not declared; encoded with an empty value */
	PBJSON_LONE_ELEMENT,  /* a map where a list of maps belongs: Envoy reads it as the one
				 element */
	_PBJSON_NOTE_MAX,
};

struct pbjson_note {
	enum pbjson_note_kind kind;
	const char *path; /* "filter_chains[0].filters[1].typed_config.x"; valid during the call */
	const char *subject; /* the message (that lacks the field), or the unknown type URL */
	const char *nearest; /* the field that was probably meant, or NULL */
	unsigned line, col;
};

struct pbjson_options {
	size_t max_bytes; /* of one encoded message; 0: PBJSON_BYTES */
	void (*note)(void *arg, const struct pbjson_note *note); /* may be NULL */
	void *arg;
};

struct pbjson_error {
	unsigned line, col;
	char path[256]; /* dotted, "" for the message itself */
	char text[256]; /* what is wrong and what would be right */
};

/*
 * Appends the encoded message to out: fields in the order of their numbers, maps sorted by key, so
 * that equal content gives equal bytes. A key "@type" of the outermost map is stepped over.
 * opt may be NULL. Returns 0; -EBADMSG: something does not fit; -E2BIG: nested or encoded beyond a
 * limit; -ENOMEM. *ret_err is written in every case of failure; out then holds a part.
 */
int pbjson_encode(const ProtobufCMessageDescriptor *desc, const struct doc_node *node,
		  const struct pbjson_options *opt, struct buf *out, struct pbjson_error *ret_err);

#endif
