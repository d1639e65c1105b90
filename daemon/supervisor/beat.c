/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heartbeats: a PING on a pipe of its own at every interval.  A worker that leaves three in a row
 * without answer is wedged and gets SIGKILL; the restart follows as for any other death.
 */
#include "error.h"
#include "log.h"
#include "private.h"
#include "send.h"

LOG_MODULE("supervisor");

static void handle_pong(void *ctx, const ProtobufCMessage *body, int fd)
{
	const Mesh__Beat *m = (const Mesh__Beat *)body;
	struct child *c = ctx;

	if (m->seq > c->beat.answered && m->seq <= c->beat.seq)
		c->beat.answered = m->seq;
}

static const struct pipe_handler_row rows[] = {
	{ MSG_PONG, handle_pong },
	{ 0 },
};

static unsigned interval(const struct child *c)
{
	unsigned ms = c->sup->options.beat_ms;

	return ms > 0 ? ms : BEAT_MS;
}

static void on_tick(struct loop_timer *timer)
{
	struct child *c = container_of(timer, struct child, beat.timer);
	Mesh__Beat beat = MESH__BEAT__INIT;

	if (c->beat.seq - c->beat.answered >= BEAT_MISSED) {
		log_err("%s (pid %d) has left %d heartbeats without answer: it is wedged", role_name(c->role->id),
			(int)c->pid, BEAT_MISSED);
		child_kill(c, "wedged, no heartbeat");
		return;
	}
	beat.seq = ++c->beat.seq;
	if (c->beat.pipe != NULL)
		(void)msg_send_PING(c->beat.pipe, &beat, -1);
	loop_timer_set(&c->beat.timer, interval(c));
}

static void on_closed(void *ctx, const char *reason, bool blame)
{
	struct child *c = ctx;

	c->beat.pipe = pipe_free(c->beat.pipe);
	if (blame) {
		log_err("%s sent bytes that are no heartbeat: %s", role_name(c->role->id), reason);
		child_kill(c, "garbage on the heartbeat pipe");
	}
}

int beat_start(struct child *c, int fd)
{
	struct pipe_config config = {
		.self = ROLE_SUPERVISOR,
		.peer = c->role->id,
		.handlers = rows,
		.on_closed = on_closed,
		.ctx = c,
	};
	int r;

	c->beat.seq = c->beat.answered = 0;
	r = pipe_new(c->sup->base, fd, &config, &c->beat.pipe);
	if (r < 0)
		return error_trace(r);
	r = loop_timer_init(&c->beat.timer, c->sup->base, on_tick);
	if (r < 0)
		return error_trace(r);
	loop_timer_set(&c->beat.timer, interval(c));
	return 0;
}

void beat_stop(struct child *c)
{
	c->beat.pipe = pipe_free(c->beat.pipe);
	loop_timer_deinit(&c->beat.timer);
}
