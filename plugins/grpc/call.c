/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a call: what its user asks for, what its user is told, and its end. Users are told from the channel's
 * work alone; they may cancel the call, start others or free the channel from there.
 */
#include "call.h"

#include <errno.h>
#include <event2/event.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "connection.h"

/* ---- ends ---- */

void call_ready(struct grpc_call *call)
{
	if (!call->ready)
		TAILQ_INSERT_TAIL(&call->channel->ready, call, in_ready);
	call->ready = true;
	channel_wake(call->channel);
}

/* Tells the server that the stream is over, unless both sides know it. */
static void reset_stream(struct grpc_call *call, bool by_server)
{
	nghttp2_session *session = call->connection->session;

	if (call->stream <= 0 || (by_server && nghttp2_session_get_stream_local_close(session, call->stream) == 1))
		return;
	(void)nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, call->stream,
					by_server ? NGHTTP2_NO_ERROR : NGHTTP2_CANCEL);
	channel_wake(call->channel);
}

/* It is no longer a stream, nor waits to become one. */
static void detach(struct grpc_call *call, bool by_server)
{
	struct connection *c = call->connection;

	if (call->waiting) {
		TAILQ_REMOVE(&call->channel->waiting, call, in_waiting);
		channel_wake(call->channel);
	}
	call->waiting = false;
	if (c == NULL)
		return;
	connection_consume(c, call->stream, call->held.len - call->held_done);
	reset_stream(call, by_server);
	(void)nghttp2_session_set_stream_user_data(c->session, call->stream, NULL);
	connection_remove(c, call);
}

void call_fail(struct grpc_call *call, int code, unsigned flags, const char *fmt, ...)
{
	va_list ap;

	if (call->ended && call->status.code != GRPC_OK)
		return;
	va_start(ap, fmt);
	vsnprintf(call->text, sizeof call->text, fmt, ap);
	va_end(ap);
	call->ended = true;
	call->at_once = (flags & END_AT_ONCE) != 0;
	call->status = (struct grpc_status){
		.code = code,
		.message = call->text,
		.local = true,
		.unprocessed = (flags & END_UNPROCESSED) != 0,
	};
	event_del(&call->deadline);
	detach(call, (flags & END_BY_SERVER) != 0);
	call_ready(call);
}

static void free_request(struct grpc_call *call)
{
	for (size_t i = 0; call->metadata != NULL && i < call->n_metadata; i++) {
		free((char *)call->metadata[i].name);
		free((char *)call->metadata[i].value);
	}
	free(TAKE(call->metadata));
	free(TAKE(call->path));
}

struct grpc_call *call_free(struct grpc_call *call)
{
	struct grpc_channel *channel = call->channel;

	if (channel->called == call)
		channel->called = NULL;
	event_del(&call->deadline);
	detach(call, false);
	if (call->ready)
		TAILQ_REMOVE(&channel->ready, call, in_ready);
	TAILQ_REMOVE(&channel->calls, call, in_channel);
	free_request(call);
	answer_deinit(&call->answer);
	frame_deinit(&call->frame);
	buf_deinit(&call->held);
	buf_deinit(&call->out);
	free(call);
	return NULL;
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct grpc_call *call = arg;

	(void)fd;
	(void)what;
	call_fail(call, GRPC_DEADLINE_EXCEEDED, END_AT_ONCE, "%s within %lld ms", call->connection == NULL
		  ? "no server could be connected to" : "the server has not finished the call",
		  (long long)call->deadline_ms);
}

/* ---- what the user is told ---- */

static bool take_flag(bool *flag)
{
	bool was = *flag;

	*flag = false;
	return was;
}

/* The buffer is taken out of the call, so that it outlives a cancel inside of message(). */
static void hand_over(struct grpc_call *call)
{
	struct grpc_channel *channel = call->channel;
	struct frame f = call->frame;
	int r;

	memset(&call->frame, 0, sizeof call->frame);
	call->handed = &f;
	r = call->ops->message(call->arg, f.data != NULL ? f.data : f.prefix, f.size);
	if (channel->called != call) {
		frame_deinit(&f);
		return;
	}
	call->handed = NULL;
	frame_next(&f);
	call->frame = f;
	call->paused = r == GRPC_PAUSE;
}

uint8_t *grpc_call_take(struct grpc_call *call)
{
	uint8_t *data = call->handed != NULL ? call->handed->data : NULL;

	if (data != NULL) {
		call->handed->data = NULL;
		call->handed->cap = 0;
	}
	return data;
}

