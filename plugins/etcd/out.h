/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes an answer field by field in either wire form: numbers for protobuf, names for JSON. For the
 * answers of writes, leases and the cluster; what must be fast (ranges, events) has its own functions
 * in form.h. Zero and empty fields are left out, submessages never. Running out of memory shows in
 * buf_error() of the buffer at the end.
 */
#ifndef ETCD_OUT_H
#define ETCD_OUT_H

#include "form.h"

#define OUT_DEPTH 64 /* messages and lists inside each other; more is a programmer's error */

struct out_ops;

struct out {
	struct buf *b;             /* borrowed, empty at the begin */
	const struct form *form;
	const struct out_ops *ops; /* of the form */
	unsigned depth;
	struct out_level {
		size_t start;      /* protobuf: where the message begins in b */
		unsigned number;   /* of a list's elements */
		const char *name;  /* of a list; NULL: a message */
		bool any;          /* something is in it */
	} level[OUT_DEPTH];
};

/* The whole answer is between these two. */
void out_begin(struct out *o, struct buf *b, const struct form *form);
void out_end(struct out *o);

/* The header of an answer; revision 0: without. */
void out_header(struct out *o, const struct ids *ids, int64_t revision);

void out_int(struct out *o, unsigned number, const char *name, int64_t v);
void out_flag(struct out *o, unsigned number, const char *name, bool v);
void out_text(struct out *o, unsigned number, const char *name, const char *text);
/* Bytes that are not empty, in JSON as base64. */
void out_bytes(struct out *o, unsigned number, const char *name, const void *data, size_t size);
void out_kv(struct out *o, unsigned number, const char *name, const struct mesh_kv *kv);

void out_open(struct out *o, unsigned number, const char *name);
void out_close(struct out *o);

/* Between these two every field is an element, whatever its number and name (0, NULL). */
void out_list(struct out *o, unsigned number, const char *name);
void out_list_end(struct out *o);

#endif
