/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plugin over a fake host, listening, and one client of it.
 */
#ifndef TEST_ETCD_FIXTURE_H
#define TEST_ETCD_FIXTURE_H

#include "client.h"
#include "grpc_client.h"
#include "server.h"
#include "unit.h"

struct fixture {
	struct fakehost *host;		/* owned */
	struct server *server;
	struct client c;		/* connected */
	struct grpc_client g;		/* not connected: a test's own */
	int port;
};

/* Each option is "name=value"; NULL ends them. */
struct fixture *fixture_new(const char *const *options);
/* cmocka's, for a *state that is a fixture; setup without options. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

#endif