static void tell_end(struct grpc_call *call)
{
	struct grpc_channel *channel = call->channel;

	if (call->plain && call->held.len > 0 && !call->at_once)
		(void)call->ops->message(call->arg, call->held.data, call->held.len);
	if (channel->called != call)
		return;
	if (call->status.code == GRPC_OK && response_cut(call))
		call_fail(call, GRPC_INTERNAL, END_AT_ONCE, "the server has ended the call in the middle of a message");
	call->ops->end(call->arg, &call->status);
	if (channel->called == call)
		call_free(call);
}

void call_deliver(struct grpc_call *call)
{
	struct grpc_channel *channel = call->channel;

	channel->called = call;
	if (take_flag(&call->tell_opened) && call->ops->opened != NULL)
		call->ops->opened(call->arg);
	while (channel->called == call && !call->paused && response_next(call))
		hand_over(call);
	if (channel->called == call && take_flag(&call->tell_drained) && !call->ended && call->ops->drained != NULL)
		call->ops->drained(call->arg);
	if (channel->called == call && call->ended && (call->at_once || !call->paused))
		tell_end(call);
	channel->called = NULL;
}

/* ---- what the user asks for ---- */

static int copy_metadata(struct grpc_call *call, const struct grpc_call_options *o)
{
	call->path = strdup(o->path);
	call->metadata = calloc(o->n_metadata + 1, sizeof *call->metadata);
	if (call->path == NULL || call->metadata == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < o->n_metadata; i++) {
		call->n_metadata = i + 1;
		call->metadata[i].name = strdup(o->metadata[i].name);
		call->metadata[i].value = strdup(o->metadata[i].value);
		if (call->metadata[i].name == NULL || call->metadata[i].value == NULL)
			return -ENOMEM;
	}
	return 0;
}

static void set_deadline(struct grpc_call *call)
{
	struct timeval delay = { .tv_sec = call->deadline_ms / 1000, .tv_usec = call->deadline_ms % 1000 * 1000 };

	event_assign(&call->deadline, call->channel->base, -1, 0, on_deadline, call);
	call->deadline_at = now_ms() + call->deadline_ms;
	if (call->deadline_ms > 0)
		event_add(&call->deadline, &delay);
}

int grpc_call_start(struct grpc_channel *channel, const struct grpc_call_options *options, struct grpc_call **ret_call)
{
	struct grpc_call *call = calloc(1, sizeof *call);
	const char *bad = request_check(options);

	if (call == NULL)
		return -ENOMEM;
	call->channel = channel;
	call->ops = options->ops;
	call->arg = options->arg;
	call->answer = (struct answer)ANSWER_INIT;
	call->deadline_ms = options->deadline_ms;
	call->plain = options->plain;
	set_deadline(call);
	TAILQ_INSERT_TAIL(&channel->calls, call, in_channel);
	TAILQ_INSERT_TAIL(&channel->waiting, call, in_waiting);
	call->waiting = true;
	if (copy_metadata(call, options) < 0) {
		call_free(call);
		return -ENOMEM;
	}
	if (bad != NULL)
		call_fail(call, GRPC_INVALID_ARGUMENT, END_UNPROCESSED, "the header '%s' cannot be sent: a name "
			  "consists of small letters, digits, '-', '_' and '.', and a value of printable ASCII in "
			  "one line", bad);
	channel_wake(channel);
	*ret_call = call;
	return 0;
}

int grpc_call_send(struct grpc_call *call, const void *data, size_t size)
{
	uint8_t prefix[FRAME_PREFIX] = { 0, (uint8_t)(size >> 24), (uint8_t)(size >> 16), (uint8_t)(size >> 8),
					 (uint8_t)size };

	if (call->ended)
		return 0;
	if (call->plain) {
		request_resume(call);
		return buf_append(&call->out, data, size);
	}
	if (size > UINT32_MAX || buf_reserve(&call->out, sizeof prefix + size) < 0)
		return -ENOMEM;
	buf_append(&call->out, prefix, sizeof prefix);
	buf_append(&call->out, data, size);
	request_resume(call);
	return 0;
}

void grpc_call_finish(struct grpc_call *call)
{
	call->half_closed = true;
	request_resume(call);
}

void grpc_call_resume(struct grpc_call *call)
{
	if (!call->paused)
		return;
	call->paused = false;
	call->progress_at = now_ms();
	call_ready(call);
}

size_t grpc_call_pending(const struct grpc_call *call)
{
	return call->out.len - call->out_done;
}

struct grpc_call *grpc_call_cancel(struct grpc_call *call)
{
	return call != NULL ? call_free(call) : NULL;
}
