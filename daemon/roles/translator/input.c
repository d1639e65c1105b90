/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pipe to the source: updates, state and findings come in; holdings, subscriptions and verdicts
 * go out.
 *
 * A source that is gone takes nothing with it: everything that is held goes on being served.  The new one is told
 * what is held from which origin, and claims it only if that is its own.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "log.h"
#include "private.h"
#include "send.h"
#include "subscribe.h"
#include "warm.h"

LOG_MODULE("translator");

static struct pipe *source_pipe(struct translator *t)
{
	return t->source.open ? worker_pipe(t->worker, ROLE_SOURCE) : NULL;
}

static int64_t time_now(void)
{
	return loop_now_ms();
}

/* ---- holdings ----------------------------------------------------------------------------- */

struct holdings {
	struct translator *t;
	Mesh__Holdings msg;
	Mesh__HoldingItem *items;
	Mesh__HoldingItem **pointers;
	size_t room, bytes;
};

static int holdings_send(struct holdings *h)
{
	int r = msg_send_HOLDINGS(source_pipe(h->t), &h->msg, -1);

	h->msg.n_items = 0;
	h->bytes = 0;
	return r;
}

static int holdings_add(struct holdings *h, const struct resource *r)
{
	size_t size = strlen(r->name) + strlen(r->version) + 32;
	Mesh__HoldingItem *item;
	int result = 0;

	if (h->msg.n_items == h->room || (h->msg.n_items > 0 && h->bytes + size > PIPE_BATCH))
		result = holdings_send(h);
	item = &h->items[h->msg.n_items];
	mesh__holding_item__init(item);
	item->name = r->name;
	item->version = r->version;
	item->hash = r->hash;
	h->pointers[h->msg.n_items++] = item;
	h->bytes += size;
	return result;
}

/*
 * Only what this origin has sent is claimed; beside another translator nothing, so that a server that has nothing new
 * to say says everything: only then is it known that the new pair can serve.
 */
static int holdings_type(struct holdings *h, enum rt type)
{
	int r = 0;

	h->msg.type_url = (char *)(uintptr_t)rt_info(type)->type_url;
	for (const struct hold *hold = h->t->holds->heads[type]; r == 0 && hold != NULL; hold = hold->hh.next)
		if (hold->accepted != NULL && !hold->foreign)
			r = holdings_add(h, hold->accepted);
	return r == 0 && h->msg.n_items > 0 ? holdings_send(h) : r;
}

static int send_holdings(struct translator *t)
{
	struct holdings h = { .t = t, .msg = MESH__HOLDINGS__INIT, .room = 4096 };
	_cleanup_free_ Mesh__HoldingItem *items = calloc(h.room, sizeof *items);
	_cleanup_free_ Mesh__HoldingItem **pointers = calloc(h.room, sizeof *pointers);
	int r = 0;

	if (items == NULL || pointers == NULL)
		return -ENOMEM;
	h.items = items;
	h.pointers = h.msg.items = pointers;
	h.msg.origin = (char *)(uintptr_t)persist_origin(t->persist);
	for (unsigned type = 0; r == 0 && type < _RT_MAX && !worker_is_beside(t->worker); type++)
		r = holdings_type(&h, (enum rt)type);
	h.msg.type_url = (char *)(uintptr_t)"";
	h.msg.last = true;
	return r == 0 ? holdings_send(&h) : r;
}

/* ---- subscriptions ------------------------------------------------------------------------ */

static int send_subscription(void *arg, const Mesh__Subscribe *msg)
{
	struct pipe *p = source_pipe(arg);

	if (p == NULL || pipe_pending(p) > PIPE_HIGH_WATER)
		return -EAGAIN;
	return msg_send_SUBSCRIBE(p, msg, -1);
}

void input_tell(struct translator *t)
{
	if (t->source.open && subscribe_flush(t->holds, send_subscription, t) == -ENOMEM)
		translator_fail(t, -ENOMEM, "telling the source what is needed");
}

void input_drained(void *ctx)
{
	input_tell(ctx);
}

void input_pause(struct translator *t, bool pause)
{
	struct pipe *p = source_pipe(t);

	if (p == NULL || t->source.paused == pause)
		return;
	t->source.paused = pause;
	if (pause)
		pipe_pause(p);
	else
		pipe_resume(p);
}

/* ---- coming and going --------------------------------------------------------------------- */

static void forget_said(struct source_view *s)
{
	memset(s->ended, 0, sizeof s->ended);
	memset(s->incomplete, 0, sizeof s->incomplete);
	s->connected = s->paused = false;
	s->patience_ms = -1;
}

void input_opened(void *ctx)
{
	struct translator *t = ctx;

	accept_reset(t->accept);
	forget_said(&t->source);
	findings_drop(t->findings, FINDINGS_SOURCE);
	t->source.open = true;
	subscribe_restart(t->holds);
	if (send_holdings(t) == -ENOMEM)
		translator_fail(t, -ENOMEM, "telling the source what is held");
	else
		translator_turn(t);
}

