/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Incremental (XDS.md 3): the first request of a type says what is held, later ones only what has changed, without a
 * nonce; an answer carries the nonce and nothing else.
 */
#include "pbwrite.h"
#include "private.h"

enum {
	REQ_NODE = 1, REQ_TYPE = 2, REQ_SUBSCRIBE = 3, REQ_UNSUBSCRIBE = 4, REQ_INITIAL = 5, REQ_NONCE = 6,
	REQ_ERROR = 7,
};

struct put {
	struct buf *out;
	unsigned field;
};

static void put_name(void *arg, const char *name)
{
	const struct put *p = arg;

	buf_put_text(p->out, p->field, name);
}

static void put_names(struct buf *out, unsigned field, const struct names *a, const struct names *b)
{
	struct put p = { .out = out, .field = field };

	names_minus(a, b, put_name, &p);
}

/* One entry of the map: key 1, value 2. */
static void put_held(struct buf *out, const struct entry *e)
{
	size_t name = strlen(entry_name(e)), version = strlen(entry_version(e));
	uint8_t head[PB_FIELD_MAX];

	buf_append(out, head, (size_t)(put_len(head, REQ_INITIAL, bytes_size(name) + bytes_size(version)) - head));
	buf_put_bytes(out, 1, entry_name(e), name);
	buf_put_bytes(out, 2, entry_version(e), version);
}

/* What was spoilt is claimed without a version: it is sent again, or its end is told. */
static void first(const struct ads_type *t, struct buf *out)
{
	const struct entry *e;
	size_t at = 0;

	buf_put_text(out, REQ_TYPE, t->url);
	/* No names at all is the old form of a wildcard. */
	if (t->wildcard && names_count(t->wanted) > 0)
		buf_put_text(out, REQ_SUBSCRIBE, "*");
	put_names(out, REQ_SUBSCRIBE, t->wanted, NULL);
	while ((e = table_next(&t->accepted, &at)) != NULL)
		if (entry_name(e)[0] != '\0' && type_wants(t, entry_name(e)))
			put_held(out, e);
}

static bool change(const struct ads_type *t, struct buf *out)
{
	size_t empty;

	buf_put_text(out, REQ_TYPE, t->url);
	empty = out->len;
	if (t->wildcard && !t->sent_wildcard)
		buf_put_text(out, REQ_SUBSCRIBE, "*");
	put_names(out, REQ_SUBSCRIBE, t->wanted, t->sent);
	if (!t->wildcard && t->sent_wildcard)
		buf_put_text(out, REQ_UNSUBSCRIBE, "*");
	put_names(out, REQ_UNSUBSCRIBE, t->sent, t->wanted);
	return out->len > empty;
}

static void answer(const struct ads_type *t, const char *nonce, struct buf *out)
{
	buf_put_text(out, REQ_TYPE, t->url);
	buf_put_text(out, REQ_NONCE, nonce);
}

static void stranger(const struct response *r, struct buf *out)
{
	buf_put_bytes(out, REQ_TYPE, r->type_url.data, r->type_url.size);
	buf_put_bytes(out, REQ_NONCE, r->nonce.data, r->nonce.size);
}

const struct variant variant_delta = {
	.word = "delta",
	.path = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources",
	.fields = { .wrapped = true, .removed = 6, .removed_names = 8, .errors = 9 },
	.node_field = REQ_NODE,
	.error_field = REQ_ERROR,
	.type_field = REQ_TYPE,
	.first = first,
	.change = change,
	.answer = answer,
	.stranger = stranger,
};
