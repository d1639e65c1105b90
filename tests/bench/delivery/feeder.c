/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A control plane for benches, which can do no more than send prepared resources at the speed of its socket:
 *
 *     bench_feeder PORT TELLER CLUSTERS ENDPOINTS
 *
 * It serves one client at a time on PORT, both variants of ADS without encryption.  The first request for
 * clusters or listeners, and every one that names endpoints, is answered with all there are; what a client says
 * that it has does not count.  It is told what to do through a connection to the port TELLER of
 * tests/bench/lib/delivery.py, and answers when the first byte was on its way ("begin_us=…"):
 *
 *     all     every assignment has changed; all are sent as one response
 *     one     one has changed; delta: it is sent, else all are
 *     same    the client is thrown out; the answer comes when its next stream has accepted everything
 *     trips   no delivery: the answer has the median of round trips over TCP between two processes, "trip_us=…"
 *
 * Responses are encoded before the clock runs.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "feed.h"
#include "peer.h"

#define TRIPS 2001
#define TRIP_SIZE 64	/* bytes there and back */

static struct {
	struct prepared *prepared;
	struct peer peer;
	int listener, teller;
	unsigned round, accepted;	/* types whose first response of this stream was accepted, as bits */
	bool awaited;			/* "same" waits for its answer */
	double begin_us;		/* of "same" */
} feeder = { .peer = { .fd = -1 } };

