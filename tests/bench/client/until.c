/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mode "until" (modes.h): one JSON watch that stays, and the moment at which the last of the awaited
 * events had come.  Used by tests/bench/translation/run.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "link.h"
#include "modes.h"
#include "watchers.h"

#define PATIENCE_US 60e6

static void await(struct watchers *w, uint64_t events)
{
	uint64_t target = watchers_least(w) + events;
	double begin = now_us();

	printf("waiting\n");
	fflush(stdout);
	while (watchers_least(w) < target) {
		watchers_poll(w, 1000);
		errno = 0;
		if (now_us() - begin > PATIENCE_US)
			die("%llu events are missing after 60 s",
			    (unsigned long long)(target - watchers_least(w)));
	}
	printf("end_us=%.1f\n", now_us());
	fflush(stdout);
}

int mode_until(int argc, char **argv)
{
	struct watchers *w = watchers_new(atoi(argv[0]), true, 1);
	char line[64];

	(void)argc;
	printf("ready\n");
	fflush(stdout);
	while (fgets(line, sizeof line, stdin) != NULL)
		await(w, strtoull(line, NULL, 10));
	watchers_free(w);
	return 0;
}
