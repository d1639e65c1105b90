/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Serves the fake host's key space on a loopback port, for trying the plugin with curl, etcdctl or a
 * load generator: fake_server PORT [KEYS]. Commands on standard input, one a line:
 *   put KEY VALUE | del KEY | txn N (N puts in one revision) | compact REVISION | quit
 */
#include <event2/event.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fakehost.h"

extern const struct mesh_plugin mesh_plugin;

static void route(struct fakehost *f, int i)
{
	char key[64], value[512];

	snprintf(key, sizeof key, "/apisix/routes/r%06d", i);
	snprintf(value, sizeof value,
		 "{\"id\":\"r%06d\",\"uris\":[\"/svc-%d/*\"],\"hosts\":[\"svc-%d.example.test\"],"
		 "\"priority\":%d,\"vars\":[[\"server_addr\",\"==\",\"127.64.%d.%d\"],[\"server_port\","
		 "\"==\",\"9080\"]],\"upstream_id\":\"u%06d\",\"plugins\":{\"proxy-rewrite\":{\"regex_uri\":"
		 "[\"^/svc-%d/(.*)\",\"/$1\"],\"headers\":{\"set\":{\"x-mesh\":\"meshd\"}}}},\"labels\":"
		 "{\"managed-by\":\"meshd\"}}",
		 i, i, i, i % 100, i / 256 % 64, i % 256, i, i);
	fakehost_put(f, key, value);
}

static void fill(struct fakehost *f, int n)
{
	static const char *const dirs[] = {
		"consumer_groups", "consumers", "global_rules", "plugin_configs", "plugin_metadata",
		"plugins", "protos", "routes", "secrets", "services", "ssls", "stream_routes",
		"upstreams",
	};
	char key[64];

	fakehost_begin(f);
	for (size_t i = 0; i < sizeof dirs / sizeof dirs[0]; i++) {
		snprintf(key, sizeof key, "/apisix/%s/", dirs[i]);
		fakehost_put(f, key, "init_dir");
	}
	for (int i = 0; i < n; i++)
		route(f, i);
	fakehost_commit(f);
}

static void command(struct fakehost *f, char *line)
{
	char *verb = strtok(line, " \n"), *a = strtok(NULL, " \n"), *b = strtok(NULL, "\n");

	if (verb == NULL)
		return;
	if (strcmp(verb, "quit") == 0) {
		event_base_loopbreak(fakehost_base(f));
		return;
	}
	if (strcmp(verb, "compact") == 0 && a != NULL) {
		fakehost_compact(f, atoll(a));
		return;
	}
	fakehost_begin(f);
	if (strcmp(verb, "put") == 0 && b != NULL)
		fakehost_put(f, a, b);
	else if (strcmp(verb, "del") == 0 && a != NULL)
		fakehost_delete(f, a);
	else if (strcmp(verb, "txn") == 0 && a != NULL)
		for (int i = 0; i < atoi(a); i++)
			route(f, i);
	printf("revision %" PRId64 "\n", fakehost_commit(f));
	fflush(stdout);
}

static void on_input(evutil_socket_t fd, short what, void *arg)
{
	char line[4096];

	(void)fd;
	(void)what;
	if (fgets(line, sizeof line, stdin) != NULL)
		command(arg, line);
	else
		event_base_loopbreak(fakehost_base(arg));
}

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	event_base_loopbreak(arg);
}

int main(int argc, char **argv)
{
	struct fakehost *f = fakehost_new(&mesh_plugin, NULL);
	struct event_base *base = fakehost_base(f);
	struct event *input = event_new(base, 0, EV_READ | EV_PERSIST, on_input, f);
	struct event *term = evsignal_new(base, SIGTERM, on_signal, base);

	setvbuf(stdin, NULL, _IONBF, 0); /* a line that stdio has read wakes no loop */
	signal(SIGPIPE, SIG_IGN);
	fill(f, argc > 2 ? atoi(argv[2]) : 3);
	printf("listening on %d\n", fakehost_listen(f, argc > 1 ? atoi(argv[1]) : 0));
	fflush(stdout);
	fakehost_start(f);
	event_add(input, NULL);
	event_add(term, NULL);
	event_base_dispatch(base);
	event_free(input);
	event_free(term);
	fakehost_free(f);
	return 0;
}
