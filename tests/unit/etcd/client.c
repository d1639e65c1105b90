/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The test client. Failures end the test through cmocka.
 */
#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "unit.h"

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
	struct client *c = arg;
	char data[65536];
	ssize_t n;

	(void)what;
	while ((n = read((int)fd, data, sizeof data)) > 0)
		buf_append(&c->in, data, (size_t)n);
	if (n == 0 || (n < 0 && errno != EAGAIN)) {
		c->eof = true;
		event_del(c->ready);
	}
}

static void begin(struct client *c, struct event_base *base, const struct sockaddr *a, socklen_t size)
{
	*c = (struct client){ .base = base };
	c->fd = socket(a->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(c->fd, a, size), 0);
	fcntl(c->fd, F_SETFL, O_NONBLOCK);
	(void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	c->ready = event_new(base, c->fd, EV_READ | EV_PERSIST, on_ready, c);
	event_add(c->ready, NULL);
}

void client_connect(struct client *c, struct event_base *base, int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	begin(c, base, (struct sockaddr *)&a, sizeof a);
}

void client_connect_unix(struct client *c, struct event_base *base, const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
	begin(c, base, (struct sockaddr *)&a, sizeof a);
}

void client_close(struct client *c)
{
	event_free(c->ready);
	close(c->fd);
	buf_deinit(&c->in);
}

void client_send_n(struct client *c, const void *data, size_t size)
{
	const char *p = data;

	while (size > 0) {
		ssize_t n = send(c->fd, p, size, MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN)
			n = 0;
		else if (n < 0)
			return; /* the server has closed: the test looks at what came back */
		p += n;
		size -= (size_t)n;
		event_base_loop(c->base, EVLOOP_NONBLOCK);
	}
}

void client_send(struct client *c, const char *text)
{
	client_send_n(c, text, strlen(text));
}

void client_post(struct client *c, const char *path, const char *body)
{
	char head[512];

	snprintf(head, sizeof head,
		 "POST %s HTTP/1.1\r\nUser-Agent: lua-resty-http/0.16.1 (Lua) ngx_lua/10028\r\n"
		 "Content-Length: %zu\r\nHost: 127.0.0.1:2379\r\n\r\n", path, strlen(body));
	client_send(c, head);
	client_settle(c);
	client_send(c, body);
}

void client_settle(struct client *c)
{
	for (int i = 0; i < 5; i++)
		event_base_loop(c->base, EVLOOP_NONBLOCK);
}

static bool has(struct client *c, const char *text)
{
	return c->in.len > 0 && memmem(c->in.data, c->in.len, text, strlen(text)) != NULL;
}

const char *client_until(struct client *c, const char *text)
{
	while (!has(c, text)) {
		if (c->eof)
			fail_msg("closed before '%s' came: '%s'", text, buf_str(&c->in));
		event_base_loop(c->base, EVLOOP_ONCE);
	}
	return buf_str(&c->in);
}

const char *client_until_eof(struct client *c)
{
	while (!c->eof)
		event_base_loop(c->base, EVLOOP_ONCE);
	return buf_str(&c->in);
}

void client_clear(struct client *c)
{
	buf_reset(&c->in);
}
