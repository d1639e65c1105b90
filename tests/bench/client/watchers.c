/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See watchers.h.  Events are counted, not kept: in JSON by a marker that occurs once in each, in gRPC
 * by the fields of the messages.
 */
#include "watchers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "h2.h"
#include "link.h"

#define EVENTS_PER_POLL 512
#define CREATE_SECONDS 60
#define BENCH_KEYS 64
#define VALUE_SIZE 570

static const char from[] = "/apisix/", to[] = "/bench0";
/* Once in every event; a value cannot hold it, for values are base64. */
static const char marker[] = "\"mod_revision\":";
static const char created[] = "\"created\":true";

#define CARRY (sizeof marker - 2)

struct watcher {
	struct watchers *all;
	struct h2 h2;			/* in JSON only its fd */
	char carry[CARRY];		/* JSON: the end of what was read */
	uint8_t *message;		/* gRPC: an incomplete message; owned */
	size_t size, room, carried;
	uint64_t events;
	bool created;
};

struct watchers {
	int epoll;
	bool json;
	size_t count, created;
	struct watcher *list;		/* owned */
	struct h2 writer;
	uint64_t puts, acked;
	char text[CARRY + 256 * 1024];	/* JSON: read buffer of all */
};

/* ---- JSON ---------------------------------------------------------------------------------- */

static size_t count_text(const char *text, size_t size, const char *what)
{
	size_t n = 0, length = strlen(what);
	const char *end = text + size;

	while ((text = memmem(text, (size_t)(end - text), what, length)) != NULL) {
		n++;
		text += length;
	}
	return n;
}

static void created_one(struct watcher *w)
{
	w->all->created += !w->created;
	w->created = true;
}

static void read_json(struct watcher *w)
{
	char *text = w->all->text;
	ssize_t n;

	memcpy(text, w->carry, w->carried);
	n = read(w->h2.fd, text + w->carried, sizeof w->all->text - w->carried);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0)
		die("the server closed a JSON watch after %llu events", (unsigned long long)w->events);
	n += (ssize_t)w->carried;
	if (!w->created && count_text(text, (size_t)n, created) > 0)
		created_one(w);
	w->events += count_text(text, (size_t)n, marker);
	w->carried = (size_t)n < CARRY ? (size_t)n : CARRY;
	memcpy(w->carry, text + n - w->carried, w->carried);
}

static void ask_json(struct watcher *w)
{
	/* {"create_request":{"key":"/apisix/","range_end":"/bench0"}} */
	static const char request[] = "POST /v3/watch HTTP/1.1\r\nHost: 127.0.0.1\r\n"
		"Content-Type: application/json\r\nContent-Length: 68\r\n\r\n"
		"{\"create_request\":{\"key\":\"L2FwaXNpeC8=\",\"range_end\":\"L2JlbmNoMA==\"}}";

	link_write(w->h2.fd, request, sizeof request - 1);
}

/* ---- gRPC ---------------------------------------------------------------------------------- */

/* etcdserverpb.WatchResponse: created = 3, canceled = 4, events = 11. */
static void on_watch_response(struct watcher *w, const uint8_t *p, size_t size)
{
	const uint8_t *end = p + size;

	while (p < end) {
		uint64_t tag = pb_read(&p, end), value = pb_read(&p, end);

		if (tag == (3 << 3) && value != 0)
			created_one(w);
		errno = 0;
		if (tag == (4 << 3) && value != 0)
			die("the server cancelled a watch");
		w->events += tag == (11 << 3 | 2);
		if ((tag & 7) == 2)
			p += value < (uint64_t)(end - p) ? value : (uint64_t)(end - p);
	}
}

static void on_watch_data(void *arg, const uint8_t *data, size_t size)
{
	struct watcher *w = arg;
	size_t at = 0;

	if (w->room < w->size + size) {
		w->room = (w->size + size) * 2;
		w->message = realloc(w->message, w->room);
		if (w->message == NULL)
			die("no memory");
	}
	memcpy(w->message + w->size, data, size);
	w->size += size;
	while (w->size - at >= 5) {
		const uint8_t *m = w->message + at;
		size_t n = (size_t)m[1] << 24 | (size_t)m[2] << 16 | (size_t)m[3] << 8 | m[4];

		if (w->size - at - 5 < n)
			break;
		on_watch_response(w, m + 5, n);
		at += 5 + n;
	}
	memmove(w->message, w->message + at, w->size - at);
	w->size -= at;
}

static void on_watch_end(void *arg)
{
	(void)arg;
	errno = 0;
	die("the server ended a gRPC watch");
}

