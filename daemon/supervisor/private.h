/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor's state, shared by the files of this room: a child per role, an arrow per pipe
 * between workers, the control socket, a check or reload under way.
 */
#ifndef MESHD_SUPERVISOR_PRIVATE_H
#define MESHD_SUPERVISOR_PRIVATE_H

#include <sys/types.h>

#include "conf.h"
#include "identity.h"
#include "listen.h"
#include "loop.h"
#include "pipe.h"
#include "reply.h"
#include "restart.h"
#include "roles.h"
#include "supervisor.h"

#define BEAT_MS 5000
#define BEAT_MISSED 3
#define STOP_MS 5000

struct supervisor;

enum child_state {
	CHILD_OFF,	/* not enabled */
	CHILD_WAITING,	/* dead, the timer of the next try runs */
	CHILD_STARTING,
	CHILD_READY,
	CHILD_STOPPING,	/* asked to end */
};

/* beat.c */
struct beat {
	struct pipe *pipe;		/* owned */
	struct loop_timer timer;
	uint64_t seq, answered;
};

/* child.c: one worker, over all its lives */
struct child {
	struct supervisor *sup;		/* borrowed */
	bool beside;			/* one of the pair of swap.c, not of those that serve */
	const struct role *role;
	enum child_state state;
	pid_t pid;			/* 0: no process */
	struct pipe *control;		/* owned */
	struct beat beat;
	struct restart restart;
	struct loop_timer retry;
	struct conf *slice;		/* owned; what the worker has or gets next */
	int memory;			/* owned descriptor, -1 */
	uint64_t generation;		/* lives so far */
	uint64_t restarts;
	int64_t started_ms;
	bool wanted_end;		/* the next death is by our wish */
	bool reconfigured;		/* got a new slice in this life, and may ask for a new process */
	char last_exit[256];
	char detail[512];		/* from READY, or what it waits for */
};

/* arrows.c: one pipe between two workers */
struct arrow {
	struct supervisor *sup;		/* borrowed */
	bool beside;			/* between two of swap.c */
	const struct role_arrow *ends;
	uint64_t generation;
	struct loop_timer renew;
	int64_t blamed_ms[2][3];	/* per end: when it last sent bad bytes */
};

#define CONTROL_CONNS 32

/* control.c: the socket, and connections whose request is still being read */
struct control_conn {
	struct supervisor *sup;		/* borrowed */
	int fd;				/* owned, -1: free slot */
	uid_t uid;
	uint64_t number;		/* order of coming */
	struct loop_io io;
	struct loop_timer deadline;
	uint8_t *data;			/* owned; header and request */
	size_t len;
};

struct control {
	int fd;				/* owned */
	char *path;			/* owned */
	uint64_t accepted;
	struct loop_io io;
	struct control_conn conns[CONTROL_CONNS];
};

struct check;

struct reload {
	struct check *check;		/* owned; NULL: none under way */
	struct ctl_reply *reply;	/* who asked; NULL: SIGHUP */
	bool again;			/* another SIGHUP came meanwhile */
};

/* swap.c: workers beside those that serve */
enum swap_phase {
	SWAP_NONE,
	SWAP_PREPARING,	/* the new ones get ready, the old ones serve */
	SWAP_TAKING,	/* the old ones are asked to end; no way back */
	SWAP_DROPPING,	/* given up: the new ones are asked to end */
};

struct swap {
	enum swap_phase phase;
	struct conf *conf;		/* owned; comes into force with them */
	struct listen_set listens;	/* owned, the same */
	uint32_t roles;			/* set of those that take part */
	bool same_source;
	struct child *next[_ROLE_MAX];	/* owned; NULL: this role has none */
	struct arrow arrows[ROLE_ARROWS];
	struct loop_timer deadline, turn;
};

struct supervisor {
	struct supervisor_options options;
	struct event_base *base;
	struct conf *conf;		/* owned; the one in force */
	struct identity who;
	struct child *children[_ROLE_MAX];	/* owned; those that serve */
	struct arrow arrows[ROLE_ARROWS];
	struct listen_set listens;
	int state_fd;			/* owned: the lock on state_dir */
	struct control control;
	struct check *first_check;	/* owned */
	struct reload reload;
	struct swap swap;
	struct loop_signal sigterm, sigint, sighup, sigchld;
	struct loop_timer watchdog, stop_timer;
	uint64_t watchdog_ms;
	unsigned stop_stage;
	int64_t started_ms;
	bool ready, stopping;
	int status;
};

