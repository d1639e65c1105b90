/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two ends of a pipe in one process, for the tests of this room: each end notes what it hears.
 * pair_run() turns the loop until a condition holds, or fails the test after a bounded number of
 * turns; there is no clock in it.
 */
#ifndef IPC_TEST_PAIR_H
#define IPC_TEST_PAIR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h must follow the four above. */
#include <cmocka.h>

#include <dirent.h>
#include <string.h>
#include <unistd.h>

#include "fd.h"
#include "loop.h"
#include "pipe.h"
#include "send.h"

struct end {
	struct pipe *pipe;
	unsigned opened, frames, drained, closed;
	bool blame, free_in_handler, pause_in_handler;
	char reason[512];
	int fd;				/* the last that came, owned */
	uint8_t body[65536];		/* the last body, packed again */
	size_t size;
	const ProtobufCMessageDescriptor *descriptor;
};

struct pair {
	struct event_base *base;
	struct end a, b;
};

static inline void end_on_frame(void *ctx, const ProtobufCMessage *body, int fd)
{
	struct end *e = ctx;

	e->frames++;
	fd_close(e->fd);
	e->fd = fd;
	e->descriptor = body->descriptor;
	e->size = protobuf_c_message_get_packed_size(body);
	if (e->size <= sizeof e->body)
		protobuf_c_message_pack(body, e->body);
	if (e->free_in_handler)
		e->pipe = pipe_free(e->pipe);
	else if (e->pause_in_handler)
		pipe_pause(e->pipe);
}

static inline void end_on_open(void *ctx)
{
	((struct end *)ctx)->opened++;
}

static inline void end_on_drained(void *ctx)
{
	((struct end *)ctx)->drained++;
}

static inline void end_on_closed(void *ctx, const char *reason, bool blame)
{
	struct end *e = ctx;

	e->closed++;
	e->blame = blame;
	strncpy(e->reason, reason, sizeof e->reason - 1);
}

static const struct pipe_handler_row every_row[] = {
#define MSG(name, no, from, to, payload, snake, fds) { MSG_##name, end_on_frame },
#include "messages.def"
#undef MSG
	{ 0 },
};

static inline void end_new(struct event_base *base, struct end *e, int fd, enum role_id self, enum role_id peer)
{
	struct pipe_config config = {
		.self = self,
		.peer = peer,
		.handlers = every_row,
		.on_open = end_on_open,
		.on_drained = end_on_drained,
		.on_closed = end_on_closed,
		.ctx = e,
	};

	e->fd = -1;
	assert_int_equal(pipe_new(base, fd, &config, &e->pipe), 0);
}

static inline void pair_init(struct pair *p, enum role_id a, enum role_id b)
{
	int fds[2];

	memset(p, 0, sizeof *p);
	assert_int_equal(loop_new(&p->base), 0);
	assert_int_equal(pipe_pair(fds), 0);
	end_new(p->base, &p->a, fds[0], a, b);
	end_new(p->base, &p->b, fds[1], b, a);
}

/* One end is a pipe (b), the other a bare descriptor that the test writes to. */
static inline int pair_init_raw(struct pair *p, enum role_id peer, enum role_id self)
{
	int fds[2];

	memset(p, 0, sizeof *p);
	p->a.fd = -1;
	assert_int_equal(loop_new(&p->base), 0);
	assert_int_equal(pipe_pair(fds), 0);
	end_new(p->base, &p->b, fds[1], self, peer);
	return fds[0];
}

static inline void pair_deinit(struct pair *p)
{
	pipe_free(p->a.pipe);
	pipe_free(p->b.pipe);
	fd_close(p->a.fd);
	fd_close(p->b.fd);
	loop_free(p->base);
}

static inline void pair_turn(struct pair *p)
{
	event_base_loop(p->base, EVLOOP_NONBLOCK);
}

#define pair_run(p, condition)                                          \
	do {                                                            \
		for (unsigned turn_ = 0; turn_ < 20000 && !(condition); turn_++) \
			pair_turn(p);                                   \
		assert_true(condition);                                 \
	} while (0)

static inline unsigned count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

#endif
