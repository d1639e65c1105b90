/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_client: what tests/bench/etcd measures and no load generator of Debian's does.  See modes.h.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "link.h"
#include "modes.h"

static const struct {
	const char *name, *usage;
	int args_min;
	int (*run)(int argc, char **argv);
} modes[] = {
	{ "last", "PORT json|grpc WATCHERS SECONDS", 4, mode_last },
	{ "flood", "PORT json|grpc WATCHERS SECONDS", 4, mode_flood },
	{ "hold", "PORT json|grpc WATCHERS", 3, mode_hold },
	{ "until", "PORT", 1, mode_until },
	{ "first", "PORT BYTES COMMAND...", 3, mode_first },
};

#define MODES (sizeof modes / sizeof modes[0])

static int usage(void)
{
	for (size_t i = 0; i < MODES; i++)
		fprintf(stderr, "usage: bench_client %s %s\n", modes[i].name, modes[i].usage);
	return 2;
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	raise_files();
	for (size_t i = 0; i < MODES && argc > 1; i++)
		if (strcmp(argv[1], modes[i].name) == 0 && argc - 2 >= modes[i].args_min)
			return modes[i].run(argc - 2, argv + 2);
	return usage();
}
