/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A frontend role without plugin and pipes, for the tests of what clients write: a store in a scratch
 * folder, the functions that a plugin would call, and short ways to call them.
 */
#ifndef FRONTEND_TEST_SPACE_H
#define FRONTEND_TEST_SPACE_H

#include "helper.h"
#include "private.h"
#include "worker-private.h"

struct space {
	struct frontend f;
	struct mesh_host_ops ops;
	struct worker worker;
	struct scratch scratch;
};

/* For cmocka: *state is the space, with the mesh's /apisix/routes/r1 in it. */
int space_setup(void **state);
int space_teardown(void **state);

/* A change of one key; value NULL: it goes. */
struct mesh_change change(const char *key, const char *value, int64_t lease);
/* Writes one change; what store_write() says. */
int write_one(struct space *s, const char *key, const char *value, int64_t lease);
/* Keys of clients that are there, in order: "a,b". Valid until the next call. */
const char *client_keys(struct space *s);
/* What was counted is what is there. */
void assert_counted(struct space *s);

#endif
