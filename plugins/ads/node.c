/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encoding a Node by hand; its metadata, any JSON, becomes a google.protobuf.Struct.  See node.h.
 */
#include "node.h"

#include <errno.h>
#include <stdio.h>

#include "google/protobuf.pb-c.h"
#include "pbjson.h"
#include "pbwrite.h"

enum {
	NODE_ID = 1, NODE_CLUSTER = 2, NODE_METADATA = 3, NODE_LOCALITY = 4, NODE_AGENT = 6, NODE_AGENT_VERSION = 7,
};

static void put_text(struct buf *out, unsigned field, const char *text)
{
	if (text != NULL)
		buf_put_text(out, field, text);
}

static int put_metadata(const char *json, struct buf *out, char *why, size_t why_size)
{
	_cleanup_(doc_freep) struct doc *doc = NULL;
	_cleanup_(buf_deinit) struct buf body = BUF_INIT;
	struct doc_error de;
	struct pbjson_error pe;
	int r = doc_parse(json, strlen(json), DOC_JSON, NULL, &doc, &de);

	if (r == -ENOMEM)
		return r;
	if (r < 0 || doc_count(doc) != 1) {
		snprintf(why, why_size, "node.metadata cannot be read: %s", r < 0 ? de.msg : "it is empty");
		return -EINVAL;
	}
	r = pbjson_encode(&google__protobuf__struct__descriptor, doc_root(doc, 0), NULL, &body, &pe);
	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		snprintf(why, why_size, "node.metadata: %s%s%s", pe.path, pe.path[0] != '\0' ? ": " : "", pe.text);
		return -EINVAL;
	}
	buf_put_bytes(out, NODE_METADATA, body.data, body.len);
	return 0;
}

int node_put(const struct node *node, struct buf *out, char *why, size_t why_size)
{
	_cleanup_(buf_deinit) struct buf locality = BUF_INIT;
	int r = 0;

	put_text(out, NODE_ID, node->id);
	put_text(out, NODE_CLUSTER, node->cluster);
	if (node->metadata != NULL && node->metadata[0] != '\0')
		r = put_metadata(node->metadata, out, why, why_size);
	if (r < 0)
		return r;
	put_text(&locality, 1, node->region);
	put_text(&locality, 2, node->zone);
	put_text(&locality, 3, node->sub_zone);
	buf_put_bytes(out, NODE_LOCALITY, locality.data, locality.len);
	put_text(out, NODE_AGENT, "meshd");
	put_text(out, NODE_AGENT_VERSION, MESHD_VERSION);
	return buf_error(&locality) < 0 ? -ENOMEM : buf_error(out);
}