void input_lost(void *ctx)
{
	struct translator *t = ctx;

	accept_reset(t->accept);
	forget_said(&t->source);
	t->source.open = false;
	log_info("the source is gone; everything that is held stays");
}

void input_deinit(struct source_view *s)
{
	free(s->origin);
	free(s->detail);
}

/* ---- messages ----------------------------------------------------------------------------- */

static int set_text(char **text, const char *value)
{
	char *copy = strdup(value);

	if (copy == NULL)
		return -ENOMEM;
	free(*text);
	*text = copy;
	return 0;
}

static void send_verdict(struct translator *t, const struct accept_result *result)
{
	Mesh__Verdict msg = MESH__VERDICT__INIT;
	struct pipe *p = source_pipe(t);

	msg.update = result->update;
	msg.type_url = (char *)(uintptr_t)result->type_url;
	msg.accepted = result->accepted;
	msg.detail = (char *)(uintptr_t)result->detail;
	if (p != NULL)
		(void)msg_send_VERDICT(p, &msg, -1);
}

static bool any_incomplete(const struct source_view *s)
{
	for (unsigned type = 0; type < _RT_MAX; type++)
		if (s->incomplete[type])
			return true;
	return false;
}

/* Both root types are known: there is a state to translate. */
static void note_ended(struct translator *t, const struct accept_result *result)
{
	struct source_view *s = &t->source;

	if (result->type == _RT_MAX)
		return;
	s->ended[result->type] = true;
	s->incomplete[result->type] = (result->flags & MESH_UPDATE_INCOMPLETE) != 0;
	if (!s->ended[RT_CLUSTER] || !s->ended[RT_LISTENER])
		return;
	s->patience_ms = -1;
	warm_source_ready(t->holds, time_now());
	engine_allow(t->engine);
	if (!any_incomplete(s) || t->seeded)
		engine_complete(t->engine, false);
}

static void update_ended(struct translator *t, const struct accept_result *result)
{
	t->source.updates++;
	t->source.refused += !result->accepted;
	t->source.update_ms = time_now();
	if (result->versions)
		persist_touch(t->persist);
	persist_settled(t->persist);
	note_ended(t, result);
	send_verdict(t, result);
	log_debug("update %llu of '%s': %zu changed%s", (unsigned long long)result->update, result->type_url,
		  result->changed, result->accepted ? "" : ", some refused");
	translator_turn(t);
}

static void handle_resources(void *ctx, const ProtobufCMessage *body, int fd)
{
	struct translator *t = ctx;
	struct accept_result result;
	int r = accept_frame(t->accept, (const Mesh__Resources *)body, &result);

	if (r < 0)
		translator_fail(t, r, "taking an update");
	else if (r == ACCEPT_ENDED)
		update_ended(t, &result);
}

/* One whose types never come is not waited for for ever. */
static void be_patient(struct translator *t)
{
	if (worker_is_beside(t->worker))
		return;
	if (t->source.connected && !engine_allowed(t->engine) && t->source.patience_ms < 0)
		t->source.patience_ms = time_now() + WARM_TIMEOUT_MS;
}

static void handle_state(void *ctx, const ProtobufCMessage *body, int fd)
{
	const Mesh__SourceState *m = (const Mesh__SourceState *)body;
	struct translator *t = ctx;

	t->source.connected = m->connected;
	if (set_text(&t->source.origin, m->origin) < 0 || set_text(&t->source.detail, m->detail) < 0) {
		translator_fail(t, -ENOMEM, "taking the source's state");
		return;
	}
	if (m->origin[0] != '\0' && strcmp(m->origin, persist_origin(t->persist)) != 0) {
		t->source.strange = true;
		log_info("resources come from '%s' now", m->origin);
		if (persist_set_origin(t->persist, m->origin) < 0)
			translator_fail(t, -ENOMEM, "taking the source's state");
	}
	be_patient(t);
	if (m->occupied)
		beside_occupied(t);
	translator_turn(t);
}

static struct mesh_finding finding_of(const Mesh__Finding *m)
{
	return (struct mesh_finding){
		.severity = (enum mesh_severity)m->severity,
		.type = m->type,
		.name = m->name,
		.field = m->field,
		.behaviour = m->behaviour,
		.reason = m->reason,
	};
}

static void handle_findings(void *ctx, const ProtobufCMessage *body, int fd)
{
	const Mesh__SourceFindings *m = (const Mesh__SourceFindings *)body;
	struct translator *t = ctx;
	_cleanup_free_ struct mesh_finding *list = calloc(m->n_findings + 1, sizeof *list);

	for (size_t i = 0; list != NULL && i < m->n_findings; i++)
		list[i] = finding_of(m->findings[i]);
	if (list == NULL || findings_set(t->findings, FINDINGS_SOURCE, m->origin, list, m->n_findings) < 0)
		translator_fail(t, -ENOMEM, "taking the source's findings");
}

const struct pipe_handler_row input_handlers[] = {
	{ MSG_RESOURCES, handle_resources },
	{ MSG_SOURCE_STATE, handle_state },
	{ MSG_SOURCE_FINDINGS, handle_findings },
	{ 0, NULL },
};
