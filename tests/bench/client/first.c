/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mode "first" (modes.h): starts a server, asks for everything below /apisix/routes/ until it
 * answers with enough, ends the server by its process id.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "link.h"
#include "modes.h"

#define PATIENCE_US 30e6
#define BETWEEN_US 500
#define END_MS 15000
#define HEAD_MAX 4096

extern char **environ;

/* {"key":"/apisix/routes/","range_end":"/apisix/routes0"} */
static const char request[] = "POST /v3/kv/range HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
	"Content-Length: 66\r\n\r\n"
	"{\"key\":\"L2FwaXNpeC9yb3V0ZXMv\",\"range_end\":\"L2FwaXNpeC9yb3V0ZXMw\"}\n";

/* The server closes after the answer; its size, or -1 when it is no 200. */
static long read_answer(int fd)
{
	static char text[1 << 20];
	size_t head = 0;
	long total = 0;
	ssize_t n;

	while ((n = read(fd, text + head, sizeof text - head)) > 0) {
		total += n;
		if (head < 12)
			head += (size_t)n < 12 - head ? (size_t)n : 12 - head;
		if (head >= 12 && memcmp(text + 9, "200", 3) != 0)
			return -1;
	}
	return n == 0 && head >= 12 ? total : -1;
}

static long ask_once(int port)
{
	struct timeval limit = { .tv_sec = 5 };
	int fd = link_try(port);
	long size;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	size = send(fd, request, sizeof request - 1, MSG_NOSIGNAL) == sizeof request - 1 ? read_answer(fd) : -1;
	close(fd);
	return size;
}

static pid_t start(char **command)
{
	posix_spawn_file_actions_t actions;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, 1, 2);
	errno = posix_spawn(&pid, command[0], &actions, NULL, command, environ);
	if (errno != 0)
		die("cannot start '%s'", command[0]);
	posix_spawn_file_actions_destroy(&actions);
	return pid;
}

static void finish(pid_t pid)
{
	kill(pid, SIGTERM);
	for (int ms = 0; ms < END_MS; ms++) {
		if (waitpid(pid, NULL, WNOHANG) == pid)
			return;
		pause_us(1000);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

int mode_first(int argc, char **argv)
{
	int port = atoi(argv[0]), tries = 1;
	double begin = now_us(), took;
	pid_t pid = start(argv + 2);
	long size;

	(void)argc;
	while ((size = ask_once(port)) < atol(argv[1]) && now_us() - begin < PATIENCE_US) {
		pause_us(BETWEEN_US);
		tries++;
	}
	took = now_us() - begin;
	finish(pid);
	errno = 0;
	if (size < atol(argv[1]))
		die("no range of %s bytes within 30 s; the last answer had %ld", argv[1], size);
	printf("ms=%.3f bytes=%ld tries=%d\n", took / 1e3, size, tries);
	return 0;
}
