/* SPDX-License-Identifier: Apache-2.0 */
/*
 * State of the world (XDS.md 2): each request names everything, with the version that was accepted last and the nonce
 * that was received last.
 */
#include "pbwrite.h"
#include "private.h"

enum { REQ_VERSION = 1, REQ_NODE = 2, REQ_NAMES = 3, REQ_TYPE = 4, REQ_NONCE = 5, REQ_ERROR = 6 };

static void put_names(const struct ads_type *t, const struct names *names, struct buf *out)
{
	/* No names at all is the old form of a wildcard, until a name was sent. */
	if (t->wildcard && (t->named || names_count(names) > 0))
		buf_put_text(out, REQ_NAMES, "*");
	for (size_t i = 0; i < names_count(names); i++)
		buf_put_text(out, REQ_NAMES, names->list[i]);
}

static void put_request(const struct ads_type *t, const struct names *names, const char *nonce, struct buf *out)
{
	/* On a new stream the version says what is held, and then it must be whole. */
	if (t->version != NULL && (nonce != NULL || !t->mixed))
		buf_put_text(out, REQ_VERSION, t->version);
	put_names(t, names, out);
	buf_put_text(out, REQ_TYPE, t->url);
	buf_put_text(out, REQ_NONCE, nonce != NULL ? nonce : "");
}

static void first(const struct ads_type *t, struct buf *out)
{
	put_request(t, t->wanted, NULL, out);
}

static bool change(const struct ads_type *t, struct buf *out)
{
	if (!t->again && t->wildcard == t->sent_wildcard && names_equal(t->wanted, t->sent))
		return false;
	put_request(t, t->wanted, t->nonce, out);
	return true;
}

static void answer(const struct ads_type *t, const char *nonce, struct buf *out)
{
	put_request(t, t->sent, nonce, out);
}

static void stranger(const struct response *r, struct buf *out)
{
	buf_put_bytes(out, REQ_VERSION, r->version.data, r->version.size);
	buf_put_bytes(out, REQ_TYPE, r->type_url.data, r->type_url.size);
	buf_put_bytes(out, REQ_NONCE, r->nonce.data, r->nonce.size);
}

const struct variant variant_sotw = {
	.word = "sotw",
	.path = "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources",
	.fields = { .errors = 7 },
	.node_field = REQ_NODE,
	.error_field = REQ_ERROR,
	.type_field = REQ_TYPE,
	.waits = true,
	.complete = true,
	.first = first,
	.change = change,
	.answer = answer,
	.stranger = stranger,
};
