/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every role shares: the life of a worker process.
 *
 * `meshd --role NAME` finds its control pipe on descriptor 3 and its heartbeat pipe on descriptor 4,
 * receives its slice of the configuration, kept memory, listening sockets and pipe ends, and on START
 * calls the role's start().  The role says worker_ready() once it can serve.  STOP calls stop(); the
 * process ends when the role calls worker_exit(), or when the supervisor is gone.
 *
 * A role body is a struct worker_ops and nothing else: no main, no loop, no signal handling.
 */
#ifndef MESHD_WORKER_H
#define MESHD_WORKER_H

#include "conf.h"
#include "pipe.h"
#include "reply.h"

struct event_base;
struct worker;

#define WORKER_CONTROL_FD 3
#define WORKER_BEAT_FD 4

/* Exit status "restart me with the new configuration"; counts as no failure. */
#define WORKER_EXIT_RESTART 75

/* What a role wants to hear from one peer role. */
struct worker_peer {
	enum role_id role;
	const struct pipe_handler_row *handlers;
	void (*on_open)(void *ctx);	/* a new pipe to this peer, HELLO exchanged: resync now */
	void (*on_drained)(void *ctx);
	void (*on_lost)(void *ctx);	/* the pipe is gone; a new one will come */
};

struct worker_ops {
	enum role_id role;
	const struct worker_peer *peers;	/* ends with .handlers NULL */
	const struct ctl_handler *commands;	/* ends with .fn NULL; see commands.h for who answers what */

	/* Everything has arrived.  Returns the role's context; negative errno ends the process (logged by the role). */
	int (*start)(struct worker *w, void **ret_ctx);
	/* A new slice (worker_conf() is already the new one).  0 taken; 1 "restart me instead". May be NULL (= 1). */
	int (*reconfigure)(void *ctx);
	/*
	 * Started beside another that served, and that is gone now: serve in its place; worker_memory() is the
	 * kept memory from here on, and the pipes to the other roles follow.  0 or negative errno; one that calls
	 * worker_exit() with WORKER_EXIT_RESTART is started again in the place of the other.  May be NULL.
	 */
	int (*take_over)(void *ctx);
	/* Orderly end within `grace_ms`; call worker_exit() when done.  May be NULL. */
	void (*stop)(void *ctx, unsigned grace_ms);
	void (*deinit)(void *ctx);		/* frees the context; accepts NULL */
};

/* Runs a worker to its end; the exit status of the process. */
int worker_main(const struct worker_ops *ops);

struct event_base *worker_base(struct worker *w);
const struct conf *worker_conf(struct worker *w);

/* The open pipe to a peer, or NULL. */
struct pipe *worker_pipe(struct worker *w, enum role_id peer);

/* Closes the pipe to a peer because of what it said; the supervisor gives both a new one. */
void worker_pipe_broken(struct worker *w, enum role_id peer, const char *reason);

/* Memory that a predecessor may have written, beside another a copy of that one's; NULL if the role has none. */
void *worker_memory(struct worker *w, size_t *ret_size);

size_t worker_listen_count(struct worker *w);
int worker_listen_fd(struct worker *w, size_t i, const char **ret_address);

void worker_ready(struct worker *w, const char *detail);

/*
 * Beside another worker of the same role that serves (a reload): until take_over() nothing outside is changed, READY
 * means "could serve", and worker_waiting() says what that waits for.
 */
bool worker_is_beside(const struct worker *w);
/* ... and the source's configuration is the one in force: what is stored is of the same origin. */
bool worker_has_same_source(const struct worker *w);
void worker_waiting(struct worker *w, const char *text);

void worker_exit(struct worker *w, int status);

#endif
