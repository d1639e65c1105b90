/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small machine: choose a kind, hand it over piece by piece, choose the next. An error of the
 * host ends the snapshot at hand, which is then as if never sent and is tried again with the next
 * offer. See deliver.h; MESH_BUSY and the flags are those of meshd/plugin.h.
 */
#include "deliver.h"

#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void run(struct deliver *d);

static void on_next(evutil_socket_t fd, short what, void *arg)
{
	run(arg);
}

int deliver_init(struct deliver *d, struct mesh_host *host)
{
	d->host = host;
	d->current_kind = KIND_NONE;
	d->next = evtimer_new(host->ops->loop(host), on_next, d);
	return d->next == NULL ? -ENOMEM : 0;
}

void deliver_deinit(struct deliver *d)
{
	if (d->next != NULL)
		event_free(d->next);
	d->next = NULL;
	set_kind_deinit(&d->current);
	for (unsigned k = 0; k < _KIND_MAX; k++)
		set_kind_deinit(&d->kinds[k].pending);
}

/* Fills the batch from the entry at hand on; returns how many. At least one, however large. */
static size_t fill(struct deliver *d)
{
	size_t n = 0, bytes = 0;

	while (d->at + n < d->current.n && n < DELIVER_ITEMS) {
		const struct content_item *item = d->current.entries[d->at + n].item;

		if (n > 0 && bytes + item->size > DELIVER_BYTES)
			break;
		bytes += item->size;
		snprintf(d->versions[n], sizeof d->versions[n], "%016" PRIx64, item->hash);
		d->batch[n] = (struct mesh_resource){
			.type_url = kind_info(d->current_kind)->type_url,
			.name = item->name,
			.version = d->versions[n],
			.body = item->body,
			.size = item->size,
		};
		n++;
	}
	return n;
}

static void end_current(struct deliver *d, bool sent)
{
	struct deliver_state *s = &d->kinds[d->current_kind];

	s->sent = sent;
	s->sent_incomplete = d->current_incomplete;
	s->sent_hash = d->current.hash;
	s->sent_n = d->current.n;
	set_kind_deinit(&d->current);
	d->current_kind = KIND_NONE;
}

/* One call of the host. */
static void send_batch(struct deliver *d)
{
	size_t n = fill(d);
	char version[17];
	struct mesh_update update = {
		.id = d->id,
		.type_url = kind_info(d->current_kind)->type_url,
		.version = version,
		.flags = MESH_UPDATE_SNAPSHOT,
		.resources = d->batch,
		.n_resources = n,
	};
	int r;

	snprintf(version, sizeof version, "%016" PRIx64, d->current.hash);
	update.flags |= d->at == 0 ? MESH_UPDATE_FIRST : 0;
	update.flags |= d->at + n == d->current.n ? MESH_UPDATE_LAST : 0;
	update.flags |= d->current_incomplete ? MESH_UPDATE_INCOMPLETE : 0;
	r = d->host->ops->source_update(d->host, &update);
	d->busy = r == MESH_BUSY;
	d->at += n;
	if (r < 0)
		mesh_log(d->host, MESH_ERR,
			 "the %s cannot be handed over: %s; they stay as they were",
			 kind_info(d->current_kind)->plural, strerror(-r));
	if (r < 0 || d->at == d->current.n)
		end_current(d, r >= 0);
}

/* Takes the next wanted kind; false when there is none. */
static bool begin(struct deliver *d)
{
	for (unsigned k = 0; k < _KIND_MAX; k++) {
		struct deliver_state *s = &d->kinds[k];

		if (!s->wanted)
			continue;
		d->current = s->pending;
		d->current_incomplete = s->incomplete;
		s->pending = (struct set_kind){ 0 };
		s->wanted = false;
		d->current_kind = (enum kind)k;
		d->at = 0;
		d->id++;
		return true;
	}
	return false;
}

static void run(struct deliver *d)
{
	static const struct timeval at_once = { 0, 0 };

	for (unsigned calls = 0; !d->busy; calls++) {
		if (d->current_kind == KIND_NONE && !begin(d))
			return;
		if (calls == DELIVER_CALLS) {
			event_add(d->next, &at_once);
			return;
		}
		send_batch(d);
	}
}

/* Whether the host already has, or is just getting, exactly this. */
static bool is_known(const struct deliver *d, unsigned k, const struct set_kind *kind,
		     bool incomplete)
{
	const struct deliver_state *s = &d->kinds[k];

	if (d->current_kind == (enum kind)k)
		return d->current.hash == kind->hash && d->current.n == kind->n &&
		       d->current_incomplete == incomplete;
	return s->sent && s->sent_hash == kind->hash && s->sent_n == kind->n &&
	       s->sent_incomplete == incomplete;
}

int deliver_offer(struct deliver *d, const struct set *set, const bool incomplete[_KIND_MAX])
{
	int r;

	for (unsigned k = 0; k < _KIND_MAX; k++) {
		struct deliver_state *s = &d->kinds[k];

		set_kind_deinit(&s->pending);
		s->wanted = false;
		if (is_known(d, k, &set->kinds[k], incomplete[k]))
			continue;
		r = set_kind_copy(&set->kinds[k], &s->pending);
		if (r < 0)
			return r;
		s->wanted = true;
		s->incomplete = incomplete[k];
	}
	run(d);
	return 0;
}

void deliver_resume(struct deliver *d)
{
	d->busy = false;
	run(d);
}

void deliver_forget(struct deliver *d)
{
	set_kind_deinit(&d->current);
	d->current_kind = KIND_NONE;
	d->busy = false;
	for (unsigned k = 0; k < _KIND_MAX; k++) {
		d->kinds[k].sent = false;
		d->kinds[k].wanted = false;
		set_kind_deinit(&d->kinds[k].pending);
	}
}
