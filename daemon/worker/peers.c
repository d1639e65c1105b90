/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker's pipes to other roles.  The supervisor hands over ends (PEER); a new one replaces the
 * old.  A pipe that ends is reported to the supervisor (BROKEN), which gives both ends a new one;
 * the role hears on_lost and later on_open, and keeps nothing of the pipe itself.
 */
#include "error.h"
#include "fd.h"
#include "log.h"
#include "send.h"
#include "worker-private.h"

LOG_MODULE("worker");

static const char *slot_name(const struct worker_slot *s)
{
	return role_name((enum role_id)(s - s->worker->slots));
}

static void report(struct worker_slot *s, const char *reason, bool blame)
{
	Mesh__PipeBroken broken = MESH__PIPE_BROKEN__INIT;

	broken.peer = (uint32_t)(s - s->worker->slots);
	broken.reason = (char *)(uintptr_t)reason;
	broken.generation = s->generation;
	broken.blame = blame;
	if (s->worker->control != NULL)
		(void)msg_send_BROKEN(s->worker->control, &broken, -1);
}

/* Forgets the pipe and tells the role. */
static void lose(struct worker_slot *s)
{
	bool was_open = s->open;

	s->pipe = pipe_free(s->pipe);
	s->open = false;
	if (was_open && !s->worker->exiting && s->peer->on_lost != NULL)
		s->peer->on_lost(s->worker->ctx);
}

static void on_open(void *owner)
{
	struct worker_slot *s = owner;

	s->open = true;
	log_debug("pipe %llu to %s is open", (unsigned long long)s->generation, slot_name(s));
	if (s->peer->on_open != NULL)
		s->peer->on_open(s->worker->ctx);
}

static void on_drained(void *owner)
{
	struct worker_slot *s = owner;

	if (s->peer->on_drained != NULL)
		s->peer->on_drained(s->worker->ctx);
}

static void on_closed(void *owner, const char *reason, bool blame)
{
	struct worker_slot *s = owner;

	if (blame)
		log_err_rl("closing the pipe to %s: %s; waiting for a new one", slot_name(s), reason);
	else
		log_debug("the pipe to %s has ended: %s", slot_name(s), reason);
	report(s, reason, blame);
	lose(s);
}

static void slot_start(struct worker_slot *s)
{
	struct pipe_config config = {
		.self = s->worker->ops->role,
		.peer = s->peer->role,
		.handlers = s->peer->handlers,
		.on_open = on_open,
		.on_drained = on_drained,
		.on_closed = on_closed,
		.ctx = s->worker->ctx,
		.owner = s,
	};
	int r;

	r = pipe_new(s->worker->base, fd_take(&s->fd), &config, &s->pipe);
	if (r < 0) {
		log_err_errno(r, "cannot open the pipe to %s", slot_name(s));
		report(s, "cannot open it", false);
	}
}

void worker_peers_init(struct worker *w)
{
	for (unsigned i = 0; i < _ROLE_MAX; i++)
		w->slots[i] = (struct worker_slot){ .worker = w, .fd = -1 };
	for (const struct worker_peer *p = w->ops->peers; p != NULL && p->handlers != NULL; p++)
		w->slots[p->role].peer = p;
}

void worker_peers_deinit(struct worker *w)
{
	for (unsigned i = 0; i < _ROLE_MAX; i++) {
		w->slots[i].pipe = pipe_free(w->slots[i].pipe);
		w->slots[i].fd = fd_close(w->slots[i].fd);
	}
}

void worker_peer_new(struct worker *w, uint32_t peer, uint64_t generation, int fd)
{
	struct worker_slot *s;

	if (peer >= _ROLE_MAX || w->slots[peer].peer == NULL) {
		log_err("a pipe to %s came that nobody here wants", role_name((enum role_id)peer));
		fd_close(fd);
		return;
	}
	s = &w->slots[peer];
	lose(s);
	fd_close(s->fd);
	s->fd = fd;
	s->generation = generation;
	if (w->started && !w->exiting)
		slot_start(s);
}

void worker_peers_start(struct worker *w)
{
	for (unsigned i = 0; i < _ROLE_MAX && !w->exiting; i++)
		if (w->slots[i].fd >= 0)
			slot_start(&w->slots[i]);
}

void worker_peers_trim(struct worker *w)
{
	for (unsigned i = 0; i < _ROLE_MAX; i++)
		if (w->slots[i].pipe != NULL)
			pipe_trim(w->slots[i].pipe);
}

struct pipe *worker_pipe(struct worker *w, enum role_id peer)
{
	return (unsigned)peer < _ROLE_MAX && w->slots[peer].open ? w->slots[peer].pipe : NULL;
}

void worker_pipe_broken(struct worker *w, enum role_id peer, const char *reason)
{
	struct worker_slot *s = &w->slots[peer];

	if (s->pipe == NULL)
		return;
	on_closed(s, reason, true);
}
