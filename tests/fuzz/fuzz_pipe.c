/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzes the reading half of a pipe: the input is what a compromised worker writes.  The first byte
 * chooses the pair of roles and whether a true HELLO goes before the rest.  The pipe must close
 * itself or wait for more; it must never crash, leak or touch another process.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include "fd.h"
#include "loop.h"
#include "pipe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_frame(void *ctx, const ProtobufCMessage *body, int fd)
{
	/* Reads all of it. */
	(void)protobuf_c_message_get_packed_size(body);
	fd_close(fd);
}

static void on_closed(void *ctx, const char *reason, bool blame)
{
	*(bool *)ctx = true;
}

static const struct pipe_handler_row rows[] = {
#define MSG(name, no, from, to, payload, snake, fds) { MSG_##name, on_frame },
#include "messages.def"
#undef MSG
	{ 0 },
};

/* Our own HELLO with the peer's role in it is the peer's HELLO. */
static void hello(struct event_base *base, int fd, enum role_id peer)
{
	uint8_t h[512];
	ssize_t n;

	event_base_loop(base, EVLOOP_NONBLOCK);
	n = recv(fd, h, sizeof h, MSG_DONTWAIT);
	if (n < 14)
		return;
	h[13] = (uint8_t)peer;
	(void)!send(fd, h, (size_t)n, MSG_NOSIGNAL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum role_id pairs[][2] = {
		{ ROLE_TRANSLATOR, ROLE_SOURCE },   { ROLE_SOURCE, ROLE_TRANSLATOR },
		{ ROLE_FRONTEND, ROLE_TRANSLATOR }, { ROLE_TRANSLATOR, ROLE_FRONTEND },
		{ ROLE_SUPERVISOR, ROLE_SOURCE },   { ROLE_SOURCE, ROLE_SUPERVISOR },
	};
	bool closed = false;
	struct pipe_config config = { .handlers = rows, .on_closed = on_closed, .ctx = &closed };
	struct event_base *base = NULL;
	struct pipe *p = NULL;
	int fds[2];

	if (size < 1 || size > 100000)
		return 0;
	config.self = pairs[(data[0] >> 1) % 6][0];
	config.peer = pairs[(data[0] >> 1) % 6][1];
	if (loop_new(&base) < 0 || pipe_pair(fds) < 0 || pipe_new(base, fds[1], &config, &p) < 0)
		__builtin_trap();
	if (data[0] & 1)
		hello(base, fds[0], config.peer);
	(void)!send(fds[0], data + 1, size - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	shutdown(fds[0], SHUT_WR);
	for (unsigned i = 0; i < 20000 && !closed; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
	if (!closed)
		__builtin_trap();
	pipe_free(p);
	fd_close(fds[0]);
	loop_free(base);
	return 0;
}
