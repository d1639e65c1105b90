/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Binds the addresses of the frontend.  Only numeric hosts and "localhost" are taken: the
 * supervisor asks no name server.  Errors are sentences for the operator, never log lines.
 */
#include "listen.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "error.h"
#include "fd.h"

#define LISTEN_BACKLOG 512

static const char *remedy(int err)
{
	switch (err) {
	case EADDRINUSE:
		return "somebody else listens there (see 'ss -ltnp'); stop it or change frontend.options.listen";
	case EADDRNOTAVAIL:
		return "no interface of this machine has this address; change frontend.options.listen";
	case EACCES:
	case EPERM:
		return "ports below 1024 need root; start meshd as root or choose another port";
	case ENOENT:
		return "the folder of the socket does not exist; create it";
	default:
		return "change frontend.options.listen";
	}
}

/* Cuts "HOST:PORT" or "[V6]:PORT" into its two parts. */
static int split(char *text, char **ret_host, char **ret_port)
{
	char *colon = strrchr(text, ':');

	if (colon == NULL || colon == text)
		return error_origin(-EINVAL);
	*colon = 0;
	if (text[0] == '[' && colon[-1] == ']') {
		text++;
		colon[-1] = 0;
	}
	*ret_host = strcmp(text, "localhost") == 0 ? (char *)(uintptr_t)"127.0.0.1" : text;
	*ret_port = colon + 1;
	return 0;
}

static int bind_and_listen(int fd, const struct sockaddr *sa, socklen_t len)
{
	if (bind(fd, sa, len) < 0)
		return -errno;
	return listen(fd, LISTEN_BACKLOG) < 0 ? -errno : 0;
}

static int open_inet(const char *address)
{
	struct addrinfo hints = {
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
		.ai_socktype = SOCK_STREAM,
	};
	_cleanup_free_ char *text = strdup(address);
	_cleanup_(fd_closep) int fd = -1;
	struct addrinfo *info = NULL;
	char *host = NULL, *port = NULL;
	int r, one = 1;

	if (text == NULL)
		return error_origin(-ENOMEM);
	if (split(text, &host, &port) < 0 || getaddrinfo(host, port, &hints, &info) != 0)
		return error_origin(-EINVAL);
	fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		r = -errno;
	} else {
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
		if (info->ai_family == AF_INET6)
			setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
		r = bind_and_listen(fd, info->ai_addr, info->ai_addrlen);
	}
	freeaddrinfo(info);
	return r < 0 ? r : fd_take(&fd);
}

/* True if a socket file lies there and nobody answers. */
static bool is_stale(const struct sockaddr_un *sun)
{
	_cleanup_(fd_closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct stat st;

	if (fd < 0 || lstat(sun->sun_path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return false;
	return connect(fd, (const struct sockaddr *)sun, sizeof *sun) < 0 && errno == ECONNREFUSED;
}

int listen_unix(const char *path, mode_t mode)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	_cleanup_(fd_closep) int fd = -1;
	mode_t old;
	int r;

	if (strlen(path) >= sizeof sun.sun_path)
		return error_origin(-ENAMETOOLONG);
	memcpy(sun.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return error_origin(-errno);
	if (is_stale(&sun))
		unlink(path);
	old = umask((mode_t)~mode & 0777);
	r = bind_and_listen(fd, (const struct sockaddr *)&sun, sizeof sun);
	umask(old);
	return r < 0 ? error_origin(r) : fd_take(&fd);
}

static const struct listener *find(const struct listen_set *set, const char *address)
{
	for (size_t i = 0; set != NULL && i < set->n; i++)
		if (strcmp(set->items[i].address, address) == 0)
			return &set->items[i];
	return NULL;
}

/* Like a loopback port, a unix socket is open to all: the plugin asks for the peer's uid and decides. */
static int open_one(const struct listen_set *old, const char *address)
{
	const struct listener *l = find(old, address);

	if (l != NULL)
		return fd_dup(l->fd, 3);
	return strncmp(address, "unix:", 5) == 0 ? listen_unix(address + 5, 0666) : open_inet(address);
}

static void explain(struct buf *why, const char *address, int r)
{
	if (r == -EINVAL)
		buf_printf(why, "cannot listen on '%s': not an address; write HOST:PORT with a numeric host, "
			   "[V6]:PORT or unix:PATH\n", address);
	else
		buf_printf(why, "cannot listen on '%s': %s; %s\n", address, strerror(-r), remedy(-r));
}

int listen_open(const struct listen_set *old, const char *const *addresses, size_t n, struct listen_set *ret_set,
		struct buf *why)
{
	struct listen_set set = { .items = calloc(n + 1, sizeof *set.items) };
	size_t bad = 0;

	if (set.items == NULL) {
		buf_puts(why, "out of memory for the listening sockets\n");
		return 1;
	}
	for (size_t i = 0; i < n; i++) {
		int fd = open_one(old, addresses[i]);

		if (fd < 0) {
			explain(why, addresses[i], fd);
			bad++;
			continue;
		}
		set.items[set.n] = (struct listener){ .address = strdup(addresses[i]), .fd = fd };
		if (set.items[set.n++].address == NULL)
			bad++;
	}
	if (bad > 0) {
		listen_forget(&set, old);
		listen_deinit(&set);
		return 1;
	}
	*ret_set = set;
	return 0;
}

void listen_forget(const struct listen_set *set, const struct listen_set *kept)
{
	for (size_t i = 0; i < set->n; i++) {
		const char *address = set->items[i].address;

		if (address != NULL && strncmp(address, "unix:", 5) == 0 && find(kept, address) == NULL)
			unlink(address + 5);
	}
}

void listen_deinit(struct listen_set *set)
{
	for (size_t i = 0; i < set->n; i++) {
		fd_close(set->items[i].fd);
		free(set->items[i].address);
	}
	free(set->items);
	*set = (struct listen_set){ 0 };
}
