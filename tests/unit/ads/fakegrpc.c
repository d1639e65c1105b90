/* SPDX-License-Identifier: Apache-2.0 */
#include "fakegrpc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct grpc_call {
	const struct grpc_call_ops *ops;
	void *arg;
};

struct fake_grpc fake_grpc;

static struct fake_message copy_of(const void *data, size_t size)
{
	struct fake_message m = { .data = malloc(size + (size == 0)), .size = size };

	if (size > 0)
		memcpy(m.data, data, size);
	return m;
}

void fake_reset(void)
{
	for (size_t i = 0; i < fake_grpc.n_sent; i++)
		free(fake_grpc.sent[i].data);
	for (size_t i = 0; i < fake_grpc.n_waiting; i++)
		free(fake_grpc.waiting[i].data);
	free(fake_grpc.sent);
	free(fake_grpc.call);
	fake_grpc = (struct fake_grpc){ 0 };
}

const char *grpc_code_name(int code)
{
	return code == GRPC_UNAVAILABLE ? "UNAVAILABLE" : code == GRPC_NOT_FOUND ? "NOT_FOUND" : "CODE";
}

int grpc_channel_new(const struct grpc_channel_options *options, struct grpc_channel **ret_channel)
{
	fake_grpc.options = *options;
	*ret_channel = NULL;
	return 0;
}

const char *grpc_channel_peer(const struct grpc_channel *channel)
{
	return fake_grpc.call != NULL ? "grpc://server:1" : NULL;
}

void grpc_channel_refresh(struct grpc_channel *channel)
{
	fake_grpc.refreshed++;
}

int grpc_call_start(struct grpc_channel *channel, const struct grpc_call_options *options, struct grpc_call **ret_call)
{
	struct grpc_call *call = calloc(1, sizeof *call);
	size_t at = 0;

	if (fake_grpc.call != NULL)
		abort();
	call->ops = options->ops;
	call->arg = options->arg;
	snprintf(fake_grpc.path, sizeof fake_grpc.path, "%s", options->path);
	fake_grpc.metadata[0] = '\0';
	for (size_t i = 0; i < options->n_metadata; i++)
		at += (size_t)snprintf(fake_grpc.metadata + at, sizeof fake_grpc.metadata - at, "%s: %s\n",
				       options->metadata[i].name, options->metadata[i].value);
	fake_grpc.calls++;
	fake_grpc.paused = false;
	*ret_call = fake_grpc.call = call;
	return 0;
}

int grpc_call_send(struct grpc_call *call, const void *data, size_t size)
{
	if (call != fake_grpc.call)
		abort();
	fake_grpc.sent = realloc(fake_grpc.sent, (fake_grpc.n_sent + 1) * sizeof *fake_grpc.sent);
	fake_grpc.sent[fake_grpc.n_sent++] = copy_of(data, size);
	return 0;
}

void grpc_call_finish(struct grpc_call *call)
{
}

void grpc_call_resume(struct grpc_call *call)
{
	if (call != fake_grpc.call || !fake_grpc.paused)
		abort();
	fake_grpc.paused = false;
}

size_t grpc_call_pending(const struct grpc_call *call)
{
	return fake_grpc.pending;
}

static void drop_waiting(void)
{
	for (size_t i = 0; i < fake_grpc.n_waiting; i++)
		free(fake_grpc.waiting[i].data);
	fake_grpc.n_waiting = 0;
}

struct grpc_call *grpc_call_cancel(struct grpc_call *call)
{
	if (call == NULL)
		return NULL;
	if (call != fake_grpc.call)
		abort();
	fake_grpc.cancelled++;
	fake_grpc.call = NULL;
	drop_waiting();
	free(call);
	return NULL;
}

static struct fake_message handed;

uint8_t *grpc_call_take(struct grpc_call *call)
{
	uint8_t *data = handed.data;

	if (call != fake_grpc.call)
		abort();
	handed.data = NULL;
	return data;
}

static void hand_over(struct fake_message m)
{
	int r;

	handed = m;
	r = fake_grpc.call->ops->message(fake_grpc.call->arg, m.data, m.size);
	free(handed.data);
	handed.data = NULL;
	if (fake_grpc.call != NULL && r == GRPC_PAUSE)
		fake_grpc.paused = true;
}

void fake_send(const void *data, size_t size)
{
	struct fake_message m = copy_of(data, size);

	if (fake_grpc.call == NULL)
		abort();
	if (!fake_grpc.paused) {
		hand_over(m);
		return;
	}
	if (fake_grpc.n_waiting == sizeof fake_grpc.waiting / sizeof *fake_grpc.waiting)
		abort();
	fake_grpc.waiting[fake_grpc.n_waiting++] = m;
}

void fake_pump(void)
{
	while (fake_grpc.call != NULL && !fake_grpc.paused && fake_grpc.n_waiting > 0) {
		struct fake_message m = fake_grpc.waiting[0];

		fake_grpc.n_waiting--;
		memmove(fake_grpc.waiting, fake_grpc.waiting + 1, fake_grpc.n_waiting * sizeof m);
		hand_over(m);
	}
}

void fake_drained(void)
{
	if (fake_grpc.call->ops->drained != NULL)
		fake_grpc.call->ops->drained(fake_grpc.call->arg);
}

void fake_end(int code, const char *message, bool local, bool unprocessed)
{
	const struct grpc_status status = {
		.code = code, .message = message, .local = local, .unprocessed = unprocessed,
	};
	struct grpc_call *call = fake_grpc.call;

	if (call == NULL)
		abort();
	fake_grpc.call = NULL;
	drop_waiting();
	call->ops->end(call->arg, &status);
	free(call);
}
