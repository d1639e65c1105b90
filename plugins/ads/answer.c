/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verdict comes back: what was accepted is remembered, and the response is answered, once (XDS.md 2 and 3).
 *
 * The translator uses the good resources of a response that it refuses, and does not say which.  So after a refusal
 * nothing that the response named is left out again, and it is claimed without a version until it was accepted once
 * more.
 */
#include <stdlib.h>
#include <string.h>

#include "pbwrite.h"
#include "private.h"

#define ERROR_MAX 4000	/* bytes of a NACK's text */

void request_error(struct buf *out, uint32_t number, int code, const char *text)
{
	_cleanup_(buf_deinit) struct buf status = BUF_INIT;
	size_t size = strlen(text);

	for (size = MIN(size, (size_t)ERROR_MAX); size > 0 && ((unsigned char)text[size] & 0xc0) == 0x80;)
		size--;
	buf_put_int(&status, 1, code);
	buf_put_bytes(&status, 2, text, size);
	buf_put_bytes(out, number, status.data, status.len);
}

void answer_drop(struct answer *a)
{
	table_clear(&a->changes);
	free(a->version);
	free(a->nonce);
	*a = (struct answer){ 0 };
}

/* ---- what becomes of the accepted ones ---------------------------------------------------------- */

static bool is_old(void *arg, const struct entry *e)
{
	return e->mark != *(const uint32_t *)arg;
}

static void commit_one(struct ads_type *t, struct entry *e)
{
	if (!e->removed) {
		(void)table_put(&t->accepted, e);
		return;
	}
	table_remove(&t->accepted, entry_name(e));
	free(e);
}

static void spoil_one(struct ads_type *t, struct entry *e)
{
	struct entry *held = table_find(&t->accepted, entry_name(e), strlen(entry_name(e)));

	if (held != NULL)
		entry_spoil(held);
	if (held != NULL || e->removed) {
		free(e);
		return;
	}
	entry_spoil(e);
	e->held = false;
	(void)table_put(&t->accepted, e);
}

/* Without memory for an entry, that name is sent again once more: harmless. */
static void settle_changes(struct ads_type *t, void (*fn)(struct ads_type *t, struct entry *e))
{
	struct table *changes = &t->answer.changes;

	for (size_t i = 0; i < changes->cap; i++) {
		struct entry *e = changes->slots[i];

		changes->slots[i] = NULL;
		if (e != NULL)
			fn(t, e);
	}
	changes->n = 0;
}

static void accept(struct ads_type *t)
{
	settle_changes(t, commit_one);
	t->mixed = false;
	if (t->answer.snapshot)
		table_prune(&t->accepted, is_old, &t->mark);
	if (text_set(&t->version, t->answer.version, strlen(t->answer.version)) == 0)
		t->acked = time_epoch();
}

/* In a complete set that was refused, even what it did not name may be gone. */
static void refuse(struct ads_type *t)
{
	struct entry *e;
	size_t at = 0;

	settle_changes(t, spoil_one);
	t->mixed = true;
	while (t->answer.snapshot && (e = table_next(&t->accepted, &at)) != NULL)
		entry_spoil(e);
}

/* ---- the answer ---------------------------------------------------------------------------------- */

static void note_refusal(struct ads *ads, struct ads_type *t, const char *why)
{
	bool news = t->reason == NULL || strcmp(t->reason, why) != 0;

	t->nacked = time_epoch();
	if (news)
		(void)text_set(&t->reason, why, strlen(why));
	if (seldom(&t->logged, news ? 1 : 60))
		mesh_log(ads->host, MESH_WARN,
			 "a response with resources of type %s is refused (NACK): %s; the last good versions stay",
			 t->word, why);
}

/* An accepting answer of the state of the world names what is wanted by now; a refusing one changes no names. */
static void send_answer(struct ads *ads, struct ads_type *t, const char *nonce, const char *refused)
{
	_cleanup_(buf_deinit) struct buf out = BUF_INIT;

	if (refused == NULL && ads->variant->waits)
		type_sent(t);
	ads->variant->answer(t, nonce, &out);
	if (refused != NULL)
		request_error(&out, ads->variant->error_field, GRPC_INVALID_ARGUMENT, refused);
	stream_send(ads, &out);
	stream_soon(ads);
}

/* A cluster that has changed becomes active with its endpoints, a listener with its routes (XDS.md 4.3). */
static void ask_again(struct ads *ads, const struct ads_type *t, size_t changed)
{
	static const struct {
		const char *root, *leaf;
	} rows[] = {
		{ "Cluster", "ClusterLoadAssignment" },
		{ "Listener", "RouteConfiguration" },
	};

	if (!ads->variant->waits || changed == 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (strcmp(rows[i].root, t->word) != 0)
			continue;
		for (struct ads_type *leaf = ads->types; leaf != NULL; leaf = leaf->next)
			leaf->again = leaf->again || (strcmp(rows[i].leaf, leaf->word) == 0 && leaf->asked &&
						      names_count(leaf->wanted) > 0);
		stream_again(ads);
	}
}

void answer_settle(struct ads *ads, struct ads_type *t, bool accepted, const char *detail)
{
	struct answer a;

	if (accepted)
		accept(t);
	else
		refuse(t);
	a = t->answer;
	t->answer = (struct answer){ 0 };
	if (!accepted && detail != NULL)
		note_refusal(ads, t, detail);
	if (ads->call != NULL && a.stream == ads->stream) {
		if (accepted)
			ask_again(ads, t, a.changed);
		send_answer(ads, t, a.nonce, accepted ? NULL : detail != NULL ? detail : "it could not be handed over");
	}
	answer_drop(&a);
}

void answer_refuse(struct ads *ads, struct ads_type *t, const struct response *r, const char *why)
{
	int e = text_set(&t->nonce, r->nonce.data, r->nonce.size);

	note_refusal(ads, t, why);
	t->report = true;
	if (e < 0 || text_set(&t->fault, why, strlen(why)) < 0) {
		stream_broken(ads, "no memory for an answer");
		return;
	}
	report_type(ads, t);
	send_answer(ads, t, t->nonce, why);
}

/* Answered, so that the server does not wait; a refusal would make it send the same again. */
void answer_stranger(struct ads *ads, const struct response *r)
{
	_cleanup_(buf_deinit) struct buf out = BUF_INIT;

	if (seldom(&ads->strange_logged, 60))
		mesh_log(ads->host, MESH_WARN,
			 "the control plane sends resources of type '%.*s', which nobody asked for; they are not used",
			 (int)MIN(r->type_url.size, (size_t)256), (const char *)r->type_url.data);
	ads->variant->stranger(r, &out);
	stream_send(ads, &out);
}

void ads_verdict(struct ads *ads, const struct mesh_verdict *verdict)
{
	for (struct ads_type *t = ads->types; t != NULL; t = t->next) {
		if (t->answer.id == 0 || t->answer.id != verdict->id || ads->delivery.type == t)
			continue;
		answer_settle(ads, t, verdict->accepted, verdict->detail != NULL ? verdict->detail : "no reason given");
		deliver_run(ads);
		return;
	}
}
