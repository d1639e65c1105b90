/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See fixture.h.
 */
#include "fixture.h"

#include <stdlib.h>

struct fixture *fixture_new(const char *const *options)
{
	struct fixture *f = calloc(1, sizeof *f);

	f->host = fakehost_new(&mesh_plugin, options);
	f->port = fakehost_listen(f->host, 0);
	f->server = fakehost_start(f->host);
	client_connect(&f->c, fakehost_base(f->host), f->port);
	return f;
}

int fixture_setup(void **state)
{
	*state = fixture_new(NULL);
	return 0;
}

int fixture_teardown(void **state)
{
	struct fixture *f = *state;

	client_close(&f->c);
	fakehost_free(f->host);
	free(f);
	return 0;
}
