/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An engine with its neighbours for a test: the clock is a variable, the pipes are a text of what was sent.
 */
#ifndef TEST_TRANSLATOR_ENGINE_ENV_H
#define TEST_TRANSLATOR_ENGINE_ENV_H

#include "engine.h"
#include "fake.h"

/* What the engine's clock says; the tests move it. */
extern int64_t now;

struct engine_env {
	struct findings *findings;
	struct quarantine *quarantine;
	struct holds *hs;
	struct accept *a;
	struct publish *p, *capture;
	struct steering *steering;
	struct engine *e;
	char sent[8192];
	unsigned frames;
};

/* cmocka's setup and teardown; *state is a struct engine_env. */
int setup(void **state);
int setup_capture(void **state);
int teardown(void **state);

/* The frontend's pipe is there. */
void open_pipe(struct engine_env *v);
/*
 * One step now; what it sent, until the next step: " key" is put, " -key" deleted, ";" ends a commit, "<" and ">"
 * are around a complete set.
 */
const char *step(struct engine_env *v);
/* Open, complete, and the empty set published. */
void ready(struct engine_env *v);
/* These resources of the type are there now, besides the others. */
void change(struct engine_env *v, enum rt type, const char *const *resources);

#endif
