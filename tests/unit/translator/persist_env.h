/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lives of a translator's persist.c, one after the other or one beside the other, over the same folder and the same
 * kept memory; for test_persist.c and test_persist_beside.c.
 */
#ifndef MESHD_TESTS_PERSIST_ENV_H
#define MESHD_TESTS_PERSIST_ENV_H

#include "fake.h"

#include "persist.h"

#define PERSIST_MEMORY (64 << 10)
#define KEYED "-----BEGIN EC PRIVATE KEY-----"

extern uint8_t persist_memory[PERSIST_MEMORY];
extern int64_t persist_seconds;	/* the clock of the identities */

struct env {
	char dir[64];
	bool secrets;
	bool beside;		/* the next life begins beside another, with a copy of its memory */
	struct told told;
	struct findings *findings;
	struct quarantine *quarantine;
	struct holds *hs;
	struct accept *a;
	struct identities *ids;
	struct persist *p;
};

void persist_env_begin(struct env *e);
/* As SIGKILL: nothing is written any more. */
void persist_env_end(struct env *e);
void persist_env_next(struct env *e);
int persist_env_setup(void **state);
int persist_env_teardown(void **state);

/* What the role does at the end of an update. */
void settled(struct env *e, enum rt type, unsigned flags, const char *const *resources);
/* access(F_OK) of a file of the store. */
int access_in(struct env *e, const char *name);
/* Is there a key in any file of the store? */
bool key_on_disk(const struct env *e);
/* One of many destinations. */
const char *vip(unsigned i);
void want(struct env *e, unsigned from, unsigned to);

#endif
