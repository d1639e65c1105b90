/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the translator says to the source: what it holds, what it wants, what it thought of an update.
 * Messages before the end of HOLDINGS are kept for start(); a message that makes no sense is logged and
 * dropped (the pipe has already checked its form).
 */
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "private.h"

LOG_MODULE("source");

static void free_holding(struct mesh_holding *h)
{
	free((char *)h->type_url);
	free((char *)h->name);
	free((char *)h->version);
}

void inbox_forget_holdings(struct source *s)
{
	for (size_t i = 0; i < s->n_holdings; i++)
		free_holding(&s->holdings[i]);
	free(s->holdings);
	s->holdings = NULL;
	s->n_holdings = s->n_foreign = 0;
}

static bool is_own(const struct source *s, const Mesh__Holdings *m)
{
	return s->own_origin != NULL && strcmp(s->own_origin, m->origin) == 0;
}

static int keep_holdings(struct source *s, const Mesh__Holdings *m)
{
	struct mesh_holding *list;

	if (m->n_items == 0)
		return 0;
	if (!is_own(s, m)) {
		s->n_foreign += m->n_items;
		return 0;
	}
	list = reallocarray(s->holdings, s->n_holdings + m->n_items, sizeof(*list));
	if (list == NULL)
		return -ENOMEM;
	s->holdings = list;
	for (size_t i = 0; i < m->n_items; i++) {
		struct mesh_holding h = {
			.type_url = strdup(m->type_url),
			.name = strdup(m->items[i]->name),
			.version = strdup(m->items[i]->version),
			.hash = m->items[i]->hash,
		};

		if (h.type_url == NULL || h.name == NULL || h.version == NULL) {
			free_holding(&h);
			return -ENOMEM;
		}
		list[s->n_holdings++] = h;
	}
	return 0;
}

static void handle_holdings(void *ctx, const ProtobufCMessage *body, int fd)
{
	const Mesh__Holdings *m = (const Mesh__Holdings *)body;
	struct source *s = ctx;

	(void)fd;
	if (keep_holdings(s, m) < 0) {
		log_err("no memory for what the translator holds; telling the control plane that nothing is held");
		inbox_forget_holdings(s);
	}
	if (m->last)
		source_welcome(s);
}

static void handle_subscribe(void *ctx, const ProtobufCMessage *body, int fd)
{
	const Mesh__Subscribe *m = (const Mesh__Subscribe *)body;
	const struct source *s = ctx;
	const struct mesh_subscription subscription = {
		.type_url = m->type_url,
		.wildcard = m->wildcard,
		.names = (const char *const *)m->names,
		.n_names = m->n_names,
	};

	(void)fd;
	if (s->started && SOURCE_HAS(s, subscribe))
		s->hosted.plugin->desc->source->subscribe(s->hosted.ctx, &subscription);
}

static void handle_verdict(void *ctx, const ProtobufCMessage *body, int fd)
{
	const Mesh__Verdict *m = (const Mesh__Verdict *)body;
	struct source *s = ctx;
	const struct mesh_verdict verdict = {
		.id = m->update,
		.type_url = m->type_url,
		.accepted = m->accepted,
		.detail = m->detail,
	};

	(void)fd;
	if (!m->accepted)
		s->refused++;
	if (s->started && SOURCE_HAS(s, verdict))
		s->hosted.plugin->desc->source->verdict(s->hosted.ctx, &verdict);
}

const struct pipe_handler_row inbox_handlers[] = {
	{ MSG_HOLDINGS, handle_holdings },
	{ MSG_SUBSCRIBE, handle_subscribe },
	{ MSG_VERDICT, handle_verdict },
	{ 0, NULL },
};
