/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two protocols behind one interface: state of the world (sotw.c) and incremental (delta.c).  A variant writes
 * requests; what was sent is remembered by type.c.
 */
#ifndef ADS_VARIANT_H
#define ADS_VARIANT_H

#include "buf.h"
#include "response.h"

struct ads_type;

struct variant {
	const char *word;		/* "delta" */
	const char *path;		/* of the gRPC method */
	struct response_fields fields;
	uint32_t node_field, error_field;
	uint32_t type_field;
	bool waits;			/* names may not change while a response is unanswered */
	bool complete;			/* a wildcard response is all there is */

	/* The first request of a type on a stream. */
	void (*first)(const struct ads_type *t, struct buf *out);
	/* What has changed since the last; false: nothing. */
	bool (*change)(const struct ads_type *t, struct buf *out);
	/* The answer to a response of this nonce, with t->version and the names t->sent. */
	void (*answer)(const struct ads_type *t, const char *nonce, struct buf *out);
	/* To a response of a type that nobody asked for. */
	void (*stranger)(const struct response *r, struct buf *out);
};

extern const struct variant variant_sotw, variant_delta;

/* google.rpc.Status as field `number`; the text is cut to what a header may carry. */
void request_error(struct buf *out, uint32_t number, int code, const char *text);

#endif
