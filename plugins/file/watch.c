/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One inotify instance and one timer. A place is a directory with all its entries or with one; the
 * same directory may be several places, and then has one watch (the kernel returns the same
 * number). The timer fires for the earlier of: the events of a moment have been joined, a busy file
 * settled. See inotify(7) for the events; a queue that overflowed is one more reason to look again.
 */
#include "watch.h"

#include <errno.h>
#include <event2/event.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

#define BUSY_MAX 1024 /* files being written at once; more are simply read early */
#define EVENTS                                                                              \
	(IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE | IN_MODIFY | \
	 IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)
#define WRITING (IN_MODIFY | IN_CREATE)
#define WRITTEN (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE)

struct place {
	char *dir, *name; /* owned; name NULL: all entries */
	int wd;
};

struct busy {
	char *path; /* owned */
	uint64_t until_ms;
};

struct watch {
	int fd;
	struct event *readable, *timer; /* owned */
	watch_fn on_change;
	void *arg;
	struct place *places; /* owned */
	size_t n_places;
	struct busy busy[BUSY_MAX];
	size_t n_busy;
	uint64_t first_ms, due_ms; /* of the events not yet told; 0: none */
	bool blind;
};

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void arm(struct watch *w)
{
	uint64_t now = now_ms(), at = w->due_ms, wait;
	struct timeval tv;

	for (size_t i = 0; i < w->n_busy; i++) {
		if (at == 0 || w->busy[i].until_ms < at)
			at = w->busy[i].until_ms;
	}
	if (at == 0 && w->blind)
		at = now + WATCH_POLL_MS;
	if (at == 0)
		return;
	wait = at > now ? at - now : 0;
	tv = (struct timeval){ .tv_sec = (time_t)(wait / 1000),
			       .tv_usec = (suseconds_t)(wait % 1000 * 1000) };
	event_add(w->timer, &tv);
}

static void join(struct watch *w)
{
	uint64_t now = now_ms();

	if (w->first_ms == 0)
		w->first_ms = now;
	w->due_ms = MIN(now + WATCH_JOIN_MS, w->first_ms + WATCH_JOIN_MAX_MS);
}

/* "./a" and "a" are the same file. */
static const char *bare(const char *path)
{
	return strncmp(path, "./", 2) == 0 ? path + 2 : path;
}

static struct busy *busy_find(const struct watch *w, const char *path)
{
	for (size_t i = 0; i < w->n_busy; i++) {
		if (strcmp(bare(w->busy[i].path), bare(path)) == 0)
			return (struct busy *)&w->busy[i];
	}
	return NULL;
}

static void busy_drop(struct watch *w, struct busy *b)
{
	free(b->path);
	*b = w->busy[--w->n_busy];
}

static char *path_join(const char *dir, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", strcmp(dir, "/") == 0 ? "" : dir, name) < 0 ? NULL : path;
}

static void busy_note(struct watch *w, const struct place *p, const char *name, bool writing)
{
	_cleanup_free_ char *path = path_join(p->dir, name);
	struct busy *b = path != NULL ? busy_find(w, path) : NULL;

	if (b != NULL && !writing)
		busy_drop(w, b);
	if (!writing || path == NULL)
		return;
	if (b == NULL && w->n_busy < BUSY_MAX) {
		b = &w->busy[w->n_busy++];
		b->path = TAKE(path);
	}
	if (b != NULL)
		b->until_ms = now_ms() + WATCH_SETTLE_MS;
}

static bool is_relevant(const struct place *p, const struct inotify_event *ev)
{
	if (ev->len == 0)
		return true;
	if (p->name != NULL)
		return strcmp(p->name, ev->name) == 0;
	return ev->name[0] != '.' || ev->name[1] == '.'; /* "..data" of a mounted ConfigMap */
}

static void place_event(struct watch *w, struct place *p, const struct inotify_event *ev)
{
	bool writing = (ev->mask & WRITING) != 0 && (ev->mask & IN_ISDIR) == 0;

	if (!is_relevant(p, ev))
		return;
	if (ev->len > 0 && (writing || (ev->mask & WRITTEN) != 0))
		busy_note(w, p, ev->name, writing);
	if (!writing)
		join(w);
}

