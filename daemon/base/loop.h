/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watchers of the event loop: libevent with an explicit base, as members of the struct that they
 * serve, so that container_of() finds the owner and tests can call the callbacks themselves.
 *
 * A watcher must be deinit'ed before its owner is freed; *_deinit() accepts one that was never
 * init'ed (all zero), may be called twice, and is legal inside the watcher's own callback.
 */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include <event2/event.h>

#include "cleanup.h"

/* A base that ignores the environment. 0 or -ENOMEM. */
int loop_new(struct event_base **ret_base);
struct event_base *loop_free(struct event_base *base);

/* Milliseconds of a clock that never goes back. */
int64_t loop_now_ms(void);

/* ---- descriptors ---- */

struct loop_io {
	struct event *ev;
	void (*fn)(struct loop_io *io, short what); /* what: EV_READ, EV_WRITE */
	short wanted;
	bool on;
};

/* Watches `fd` (borrowed) for `what` (EV_READ | EV_WRITE, level-triggered), switched on. 0 or -ENOMEM. */
int loop_io_init(struct loop_io *io, struct event_base *base, int fd, short what,
		 void (*fn)(struct loop_io *io, short what));
void loop_io_deinit(struct loop_io *io);

/* Switches off and on; setting what it is already costs nothing. */
void loop_io_set(struct loop_io *io, bool on);

/* ---- timers ---- */

struct loop_timer {
	struct event *ev;
	void (*fn)(struct loop_timer *timer);
};

/* A timer that is not running. 0 or -ENOMEM. */
int loop_timer_init(struct loop_timer *timer, struct event_base *base, void (*fn)(struct loop_timer *timer));
void loop_timer_deinit(struct loop_timer *timer);

/* Fires once after `ms` (0: in the next turn of the loop); replaces an earlier time. */
void loop_timer_set(struct loop_timer *timer, uint64_t ms);
void loop_timer_cancel(struct loop_timer *timer);
bool loop_timer_running(const struct loop_timer *timer);

/* ---- signals ---- */

struct loop_signal {
	struct event *ev;
	void (*fn)(struct loop_signal *sig);
	int signo;
};

int loop_signal_init(struct loop_signal *sig, struct event_base *base, int signo,
		     void (*fn)(struct loop_signal *sig));
void loop_signal_deinit(struct loop_signal *sig);

#endif
