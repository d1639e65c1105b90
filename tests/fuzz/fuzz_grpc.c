/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzes the gRPC client with what a server sends: greeting, HTTP/2 frames, headers, messages, trailers. The first byte
 * chooses what the users of the calls do (pause, cancel, send) and whether empty SETTINGS come first; the rest comes
 * over a Unix socket in two pieces. Nothing may crash or leak, and when the server has gone every call must have ended.
 */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cleanup.h"
#include "grpc.h"
#include "host.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CALLS 3

enum { PAUSE = 1, CANCEL = 2, SEND = 4, FREE = 8, NO_GREETING = 16 };

static struct grpc_host host;
static int listener = -1;
static struct sockaddr_un address = { .sun_family = AF_UNIX };
static char url[sizeof address.sun_path + 8];

static struct user {
	struct grpc_channel **channel;
	struct grpc_call *call;
	unsigned habits;
	bool ended;
} users[CALLS];

static int on_message(void *arg, const uint8_t *data, size_t size)
{
	struct user *u = arg;
	volatile uint8_t sum = 0;

	for (size_t i = 0; i < size; i++)
		sum = (uint8_t)(sum + data[i]);
	if ((u->habits & CANCEL) != 0) {
		u->call = grpc_call_cancel(u->call);
		u->ended = true;
	} else if ((u->habits & FREE) != 0) {
		*u->channel = grpc_channel_free(*u->channel);
	} else if ((u->habits & SEND) != 0) {
		grpc_call_send(u->call, data, size);
	}
	return (u->habits & PAUSE) != 0 ? GRPC_PAUSE : 0;
}

static void on_end(void *arg, const struct grpc_status *status)
{
	struct user *u = arg;

	if (u->ended || status->message == NULL)
		abort();
	u->ended = true;
	u->call = NULL;
}

static const struct grpc_call_ops ops = { .message = on_message, .end = on_end };

static void start(void)
{
	grpc_host_init(&host);
	snprintf(address.sun_path, sizeof address.sun_path, "/tmp/meshd-fuzz-grpc.%d", (int)getpid());
	snprintf(url, sizeof url, "unix:%s", address.sun_path);
	unlink(address.sun_path);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 4) < 0)
		abort();
}

static void stop(void)
{
	unlink(address.sun_path);
}

static void turn(int fd)
{
	char answer[65536];

	for (int i = 0; i < 4; i++)
		event_base_loop(host.base, EVLOOP_NONBLOCK);
	while (fd >= 0 && recv(fd, answer, sizeof answer, MSG_DONTWAIT) > 0)
		;
}

static void send_all(int fd, const uint8_t *data, size_t size)
{
	while (size > 0) {
		ssize_t n = send(fd, data, MIN(size, (size_t)16384), MSG_DONTWAIT | MSG_NOSIGNAL);

		turn(fd);
		if (n <= 0)
			return;
		data += n;
		size -= (size_t)n;
	}
}

static void resume_all(const struct grpc_channel *channel)
{
	for (int i = 0; i < CALLS && channel != NULL; i++)
		if (users[i].call != NULL)
			grpc_call_resume(users[i].call);
}

static void start_calls(struct grpc_channel **channel, unsigned habits)
{
	for (int i = 0; i < CALLS; i++) {
		struct grpc_call_options o = { .path = "/s/m", .ops = &ops, .arg = &users[i] };

		users[i] = (struct user){ .channel = channel, .habits = i == 0 ? habits : habits & PAUSE };
		if (grpc_call_start(*channel, &o, &users[i].call) < 0 || grpc_call_send(users[i].call, "hello", 5) < 0)
			abort();
	}
}

/* All that waits is taken, whatever the habits; a call that was not sent yet may connect once more. */
static void check_ends(struct grpc_channel *channel)
{
	for (int i = 0; i < CALLS; i++)
		users[i].habits = 0;
	for (int i = 0; i < 20; i++) {
		resume_all(channel);
		turn(-1);
		close(accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC));
	}
	for (int i = 0; i < CALLS && channel != NULL; i++)
		if (!users[i].ended)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *servers[] = { url };
	struct grpc_channel_options o = { .host = &host.host, .servers = servers, .n_servers = 1,
					  .max_message = 1 << 20 };
	struct grpc_channel *channel;
	int fd;

	if (listener < 0) {
		start();
		atexit(stop);
	}
	if (size < 2 || size > 1 << 20 || grpc_channel_new(&o, &channel) < 0)
		return 0;
	start_calls(&channel, data[0]);
	turn(-1);
	fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		abort();
	if ((data[0] & NO_GREETING) == 0)
		send_all(fd, (const uint8_t *)"\0\0\0\4\0\0\0\0\0", 9);
	send_all(fd, data + 1, size / 2);
	resume_all(channel);
	send_all(fd, data + 1 + size / 2, size - 1 - size / 2);
	close(fd);
	check_ends(channel);
	grpc_channel_free(channel);
	turn(-1);
	return 0;
}
