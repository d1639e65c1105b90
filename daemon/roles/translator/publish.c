/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three places, in this order: `staged` (the commit in the making), `sealed` (complete commits that
 * wait, merged into one), `sending` (one commit that is being cut into frames).
 *
 * A commit that has begun to be sent is finished before the next one begins; END or the last OBJECTS frame
 * makes it take effect.
 */
#include "publish.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "keyset.h"
#include "pipe.h"

#define ITEM_OVERHEAD 16	/* bytes that a key costs in a frame besides itself */

struct publish {
	struct publish_port port;
	bool open;
	bool needs_all;
	struct keyset staged;
	struct keyset sealed;
	bool sealed_any, sealed_all;
	struct change **sending;	/* owned, sorted by key */
	size_t n_sending, next;
	bool busy, sending_all;		/* `sending` has begun and not ended */
	uint64_t sent, committed;
	int64_t revision;
};

int publish_new(const struct publish_port *port, struct publish **ret_publish)
{
	struct publish *p = calloc(1, sizeof *p);

	if (p == NULL)
		return -ENOMEM;
	p->port = *port;
	*ret_publish = p;
	return 0;
}

static void sending_drop(struct publish *p)
{
	for (size_t i = p->next; i < p->n_sending; i++)
		free(p->sending[i]);
	free(p->sending);
	p->sending = NULL;
	p->n_sending = p->next = 0;
	p->busy = false;
}

static void forget(struct publish *p)
{
	keyset_clear(&p->staged);
	keyset_clear(&p->sealed);
	p->sealed_any = p->sealed_all = false;
	sending_drop(p);
}

struct publish *publish_free(struct publish *p)
{
	if (p == NULL)
		return NULL;
	forget(p);
	free(p);
	return NULL;
}

void publish_open(struct publish *p)
{
	forget(p);
	p->open = true;
	p->needs_all = true;
	p->committed = p->sent;
}

void publish_lost(struct publish *p)
{
	forget(p);
	p->open = false;
	p->needs_all = false;
}

bool publish_is_open(const struct publish *p)
{
	return p->open;
}

bool publish_needs_all(const struct publish *p)
{
	return p->open && p->needs_all;
}

void publish_restart(struct publish *p)
{
	keyset_clear(&p->staged);
}

int publish_put(struct publish *p, const char *key, const uint8_t *value, size_t size)
{
	return p->open ? keyset_set(&p->staged, key, value, size, false) : 0;
}

int publish_del(struct publish *p, const char *key)
{
	return p->open ? keyset_set(&p->staged, key, NULL, 0, true) : 0;
}

int publish_commit(struct publish *p, bool all)
{
	int r;

	if (!p->open || (!all && keyset_count(&p->staged) == 0))
		return 0;
	if (all) {
		keyset_clear(&p->sealed);
		p->sealed_all = true;
		p->needs_all = false;
	}
	p->sealed_any = true;
	if (keyset_count(&p->sealed) == 0 && !p->sealed_all) {	/* as almost always */
		p->sealed = p->staged;
		p->staged = (struct keyset){ 0 };
		return publish_flush(p);
	}
	r = keyset_merge(&p->sealed, &p->staged, p->sealed_all);
	return r < 0 ? r : publish_flush(p);
}

/* ---- frames ------------------------------------------------------------------------------- */

static void changes_freep(struct change ***changes)
{
	for (size_t i = 0; *changes != NULL && (*changes)[i] != NULL; i++)
		free((*changes)[i]);
	free(*changes);
}

/* How many of the next changes fit into a frame: at least one. */
static size_t frame_count(const struct publish *p)
{
	size_t n = 0, bytes = 0;

	for (size_t i = p->next; i < p->n_sending; i++, n++) {
		const struct change *c = p->sending[i];

		bytes += strlen(c->key) + c->size + ITEM_OVERHEAD;
		if (n > 0 && bytes > PIPE_BATCH)
			break;
	}
	return n;
}

/* Its changes leave p->sending first, because sending may end in publish_lost(). */
static int frame_send(struct publish *p)
{
	size_t n = frame_count(p);
	_cleanup_(changes_freep) struct change **changes = calloc(n + 1, sizeof *changes);
	struct publish_frame frame = { .changes = changes, .n = n, .commit = p->sent };

	if (changes == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		changes[i] = p->sending[p->next++];
	frame.last = !p->sending_all && p->next == p->n_sending;
	return p->port.frame != NULL ? p->port.frame(&p->port, &frame) : publish_objects(&p->port, &frame);
}

static int send_begin(struct publish *p)
{
	Mesh__Begin msg = MESH__BEGIN__INIT;
	int r = keyset_take(&p->sealed, &p->sending, &p->n_sending);

	if (r < 0)
		return r;
	p->next = 0;
	p->busy = true;
	p->sending_all = p->sealed_all;
	p->sealed_any = p->sealed_all = false;
	msg.commit = ++p->sent;
	return p->sending_all ? p->port.send(p->port.arg, MSG_BEGIN, &msg.base) : 0;
}

static int send_end(struct publish *p)
{
	Mesh__End msg = MESH__END__INIT;
	bool all = p->sending_all;

	sending_drop(p);
	msg.commit = p->sent;
	return all ? p->port.send(p->port.arg, MSG_END, &msg.base) : 0;
}

int publish_flush(struct publish *p)
{
	int r = 0;

	while (r == 0 && p->open && (p->busy || p->sealed_any) && p->port.pending(p->port.arg) < PIPE_HIGH_WATER) {
		if (!p->busy)
			r = send_begin(p);
		else if (p->next < p->n_sending)
			r = frame_send(p);
		if (r == 0 && p->busy && p->next == p->n_sending)
			r = send_end(p);
	}
	/* A frame that did not go out means that the pipe is gone: a new one gets a complete set. */
	return r == -ENOMEM ? r : 0;
}

void publish_committed(struct publish *p, uint64_t commit, int64_t revision)
{
	if (commit > p->sent || commit < p->committed)
		return;
	p->committed = commit;
	p->revision = revision;
}

uint64_t publish_ticket(const struct publish *p)
{
	return p->sent + (p->sealed_any ? 1 : 0);
}

struct publish_stats publish_stats(const struct publish *p)
{
	return (struct publish_stats){
		.sent = p->sent,
		.committed = p->committed,
		.revision = p->revision,
		.waiting = keyset_count(&p->staged) + keyset_count(&p->sealed) + p->n_sending - p->next,
	};
}