_Noreturn static void die(const char *what)
{
	fprintf(stderr, "bench_feeder: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int tcp(int port, int (*use)(int fd, const struct sockaddr *a, socklen_t size))
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (fd < 0 || use(fd, (const struct sockaddr *)&a, sizeof a) < 0)
		die("no socket");
	return fd;
}

/* ---- ADS ---- */

/* Appends a response for the client, whose version changes with the round. */
static void respond(enum feed_type type, size_t from, size_t to)
{
	char version[16];

	snprintf(version, sizeof version, "r%u", feeder.round);
	if (!feed_write(feeder.prepared, type, feeder.peer.delta, from, to, version, &feeder.peer.out))
		die("no memory");
}

static void on_accepted(enum feed_type type)
{
	feeder.accepted |= 1u << type;
	if (!feeder.awaited || feeder.accepted != (1u << _FEED_TYPES) - 1)
		return;
	feeder.awaited = false;
	dprintf(feeder.teller, "begin_us=%.1f\n", feeder.begin_us);
}

static void on_message(struct peer *p, const uint8_t *data, size_t size)
{
	struct feed_asked asked;

	if (!feed_read(p->delta, data, size, &asked) || asked.refusal)
		die("a response was refused");
	if (asked.type == _FEED_TYPES)
		return;
	if (asked.answer)
		on_accepted(asked.type);
	else if (asked.type != FEED_ASSIGNMENTS || asked.names > 0)
		respond(asked.type, 0, feeder.prepared->n);
}

static void welcome(void)
{
	int fd = accept4(feeder.listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), on = 1;

	if (fd < 0)
		return;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	peer_close(&feeder.peer);
	feeder.accepted = 0;
	if (!peer_open(&feeder.peer, fd, on_message))
		die("cannot serve");
}

/* ---- what the teller wants ---- */

static void deliver(size_t from, size_t to)
{
	double begin_us;

	respond(FEED_ASSIGNMENTS, from, to);
	begin_us = prepared_now_us();
	if (feeder.peer.fd < 0 || !peer_send(&feeder.peer))
		die("the client has gone");
	dprintf(feeder.teller, "begin_us=%.1f\n", begin_us);
}

static void tell_all(void)
{
	for (size_t i = 0; i < feeder.prepared->n; i++)
		prepared_change(feeder.prepared, i, feeder.round);
	deliver(0, feeder.prepared->n);
}

static void tell_one(void)
{
	size_t n = feeder.prepared->n, i = feeder.round * 7919u % n;

	prepared_change(feeder.prepared, i, feeder.round);
	deliver(feeder.peer.delta ? i : 0, feeder.peer.delta ? i + 1 : n);
}

static void tell_same(void)
{
	feeder.begin_us = prepared_now_us();
	feeder.awaited = true;
	peer_close(&feeder.peer);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Sends back what comes, until the end. */
_Noreturn static void echo(int fd)
{
	char data[TRIP_SIZE];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (recv(fd, data, sizeof data, MSG_WAITALL) == sizeof data && write(fd, data, sizeof data) > 0)
		;
	_exit(0);
}

/* A connection to another process that echoes. */
static int echo_start(void)
{
	struct sockaddr_in a;
	socklen_t size = sizeof a;
	int listener = tcp(0, bind), fd, on = 1;
	pid_t pid;

	if (listen(listener, 1) < 0 || getsockname(listener, (struct sockaddr *)&a, &size) < 0)
		die("no echo");
	fd = tcp(ntohs(a.sin_port), connect);
	pid = fork();
	if (pid == 0) {
		close(fd);
		fd = accept(listener, NULL, NULL);
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		echo(fd);
	}
	close(listener);
	return pid > 0 ? fd : -1;
}

static void tell_trips(void)
{
	static double took[TRIPS];
	char data[TRIP_SIZE] = "";
	int fd = echo_start();

	for (size_t i = 0; i < TRIPS; i++) {
		double begin = prepared_now_us();

		if (write(fd, data, sizeof data) < 0 || recv(fd, data, sizeof data, MSG_WAITALL) != sizeof data)
			die("no echo");
		took[i] = prepared_now_us() - begin;
	}
	close(fd);
	qsort(took, TRIPS, sizeof took[0], compare);
	dprintf(feeder.teller, "trip_us=%.2f\n", took[TRIPS / 2]);
}

static const struct {
	const char *word;
	void (*run)(void);
} commands[] = { { "all", tell_all }, { "one", tell_one }, { "same", tell_same }, { "trips", tell_trips } };

static void told(void)
{
	char line[64];
	ssize_t size = read(feeder.teller, line, sizeof line);

	if (size <= 0)
		exit(0);
	feeder.round++;
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
		if (strncmp(line, commands[i].word, strlen(commands[i].word)) == 0)
			commands[i].run();
}

/* ---- the loop ---- */

static void serve_peer(short events)
{
	if (((events & POLLOUT) != 0 && !peer_send(&feeder.peer)) ||
	    ((events & (POLLIN | POLLHUP | POLLERR)) != 0 && !peer_receive(&feeder.peer)))
		peer_close(&feeder.peer);
}

int main(int argc, char **argv)
{
	if (argc != 5)
		die("usage: bench_feeder PORT TELLER CLUSTERS ENDPOINTS");
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_IGN);
	feeder.prepared = prepared_new(strtoul(argv[3], NULL, 10), strtoul(argv[4], NULL, 10));
	feeder.listener = tcp(atoi(argv[1]), bind);
	if (feeder.prepared == NULL || listen(feeder.listener, 4) < 0)
		die("cannot begin");
	feeder.teller = tcp(atoi(argv[2]), connect);
	dprintf(feeder.teller, "bytes=%zu clusters=%zu\n", feeder.prepared->assignment_bytes,
		feeder.prepared->cluster_bytes);
	for (;;) {
		struct peer *p = &feeder.peer;
		struct pollfd fds[] = {
			{ .fd = feeder.teller, .events = POLLIN }, { .fd = feeder.listener, .events = POLLIN },
			{ .fd = p->fd, .events = POLLIN | (p->written < p->frames.len ? POLLOUT : 0) },
		};

		if (poll(fds, 3, -1) < 0)
			die("cannot wait");
		if (fds[2].revents != 0)
			serve_peer(fds[2].revents);
		if (fds[1].revents != 0)
			welcome();
		if (fds[0].revents != 0)
			told();
	}
}
