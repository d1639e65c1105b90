/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The watchers of loop.h over libevent 2.  Out of memory is the only error at init; adding an event
 * that exists can fail only for a bad descriptor, which is a defect of the caller (assert).
 */
#include "loop.h"

#include <assert.h>
#include <time.h>

#include "error.h"

int loop_new(struct event_base **ret_base)
{
	struct event_config *config = event_config_new();
	struct event_base *base = NULL;

	if (config == NULL)
		return error_origin(-ENOMEM);
	if (event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV) == 0)
		base = event_base_new_with_config(config);
	event_config_free(config);
	if (base == NULL)
		return error_origin(-ENOMEM);
	*ret_base = base;
	return 0;
}

struct event_base *loop_free(struct event_base *base)
{
	if (base != NULL)
		event_base_free(base);
	return NULL;
}

int64_t loop_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static struct event *event_drop(struct event *ev)
{
	if (ev != NULL)
		event_free(ev);
	return NULL;
}

static void on_io(evutil_socket_t fd, short what, void *arg)
{
	struct loop_io *io = arg;

	io->fn(io, what);
}

int loop_io_init(struct loop_io *io, struct event_base *base, int fd, short what,
		 void (*fn)(struct loop_io *io, short what))
{
	*io = (struct loop_io){ .fn = fn, .wanted = what };
	io->ev = event_new(base, fd, (short)(what | EV_PERSIST), on_io, io);
	if (io->ev == NULL)
		return error_origin(-ENOMEM);
	loop_io_set(io, true);
	if (!io->on) {
		io->ev = event_drop(io->ev);
		return error_origin(-ENOMEM);
	}
	return 0;
}

void loop_io_deinit(struct loop_io *io)
{
	io->ev = event_drop(io->ev);
	io->on = false;
}

void loop_io_set(struct loop_io *io, bool on)
{
	if (io->ev == NULL || io->on == on)
		return;
	if (on)
		io->on = event_add(io->ev, NULL) == 0;
	else
		io->on = event_del(io->ev) != 0;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct loop_timer *timer = arg;

	timer->fn(timer);
}

int loop_timer_init(struct loop_timer *timer, struct event_base *base, void (*fn)(struct loop_timer *timer))
{
	*timer = (struct loop_timer){ .fn = fn };
	timer->ev = event_new(base, -1, 0, on_timer, timer);
	return timer->ev == NULL ? error_origin(-ENOMEM) : 0;
}

void loop_timer_deinit(struct loop_timer *timer)
{
	timer->ev = event_drop(timer->ev);
}

void loop_timer_set(struct loop_timer *timer, uint64_t ms)
{
	struct timeval tv = {
		.tv_sec = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000 * 1000),
	};
	int r;

	assert(timer->ev != NULL);
	r = event_add(timer->ev, &tv);
	assert(r == 0);
	(void)r;
}

void loop_timer_cancel(struct loop_timer *timer)
{
	if (timer->ev != NULL)
		event_del(timer->ev);
}

bool loop_timer_running(const struct loop_timer *timer)
{
	return timer->ev != NULL && event_pending(timer->ev, EV_TIMEOUT, NULL);
}

static void on_signal(evutil_socket_t signo, short what, void *arg)
{
	struct loop_signal *sig = arg;

	sig->fn(sig);
}

int loop_signal_init(struct loop_signal *sig, struct event_base *base, int signo,
		     void (*fn)(struct loop_signal *sig))
{
	*sig = (struct loop_signal){ .fn = fn, .signo = signo };
	sig->ev = event_new(base, signo, EV_SIGNAL | EV_PERSIST, on_signal, sig);
	if (sig->ev == NULL)
		return error_origin(-ENOMEM);
	if (event_add(sig->ev, NULL) < 0) {
		sig->ev = event_drop(sig->ev);
		return error_origin(-ENOMEM);
	}
	return 0;
}

void loop_signal_deinit(struct loop_signal *sig)
{
	sig->ev = event_drop(sig->ev);
}
