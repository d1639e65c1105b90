/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One response, state of the world or incremental, read where it lies: its head, then its resources, removals and
 * errors one by one.  Nothing is unpacked or copied; what a resource holds is not looked at but for its name.
 */
#ifndef ADS_RESPONSE_H
#define ADS_RESPONSE_H

#include <stdbool.h>

#include "buf.h"
#include "pbscan.h"

#define ADS_NAME_MAX 4096			/* bytes of a name or a version that the host takes */
#define ADS_BODY_MAX ((64u << 20) - 16384)	/* bytes of one resource that it takes */

struct span {
	const uint8_t *data;	/* borrowed from the message */
	size_t size;
};

/* Numbers of the fields in which the two kinds of responses differ; 0: there is no such field. */
struct response_fields {
	bool wrapped;		/* resources are envoy.service.discovery.v3.Resource, not Any */
	uint32_t removed, removed_names, errors;
};

struct response {
	const struct response_fields *fields;
	const uint8_t *data;	/* the message */
	size_t size;
	struct span type_url, version, nonce;
	size_t n_resources;
};

enum item_kind { ITEM_RESOURCE, ITEM_REMOVED, ITEM_ERROR };

struct item {
	enum item_kind kind;
	struct span name, version;
	struct span type_url;	/* of ITEM_RESOURCE: what its Any says */
	struct span body;	/* of ITEM_RESOURCE */
	bool beat;		/* of ITEM_RESOURCE: without a body, it is alive */
	int64_t code;		/* of ITEM_ERROR, with its words in `text` */
	struct span text;
};

/* The head. 0, or -EBADMSG: this is no such message, and nobody can say which response was meant. */
int response_read(const struct response_fields *fields, const uint8_t *data, size_t size, struct response *ret);

/* The item at the cursor, which begins as pb_cursor_of(data, size).  1 an item, 0 the end, -EBADMSG. */
int response_item(const struct response *r, struct pb_cursor *at, struct item *ret_item);

/*
 * What is wrong with the response as a whole: something that cannot be read, resources of another type, the same name
 * twice, names and bodies that nobody takes.  0 good; 1: the reason was appended to `why`; -ENOMEM.
 */
int response_check(const struct response *r, struct buf *why);

static inline bool span_is(struct span s, const char *text)
{
	return s.size == strlen(text) && (s.size == 0 || memcmp(s.data, text, s.size) == 0);
}

#endif
