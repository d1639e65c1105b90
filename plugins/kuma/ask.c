/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking POST /bootstrap before the first stream: one call after the other until it is answered with 200. What is wrong
 * is logged and shown with the remedy; nothing that is held goes.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>

#include "bootstrap.h"
#include "kuma.h"

#define DEADLINE_MS 10000
#define PAUSE_S 5

static void tell(struct kuma *k, const char *text)
{
	const struct mesh_source_state state = { .origin = k->origin, .detail = text };

	if (k->told == NULL || strcmp(k->told, text) != 0)
		mesh_log(k->host, MESH_WARN, "%s; what is held stays, trying again", text);
	free(k->told);
	k->told = strdup(text);
	k->host->ops->source_state(k->host, &state);
}

static void later(struct kuma *k, const char *text)
{
	struct timeval wait = { .tv_sec = PAUSE_S };

	tell(k, text);
	event_add(k->again, &wait);
}

static int on_message(void *arg, const uint8_t *data, size_t size)
{
	struct kuma *k = arg;

	(void)buf_append(&k->body, data, size);
	return 0;
}

/* The answer's first line, printable. */
static const char *first_line(struct buf *body)
{
	char *text = (char *)(uintptr_t)buf_str(body);

	if (text == NULL)
		return "";
	text[strcspn(text, "\r\n")] = '\0';
	for (char *p = text; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	return text;
}

static void on_end(void *arg, const struct grpc_status *status)
{
	struct kuma *k = arg;
	char why[900] = "no memory for the answer to /bootstrap";

	k->asking = NULL;
	buf_reset(&k->learned);
	if (status->http == 200 && bootstrap_read(k->body.data, k->body.len, k->identity.id, &k->learned, why,
						  sizeof why) == 0) {
		k->identity.learned = buf_str(&k->learned);
		mesh_log(k->host, MESH_INFO, "the control plane has answered /bootstrap");
		(void)ads_start(k->ads);
		return;
	}
	if (status->http != 200 && status->http != 0)
		bootstrap_words(status->http, first_line(&k->body), why, sizeof why);
	else if (status->http == 0)
		snprintf(why, sizeof why, "POST /bootstrap was not answered: %.600s", status->message);
	grpc_channel_refresh(k->channel);
	later(k, why);
}

static void ask(struct kuma *k)
{
	static const struct grpc_call_ops ops = { .message = on_message, .end = on_end };
	struct grpc_call_options options = {
		.path = "/bootstrap", .deadline_ms = DEADLINE_MS, .plain = true, .ops = &ops, .arg = k,
	};
	_cleanup_(buf_deinit) struct buf body = BUF_INIT;
	char why[700] = "no memory to ask /bootstrap";
	int r = bootstrap_ask(&k->identity, k->setup.token_file, &body, why, sizeof why);

	buf_reset(&k->body);
	if (r == 0)
		r = grpc_call_start(k->channel, &options, &k->asking);
	if (r < 0) {
		later(k, why);
		return;
	}
	(void)grpc_call_send(k->asking, body.data, body.len);
	grpc_call_finish(k->asking);
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	ask(arg);
}

int ask_start(struct kuma *k)
{
	k->again = evtimer_new(k->host->ops->loop(k->host), on_again, k);
	if (k->again == NULL)
		return -ENOMEM;
	ask(k);
	return 0;
}

void ask_stop(struct kuma *k)
{
	k->asking = grpc_call_cancel(k->asking);
	if (k->again != NULL)
		event_free(k->again);
	k->again = NULL;
}
