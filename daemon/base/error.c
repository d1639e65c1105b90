/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The printing half of error.h.  Off unless MESHD_TRACE_ERRORS is set, so that tests which provoke
 * errors stay quiet.  Printing that fails is ignored: the error itself matters more.
 */
#include "error.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool error_tracing(void)
{
	static int state = -1;

	if (state < 0)
		state = getenv("MESHD_TRACE_ERRORS") != NULL;
	return state;
}

int error_step(int r, const char *step, const char *file, int line)
{
	int saved = errno;

	if (r < 0 && error_tracing())
		dprintf(2, "%s:%d: %s: %s\n", file, line, step, strerror(-r));
	errno = saved;
	return r;
}
