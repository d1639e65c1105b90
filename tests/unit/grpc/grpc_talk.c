/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gRPC client on a line of commands, for the functional tests: commands on stdin, what happens on stdout, both one
 * per line. ID is a digit, DATA and METADATA are texts without blanks.
 *
 *   call ID PATH DEADLINE_MS [NAME=VALUE…]   send ID DATA     sendn ID SIZE      finish ID
 *   cancel ID    resume ID    pause ID (answers the next message with a pause)    pending ID
 *   refresh      peer         quit
 *
 *   opened ID    message ID SIZE FNV    drained ID    end ID CODE local|remote unprocessed|processed TEXT
 *
 * Arguments: servers, and --ca, --cert, --key, --name, --max, --connect, --keepalive, --resolv, --hosts FILE, --skip.
 */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "grpc.h"
#include "host.h"
#include "resolve.h"

#define CALLS 10
#define WORDS 16

static struct talk {
	struct grpc_host host;
	struct grpc_channel *channel;
	struct grpc_channel_options options;
	const char *servers[8];
	struct buf input;
	struct event *stdin_event;
} talk;

static struct slot {
	struct grpc_call *call;
	bool pause;
} slots[CALLS];

static int id_of(const struct slot *s)
{
	return (int)(s - slots);
}

/* ---- what happens ---- */

static void on_opened(void *arg)
{
	printf("opened %d\n", id_of(arg));
}

static int on_message(void *arg, const uint8_t *data, size_t size)
{
	struct slot *s = arg;
	uint64_t hash = 0xcbf29ce484222325u;
	bool pause = s->pause;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ data[i]) * 0x100000001b3u;
	printf("message %d %zu %016llx\n", id_of(s), size, (unsigned long long)hash);
	s->pause = false;
	return pause ? GRPC_PAUSE : 0;
}

static void on_drained(void *arg)
{
	printf("drained %d\n", id_of(arg));
}

static void on_end(void *arg, const struct grpc_status *st)
{
	struct slot *s = arg;

	s->call = NULL;
	printf("end %d %s %s %s %s\n", id_of(s), grpc_code_name(st->code), st->local ? "local" : "remote",
	       st->unprocessed ? "unprocessed" : "processed", st->message);
}

static const struct grpc_call_ops ops = {
	.opened = on_opened, .message = on_message, .drained = on_drained, .end = on_end,
};

/* ---- commands ---- */

static void start_call(struct slot *s, char **words)
{
	struct grpc_metadata metadata[WORDS];
	struct grpc_call_options o = { .path = words[2], .deadline_ms = atoll(words[3]), .ops = &ops, .arg = s,
				       .metadata = metadata };

	for (char **w = words + 4; *w != NULL; w++) {
		char *value = strchr(*w, '=');

		*value = '\0';
		metadata[o.n_metadata++] = (struct grpc_metadata){ .name = *w, .value = value + 1 };
	}
	if (grpc_call_start(talk.channel, &o, &s->call) < 0)
		abort();
}

static void send_many(struct grpc_call *call, size_t size)
{
	char *data = malloc(size + 1);

	memset(data, 'x', size);
	if (grpc_call_send(call, data, size) < 0)
		abort();
	free(data);
}

static void on_call_command(char **words, struct slot *s)
{
	if (strcmp(words[0], "call") == 0)
		start_call(s, words);
	else if (strcmp(words[0], "pause") == 0)
		s->pause = true;
	else if (s->call == NULL)
		printf("no call %d\n", id_of(s));
	else if (strcmp(words[0], "send") == 0)
		grpc_call_send(s->call, words[2], strlen(words[2]));
	else if (strcmp(words[0], "sendn") == 0)
		send_many(s->call, (size_t)atoll(words[2]));
	else if (strcmp(words[0], "finish") == 0)
		grpc_call_finish(s->call);
	else if (strcmp(words[0], "resume") == 0)
		grpc_call_resume(s->call);
	else if (strcmp(words[0], "cancel") == 0)
		s->call = grpc_call_cancel(s->call);
	else if (strcmp(words[0], "pending") == 0)
		printf("pending %d %zu\n", id_of(s), grpc_call_pending(s->call));
}

static void on_command(char *line)
{
	char *words[WORDS + 1] = { NULL }, *rest;
	const char *peer;
	int n = 0;

	for (char *w = strtok_r(line, " ", &rest); w != NULL && n < WORDS; w = strtok_r(NULL, " ", &rest))
		words[n++] = w;
	if (n == 0)
		return;
	if (strcmp(words[0], "quit") == 0) {
		event_base_loopbreak(talk.host.base);
	} else if (strcmp(words[0], "refresh") == 0) {
		grpc_channel_refresh(talk.channel);
	} else if (strcmp(words[0], "peer") == 0) {
		peer = grpc_channel_peer(talk.channel);
		printf("peer %s\n", peer != NULL ? peer : "none");
	} else if (n > 1) {
		on_call_command(words, &slots[atoi(words[1]) % CALLS]);
	}
}

static void on_stdin(evutil_socket_t fd, short what, void *arg)
{
	uint8_t *end;
	ssize_t n;

	(void)what;
	(void)arg;
	buf_reserve(&talk.input, 4096);
	n = read(fd, talk.input.data + talk.input.len, 4096);
	if (n <= 0) {
		event_base_loopbreak(talk.host.base);
		return;
	}
	talk.input.len += (size_t)n;
	while ((end = memchr(talk.input.data, '\n', talk.input.len)) != NULL) {
		*end = '\0';
		on_command((char *)talk.input.data);
		buf_consume(&talk.input, (size_t)(end + 1 - talk.input.data));
	}
}

/* ---- life ---- */

static void on_argument(const char *name, const char *value)
{
	struct grpc_channel_options *o = &talk.options;
	const struct {
		const char *name;
		const char **text;
	} texts[] = {
		{ "--ca", &o->ca }, { "--cert", &o->cert }, { "--key", &o->key }, { "--name", &o->server_name },
		{ "--resolv", &resolve_conf_file }, { "--hosts", &resolve_hosts_file },
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (strcmp(texts[i].name, name) == 0)
			*texts[i].text = value;
	if (strcmp(name, "--max") == 0)
		o->max_message = (size_t)atoll(value);
	else if (strcmp(name, "--connect") == 0)
		o->connect_ms = atoll(value);
	else if (strcmp(name, "--keepalive") == 0)
		o->keepalive_ms = atoll(value);
}

static void read_arguments(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--skip") == 0)
			talk.options.skip_verify = true;
		else if (strncmp(argv[i], "--", 2) == 0 && i + 1 < argc)
			on_argument(argv[i], argv[i + 1]), i++;
		else if (talk.options.n_servers < ARRAY_SIZE(talk.servers))
			talk.servers[talk.options.n_servers++] = argv[i];
	}
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	read_arguments(argc, argv);
	grpc_host_init(&talk.host);
	talk.options.host = &talk.host.host;
	talk.options.servers = talk.servers;
	if (grpc_channel_new(&talk.options, &talk.channel) < 0) {
		printf("bad %s\n", talk.host.log);
		grpc_host_deinit(&talk.host);
		return 1;
	}
	talk.stdin_event = event_new(talk.host.base, STDIN_FILENO, EV_READ | EV_PERSIST, on_stdin, NULL);
	event_add(talk.stdin_event, NULL);
	event_base_dispatch(talk.host.base);
	grpc_channel_free(talk.channel);
	event_free(talk.stdin_event);
	buf_deinit(&talk.input);
	grpc_host_deinit(&talk.host);
	return 0;
}
