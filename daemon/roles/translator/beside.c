/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Beside another translator that serves, during a reload (supervisor/swap.c).
 *
 * It begins with what the other has stored, and gets everything from its own source.  Nothing is written and
 * nothing published; a complete set, once there is one, goes nowhere and only shows that this one could serve.
 * When the other is gone, the store is written and the frontend gets the set, as from any translator that is
 * new.
 *
 * A source of another configuration must have delivered everything: a token that is refused, or a server that does
 * not answer, must show before the old source ends.  The same source need not, when it does not answer: what is stored
 * is as good as after a restart.  Nor need one that asks the same control plane as the same node, when that says that
 * it would serve it but for the other's connection (Kuma takes one at a time).
 */
#include <errno.h>
#include <stdio.h>

#include "log.h"
#include "private.h"
#include "warm.h"

LOG_MODULE("translator");

void beside_open(struct translator *t)
{
	t->seeded = worker_has_same_source(t->worker) && persist_complete(t->persist);
	if (t->seeded)
		t->source.patience_ms = loop_now_ms() + WARM_TIMEOUT_MS;
	publish_open(t->publish);
	engine_opened(t->engine);
}

void beside_occupied(struct translator *t)
{
	if (!worker_is_beside(t->worker) || engine_allowed(t->engine) || t->source.strange ||
	    !persist_complete(t->persist))
		return;
	log_info("the control plane keeps the new source waiting for the end of the old one; what is stored will do");
	t->seeded = true;
	warm_source_ready(t->holds, loop_now_ms());
	engine_allow(t->engine);
	engine_complete(t->engine, true);
}

static void say_waiting(struct translator *t)
{
	const struct source_view *s = &t->source;
	const struct hold *missing = warm_missing(t->holds);
	const char *said = s->detail != NULL ? s->detail : "";
	char text[512];

	if (!s->open)
		snprintf(text, sizeof text, "the source is not there");
	else if (!s->connected)
		snprintf(text, sizeof text, "the source is not connected%s%.300s", said[0] != '\0' ? ": " : "", said);
	else if (!s->ended[RT_CLUSTER] || !s->ended[RT_LISTENER])
		snprintf(text, sizeof text, "no complete set of %s has come (%.300s)",
			 s->ended[RT_CLUSTER] ? "listeners" : "clusters", said);
	else if (missing != NULL)
		snprintf(text, sizeof text,
			 "%zu listeners and clusters need what has not come, such as %s '%.100s' (%.200s)",
			 warm_count(t->holds), rt_info(missing->type)->message, missing->name, said);
	else
		snprintf(text, sizeof text, "not everything could be read: %.300s", said);
	worker_waiting(t->worker, text);
}

void beside_tell(struct translator *t)
{
	if (!worker_is_beside(t->worker) || t->told_ready)
		return;
	if (publish_needs_all(t->publish)) {
		say_waiting(t);
		return;
	}
	t->told_ready = true;
	worker_ready(t->worker, "could serve");
}

/*
 * What the old one has stored is the newest there is where the source has said nothing, or where it cannot be replaced:
 * begun from that, as after any death, nothing older is published and nothing of two states is mixed.
 */
static int begin_again(struct translator *t, const char *why)
{
	log_info("%s: starting again with what the old translator has stored", why);
	t->ended = true;
	worker_exit(t->worker, WORKER_EXIT_RESTART);
	return 0;
}

int beside_take_over(void *ctx)
{
	struct translator *t = ctx;
	size_t size = 0;
	uint8_t *memory = worker_memory(t->worker, &size);
	bool fits = memory != NULL && size > QUARANTINE_MEMORY;

	log_info("taking over");
	if (!t->source.ended[RT_CLUSTER] || !t->source.ended[RT_LISTENER])
		return begin_again(t, "the source has not sent everything yet");
	quarantine_take_over(t->quarantine, fits ? memory : NULL);
	if (persist_take_over(t->persist, fits ? memory + QUARANTINE_MEMORY : NULL, fits ? size - QUARANTINE_MEMORY : 0,
			      loop_now_ms()) < 0)
		return begin_again(t, "the resource store cannot be written");
	/* The set that went nowhere: the frontend's pipe gets it again. */
	publish_lost(t->publish);
	translator_turn(t);
	return 0;
}