static void take_event(struct watch *w, const struct inotify_event *ev)
{
	if ((ev->mask & IN_Q_OVERFLOW) != 0)
		join(w);
	for (size_t i = 0; i < w->n_places; i++) {
		if (w->places[i].wd != ev->wd)
			continue;
		place_event(w, &w->places[i], ev);
		if ((ev->mask & IN_IGNORED) != 0)
			w->places[i].wd = -1;
	}
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	char room[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
	struct watch *w = arg;
	ssize_t n;

	while ((n = read((int)fd, room, sizeof room)) > 0) {
		for (char *p = room; p < room + n;) {
			const struct inotify_event *ev = (const void *)p;

			take_event(w, ev);
			p += sizeof *ev + ev->len;
		}
	}
	arm(w);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct watch *w = arg;
	uint64_t now = now_ms();

	for (size_t i = w->n_busy; i > 0; i--) {
		if (w->busy[i - 1].until_ms <= now)
			busy_drop(w, &w->busy[i - 1]);
	}
	if (w->due_ms <= now)
		w->due_ms = w->first_ms = 0;
	w->on_change(w->arg);
	arm(w);
}

int watch_new(struct event_base *base, watch_fn on_change, void *arg, struct watch **ret_watch)
{
	_cleanup_(watch_freep) struct watch *w = calloc(1, sizeof *w);

	if (w == NULL)
		return -ENOMEM;
	w->on_change = on_change;
	w->arg = arg;
	w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	w->blind = w->fd < 0; /* too many instances: looking every two seconds still works */
	w->timer = evtimer_new(base, on_timer, w);
	if (w->fd >= 0)
		w->readable = event_new(base, w->fd, EV_READ | EV_PERSIST, on_readable, w);
	if (w->timer == NULL ||
	    (w->fd >= 0 && (w->readable == NULL || event_add(w->readable, NULL) < 0)))
		return -ENOMEM;
	arm(w);
	*ret_watch = TAKE(w);
	return 0;
}

static void places_free(struct place *places, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(places[i].dir);
		free(places[i].name);
	}
	free(places);
}

struct watch *watch_free(struct watch *w)
{
	if (w == NULL)
		return NULL;
	if (w->readable != NULL)
		event_free(w->readable);
	if (w->timer != NULL)
		event_free(w->timer);
	if (w->fd >= 0)
		close(w->fd);
	places_free(w->places, w->n_places);
	while (w->n_busy > 0)
		busy_drop(w, &w->busy[0]);
	free(w);
	return NULL;
}

static bool has_wd(const struct place *places, size_t n, int wd)
{
	for (size_t i = 0; i < n; i++) {
		if (places[i].wd == wd)
			return true;
	}
	return false;
}

/* Whether this directory is watched already, through this same number. */
static bool was_watched(const struct watch *w, const struct place *p)
{
	for (size_t i = 0; i < w->n_places; i++) {
		if (w->places[i].wd == p->wd && strcmp(w->places[i].dir, p->dir) == 0)
			return true;
	}
	return false;
}

static int place_init(struct watch *w, const struct path_watch *from, struct place *p)
{
	p->wd = -1;
	p->dir = strdup(from->dir);
	p->name = from->name != NULL ? strdup(from->name) : NULL;
	if (p->dir == NULL || (from->name != NULL && p->name == NULL))
		return -ENOMEM;
	if (w->fd < 0)
		return 0;
	p->wd = inotify_add_watch(w->fd, p->dir, EVENTS);
	if (p->wd < 0 && (errno == ENOSPC || errno == ENOMEM || errno == EACCES))
		w->blind = true;
	return 0;
}

int watch_set(struct watch *w, const struct path_watch *places, size_t n, bool *ret_new)
{
	struct place *next = calloc(n + 1, sizeof *next);
	bool is_new = false;
	int r = 0;

	if (next == NULL)
		return -ENOMEM;
	w->blind = w->fd < 0;
	for (size_t i = 0; r == 0 && i < n; i++) {
		r = place_init(w, &places[i], &next[i]);
		is_new = is_new || (r == 0 && next[i].wd >= 0 && !was_watched(w, &next[i]));
	}
	if (r < 0) {
		places_free(next, n);
		return r;
	}
	for (size_t i = 0; i < w->n_places; i++) {
		if (w->places[i].wd >= 0 && !has_wd(next, n, w->places[i].wd))
			inotify_rm_watch(w->fd, w->places[i].wd);
	}
	places_free(w->places, w->n_places);
	w->places = next;
	w->n_places = n;
	arm(w);
	*ret_new = is_new;
	return 0;
}

bool watch_is_busy(const struct watch *w, const char *path)
{
	return busy_find(w, path) != NULL;
}

bool watch_is_blind(const struct watch *w)
{
	return w->blind;
}
