/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internal to pbjson: the state of one encoding, and what its three files need of each other:
 * pbjson.c walks messages, pbjson_scalar.c reads single values, pbjson_wkt.c knows the well-known
 * types. Every int is 0 or what pbjson_encode() returns, with the error filled in.
 */
#ifndef PBJSON_PRIVATE_H
#define PBJSON_PRIVATE_H

#include <stdbool.h>

#include "pbjson.h"
#include "pbscan.h"

struct pbjson_encoder {
	const struct pbjson_options *opt; /* borrowed */
	struct buf *out;		  /* borrowed */
	size_t start;			  /* where the message begins in out */
	struct buf path;		  /* of the field at hand */
	struct buf bytes;		  /* the value of a bytes field, decoded */
	const struct doc_node **slots;	  /* owned: for each open message one value per field */
	size_t n_slots, cap_slots;
	unsigned depth;		  /* open messages */
	struct pbjson_error *err; /* borrowed */
};

/* One value, ready to be written. */
struct pbjson_scalar {
	enum pb_wire wire;
	uint64_t bits;	  /* of PB_VARINT, PB_I32, PB_I64 */
	const void *data; /* of PB_LEN: borrowed from the tree, or from encoder.bytes until the next
			     read */
	size_t len;
	bool zero; /* the default value of its type */
};

/* Whose text is read: a map's key is always text, a value may be a plain scalar. */
enum pbjson_place { PBJSON_VALUE, PBJSON_KEY };

int pbjson_fail(struct pbjson_encoder *e, const struct doc_node *at, int r, const char *fmt, ...)
	_printf_(4, 5);

/* The path grows by ".name", "[i]" or "[\"key\"]"; returns the length to cut it back to. */
size_t pbjson_path_name(struct pbjson_encoder *e, const char *name);
size_t pbjson_path_index(struct pbjson_encoder *e, size_t i);
size_t pbjson_path_key(struct pbjson_encoder *e, const char *key);
void pbjson_path_cut(struct pbjson_encoder *e, size_t len);

/* pbjson.c */
int pbjson_message(struct pbjson_encoder *e, const ProtobufCMessageDescriptor *desc,
		   const struct doc_node *n);
int pbjson_fields(struct pbjson_encoder *e, const ProtobufCMessageDescriptor *desc,
		  const struct doc_node *n, bool has_type);
int pbjson_field(struct pbjson_encoder *e, const ProtobufCFieldDescriptor *f,
		 const struct doc_node *n);
void pbjson_note_key(struct pbjson_encoder *e, const ProtobufCMessageDescriptor *desc,
		     const struct doc_node *key);
int pbjson_enter(struct pbjson_encoder *e, const struct doc_node *n);
void pbjson_leave(struct pbjson_encoder *e);

/* A nested message: begin writes the tag and returns a mark, end puts the length there. */
size_t pbjson_begin(struct pbjson_encoder *e, uint32_t number);
int pbjson_end(struct pbjson_encoder *e, size_t mark, const struct doc_node *n);

void pbjson_varint(struct pbjson_encoder *e, uint64_t v);
void pbjson_tag(struct pbjson_encoder *e, uint32_t number, enum pb_wire wire);
/* Writes value, and the tag before it unless number is 0 (an element of a packed list). */
int pbjson_scalar_write(struct pbjson_encoder *e, uint32_t number, const struct pbjson_scalar *s,
			const struct doc_node *n);

/* pbjson_scalar.c */
int pbjson_scalar_read(struct pbjson_encoder *e, const ProtobufCFieldDescriptor *f,
		       enum pbjson_place place, const struct doc_node *n,
		       struct pbjson_scalar *ret);

/* pbjson_wkt.c */
typedef int (*pbjson_wkt_fn)(struct pbjson_encoder *e, const ProtobufCMessageDescriptor *desc,
			     const struct doc_node *n);
/* How a well-known type is written, NULL for any other message. */
pbjson_wkt_fn pbjson_wkt_find(const ProtobufCMessageDescriptor *desc);
/* Whether null is a value of this field rather than its absence. */
bool pbjson_takes_null(const ProtobufCFieldDescriptor *f);

#endif