/* ---- child.c ---- */
int child_new(struct supervisor *sup, const struct role *role, bool beside, struct child **ret_child);
/* Ends what is left of its process. */
struct child *child_free(struct child *c);
/* One of swap.c: with this slice, which it takes. */
void child_start_beside(struct child *c, struct conf *slice);
/* It stands in the place of `old` from now on, with its memory. */
void child_take_over(struct child *c, struct child *old);
/* Takes its slice of the configuration in force: starts it, stops it, hands it over or leaves it alone. */
int child_configure(struct child *c);
void child_on_exit(struct child *c, int wait_status);
void child_stop(struct child *c, unsigned grace_ms);
void child_kill(struct child *c, const char *why);
/* A process that can be spoken to. */
bool child_is_up(const struct child *c);
const char *child_state_name(const struct child *c);

/* ---- beat.c ---- */
int beat_start(struct child *c, int fd);
void beat_stop(struct child *c);

/* ---- arrows.c ---- */
int arrows_init(struct supervisor *sup);
void arrows_deinit(struct supervisor *sup);
/* New pipes for every arrow of a worker that has just been started. */
void arrows_connect(struct child *c);
void arrows_on_broken(struct child *reporter, const Mesh__PipeBroken *m);
/* The workers of swap.c serve now: pipes within a group are theirs already, the others begin anew. */
void arrows_take_over(struct supervisor *sup);

/* ---- control.c ---- */
int control_open(struct supervisor *sup, const char *path);
void control_close(struct supervisor *sup);

/* ---- checker.c ---- */
/* conf: owned by the callee, NULL if there are mistakes; text: what is wrong, a line each. */
typedef void (*check_done)(struct supervisor *sup, struct conf *conf, const char *text);
int check_start(struct supervisor *sup, check_done done, struct check **ret_check);
struct check *check_free(struct check *check);
/* Is this the check child's pid?  Then its end is noted. */
bool check_on_exit(struct check *check, pid_t pid, int wait_status);

/* ---- reload.c ---- */
void reload_start(struct supervisor *sup, struct ctl_reply *reply);
/* Goes on with a reload that was asked for while it could not be begun. */
void reload_resume(struct supervisor *sup);
void reload_deinit(struct supervisor *sup);
/* `conf` and `listens` (taken) come into force, and whoever asked is told. */
void reload_commit(struct supervisor *sup, struct conf *conf, struct listen_set *listens, const char *text);
/* Nothing was changed, and why. */
void reload_refuse(struct supervisor *sup, const char *why);
/* Addresses of the frontend in `conf`, bound; 0 or 1 with reasons in `why`. */
int reload_listens(const struct conf *conf, const struct listen_set *old, struct listen_set *ret_set,
		   struct buf *why);

/* ---- swap.c ---- */
int swap_init(struct supervisor *sup);
void swap_deinit(struct supervisor *sup);
/* Does `conf` need new processes in the place of those that serve? */
bool swap_is_needed(const struct supervisor *sup, const struct conf *conf);
/* Takes both; ends in reload_commit() or reload_refuse(). */
void swap_start(struct supervisor *sup, struct conf *conf, struct listen_set *listens);
/* meshd stops: the new ones are killed. */
void swap_abort(struct supervisor *sup);
bool swap_is_running(const struct supervisor *sup);
void swap_on_ready(struct child *c);
/* Its process has ended.  True: that is all; false: it is none of the swap's, its life goes on as always. */
bool swap_on_exit(struct child *c);
struct child *swap_find(struct supervisor *sup, pid_t pid);

/* ---- state-dir.c ---- */
/* Makes, checks and locks state_dir; logs what is wrong and how to right it.  0 or negative errno. */
int state_dir_open(struct supervisor *sup);
/* Makes it again if it has gone: before a worker starts that writes there. */
void state_dir_keep(struct supervisor *sup);
void state_dir_close(struct supervisor *sup);

/* ---- notify.c: systemd, see sd_notify(3) ---- */
void notify_state(struct supervisor *sup);
void notify_ready(void);
void notify_reloading(void);
void notify_stopping(void);
int notify_watchdog(struct supervisor *sup);

/* ---- status.c ---- */
extern const struct ctl_handler supervisor_commands[];

/* ---- supervisor.c ---- */
void supervisor_on_ready(struct supervisor *sup);
void supervisor_set_log(const struct conf *conf);

#endif
