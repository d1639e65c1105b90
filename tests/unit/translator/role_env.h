/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The translator's role in one process with the ends of its pipes: the functions of the worker are the test's, what
 * source, frontend and capture are told is text.
 */
#ifndef TEST_TRANSLATOR_ROLE_ENV_H
#define TEST_TRANSLATOR_ROLE_ENV_H

#include "fake.h"

#include "loop.h"
#include "pipe.h"
#include "send.h"
#include "translator.h"

struct end {
	struct pipe *ours, *theirs;
	bool open;
};

struct role_env {
	struct event_base *base;
	struct conf *conf;
	void *ctx;			/* the role's */
	struct end source, frontend, capture;
	bool ready, exited;
	char dir[64];
	char to_source[8192], to_frontend[8192], to_capture[8192];
};

extern struct role_env env;

/* The kept memory, shared with children as a memfd would be. 0 or -1. */
int role_memory(void);

/* cmocka's; a life has begun. */
int setup(void **state);
int teardown(void **state);

/* A process of the role, and its end as by SIGKILL. */
void begin_life(void);
void end_life(void);

void connect_end(struct end *e, enum role_id role);
void disconnect_end(struct end *e, enum role_id role, bool tell);

/* Runs the loop until `text` has become `wanted`; then it is emptied. */
void expect(char *text, const char *wanted);

/* What the source says. */
void send_update(uint64_t id, enum rt type, unsigned flags, const char *const *resources);
void send_state(const char *origin);

/* A small mesh, with one listener that is refused. */
#define NEED_X "a=need endpoint x -1"
void feed(void);

#endif