static void ask_grpc(struct watcher *w)
{
	uint8_t create[64], request[80], *p = create;

	w->h2 = (struct h2){ .fd = w->h2.fd, .arg = w, .on_data = on_watch_data, .on_end = on_watch_end };
	h2_start(&w->h2, w->h2.fd);
	p = pb_bytes(p, 1, from, sizeof from - 1);
	p = pb_bytes(p, 2, to, sizeof to - 1);
	p = pb_bytes(request, 1, create, (size_t)(p - create));
	h2_request(&w->h2, 1, "/etcdserverpb.Watch/Watch", request, (size_t)(p - request), false);
}

/* ---- both ---------------------------------------------------------------------------------- */

static void listen_to(struct watchers *w, int fd, void *who)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = who };

	if (epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		die("epoll_ctl");
}

void watchers_add(struct watchers *w, int fd)
{
	listen_to(w, fd, NULL);
}

struct watchers *watchers_new(int port, bool json, size_t count)
{
	struct watchers *w = calloc(1, sizeof *w);
	double end = now_us() + CREATE_SECONDS * 1e6;

	if (w == NULL || (w->list = calloc(count, sizeof *w->list)) == NULL)
		die("no memory");
	w->json = json;
	w->count = count;
	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	for (size_t i = 0; i < count; i++) {
		w->list[i] = (struct watcher){ .all = w, .h2.fd = link_open(port) };
		(json ? ask_json : ask_grpc)(&w->list[i]);
		link_nonblocking(w->list[i].h2.fd);
		listen_to(w, w->list[i].h2.fd, &w->list[i]);
		watchers_poll(w, 0);
	}
	while (w->created < count && now_us() < end)
		watchers_poll(w, 100);
	errno = 0;
	if (w->created < count)
		die("only %zu of %zu watches were created within %d s", w->created, count, CREATE_SECONDS);
	return w;
}

struct watchers *watchers_free(struct watchers *w)
{
	if (w == NULL)
		return NULL;
	for (size_t i = 0; i < w->count; i++) {
		h2_stop(&w->list[i].h2);
		free(w->list[i].message);
	}
	if (w->writer.arg != NULL)
		h2_stop(&w->writer);
	close(w->epoll);
	free(w->list);
	free(w);
	return NULL;
}

static void on_put_end(void *arg)
{
	((struct watchers *)arg)->acked++;
}

static void on_put_data(void *arg, const uint8_t *data, size_t size)
{
	(void)arg;
	(void)data;
	(void)size;
}

void watchers_writer(struct watchers *w, int port)
{
	w->writer = (struct h2){ .arg = w, .on_data = on_put_data, .on_end = on_put_end };
	h2_start(&w->writer, link_open(port));
	link_nonblocking(w->writer.fd);
	listen_to(w, w->writer.fd, &w->writer);
}

void watchers_put(struct watchers *w)
{
	uint8_t request[VALUE_SIZE + 64], *p = request;
	char key[32], value[VALUE_SIZE];
	int n = snprintf(key, sizeof key, "/bench/%03d", (int)(w->puts % BENCH_KEYS));
	int m = snprintf(value, sizeof value, "{\"n\":%llu,\"text\":\"", (unsigned long long)w->puts);

	memset(value + m, 'x', sizeof value - (size_t)m);
	memcpy(value + sizeof value - 2, "\"}", 2);
	p = pb_bytes(p, 1, key, (size_t)n);
	p = pb_bytes(p, 2, value, sizeof value);
	h2_request(&w->writer, (uint32_t)(1 + 2 * w->puts++), "/etcdserverpb.KV/Put", request,
		   (size_t)(p - request), true);
}

static void on_ready(struct watchers *w, void *who)
{
	if (who == NULL)
		return;
	if (who == &w->writer)
		h2_read(&w->writer);
	else if (w->json)
		read_json(who);
	else
		h2_read(&((struct watcher *)who)->h2);
}

void watchers_poll(struct watchers *w, int ms)
{
	struct epoll_event events[EVENTS_PER_POLL];
	int n = epoll_wait(w->epoll, events, EVENTS_PER_POLL, ms);

	for (int i = 0; i < n; i++)
		on_ready(w, events[i].data.ptr);
}

uint64_t watchers_least(const struct watchers *w)
{
	uint64_t least = UINT64_MAX;

	for (size_t i = 0; i < w->count; i++)
		least = w->list[i].events < least ? w->list[i].events : least;
	return least;
}

uint64_t watchers_sum(const struct watchers *w)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < w->count; i++)
		sum += w->list[i].events;
	return sum;
}

uint64_t watchers_acked(const struct watchers *w)
{
	return w->acked;
}

uint64_t watchers_put_count(const struct watchers *w)
{
	return w->puts;
}
