/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes in on a call. The bytes of a message are put together as they arrive, and their window is given back at
 * once; what comes behind a complete message, or while the user has asked for a pause, is held and keeps its window
 * shut.
 */
#include <nghttp2/nghttp2.h>

#include "connection.h"

#define PLAIN_MAX (1 << 20)	/* bytes of the answer to a plain call */

/* ---- headers ---- */

void response_header(struct grpc_call *call, const char *name, size_t name_len, const char *value, size_t len)
{
	if (!answer_header(&call->answer, name, name_len, value, len))
		call_fail(call, GRPC_RESOURCE_EXHAUSTED, 0, "the server's headers are larger than %d KB",
			  ANSWER_HEADERS_MAX / 1024);
}

static void finish_plain(struct grpc_call *call)
{
	int http = call->answer.http;

	call_fail(call, http == 200 ? GRPC_OK : status_of_http(http), END_BY_SERVER, "HTTP status %d", http);
	call->status.local = false;
	call->status.http = http;
}

/* The server has had its last word. */
static void finish(struct grpc_call *call)
{
	char text[STATUS_TEXT_MAX];
	bool local;
	int code;

	if (call->plain) {
		finish_plain(call);
		return;
	}
	code = answer_status(&call->answer, text, sizeof text, &local);

	call_fail(call, code, END_BY_SERVER, "%s", text);
	call->status.local = local;
}

void response_headers_end(struct grpc_call *call, bool last)
{
	bool opened = call->answer.opened;

	answer_headers_end(&call->answer);
	call->answer.foreign = call->answer.foreign && !call->plain;
	if (last) {
		finish(call);
	} else if (!opened && call->answer.opened && !call->answer.foreign) {
		call->tell_opened = true;
		call_ready(call);
	}
	call->progress_at = now_ms();
}

/* ---- messages ---- */

static void fail_frame(struct grpc_call *call, int r)
{
	const char *encoding = call->answer.encoding;

	switch (r) {
	case FRAME_COMPRESSED:
		call_fail(call, GRPC_INTERNAL, END_AT_ONCE, "the server has sent a compressed message (%s), though "
			  "we have offered no compression; switch it off "
			  "there", encoding[0] != '\0' ? encoding : "without naming how");
		break;
	case FRAME_FLAG:
		call_fail(call, GRPC_INTERNAL, END_AT_ONCE, "the server's bytes are no gRPC message: they begin "
			  "with 0x%02x",
			  call->frame.prefix[0]);
		break;
	case FRAME_TOO_LARGE:
		call_fail(call, GRPC_RESOURCE_EXHAUSTED, END_AT_ONCE, "the server announces a message of %zu bytes, "
			  "and at most %zu are taken; raise max_message if that is right", frame_size(&call->frame),
			  call->channel->max_message);
		break;
	default:
		call_fail(call, GRPC_RESOURCE_EXHAUSTED, END_AT_ONCE, "no memory for a message of %zu bytes",
			  frame_size(&call->frame));
		break;
	}
}

/* Bytes that have been taken into the message; 0 when the call has failed by them. */
static size_t take(struct grpc_call *call, const uint8_t *data, size_t len)
{
	size_t used = 0;
	int r = frame_feed(&call->frame, data, len, call->channel->max_message, &used);

	if (r != 0) {
		fail_frame(call, r);
		frame_deinit(&call->frame);
		return 0;
	}
	if (call->connection != NULL)
		connection_consume(call->connection, call->stream, used);
	if (frame_complete(&call->frame))
		call_ready(call);
	return used;
}

static void hold(struct grpc_call *call, const uint8_t *data, size_t len)
{
	if (len > 0 && buf_append(&call->held, data, len) < 0)
		call_fail(call, GRPC_RESOURCE_EXHAUSTED, 0, "no memory for the server's messages");
}

static void take_page(struct grpc_call *call, const uint8_t *data, size_t len)
{
	connection_consume(call->connection, call->stream, len);
	if (answer_body(&call->answer, data, len))
		finish(call);
}

/* It all stays until the end; the window is given back at once. */
static void take_plain(struct grpc_call *call, const uint8_t *data, size_t len)
{
	connection_consume(call->connection, call->stream, len);
	if (len > PLAIN_MAX - call->held.len)
		call_fail(call, GRPC_RESOURCE_EXHAUSTED, END_AT_ONCE, "the answer is larger than %d KB",
			  PLAIN_MAX / 1024);
	else
		hold(call, data, len);
	call->held_done = call->held.len;
}

void response_data(struct grpc_call *call, const uint8_t *data, size_t len)
{
	bool waits = call->paused || call->held.len > 0 || frame_complete(&call->frame);
	struct connection *c = call->connection;
	int32_t stream = call->stream;
	size_t used;

	call->progress_at = now_ms();
	if (call->answer.foreign) {
		take_page(call, data, len);
		return;
	}
	if (call->plain) {
		take_plain(call, data, len);
		return;
	}
	used = waits ? 0 : take(call, data, len);
	if (call->ended)
		connection_consume(c, stream, len);
	else
		hold(call, data + used, len - used);
}

bool response_next(struct grpc_call *call)
{
	struct buf *held = &call->held;

	if (call->plain)
		return false;
	while (!frame_complete(&call->frame) && call->held_done < held->len && !call->at_once) {
		size_t used = take(call, held->data + call->held_done, held->len - call->held_done);

		/* Of no use, whatever the call has ended by. */
		call->held_done = used > 0 ? call->held_done + used : held->len;
	}
	if (call->held_done == held->len) {
		buf_deinit(held);
		call->held_done = 0;
	}
	return frame_complete(&call->frame) && !call->at_once;
}

bool response_cut(const struct grpc_call *call)
{
	return !call->plain && (frame_begun(&call->frame) || call->held.len > 0);
}

/* ---- the end of the stream ---- */

void response_end(struct grpc_call *call)
{
	finish(call);
}

void response_closed(struct grpc_call *call, uint32_t error)
{
	bool refused = error == NGHTTP2_REFUSED_STREAM;
	struct connection *c = call->connection;

	call->stream = 0;
	if (call->answer.foreign)
		finish(call);
	else if (refused && !call->reset_by_peer)
		call_fail(call, GRPC_UNAVAILABLE, END_UNPROCESSED, "%s has not taken the call: %s", c->peer,
			  c->detail[0] != '\0' ? c->detail : "it is leaving");
	else if (call->reset_by_peer)
		call_fail(call, status_of_reset(error), refused ? END_UNPROCESSED : 0,
			  "%s has ended the call by RST_STREAM %s", c->peer, nghttp2_http2_strerror(error));
	else
		call_fail(call, GRPC_INTERNAL, 0, "%s has broken the rules of HTTP/2 (%s)%s%s", c->peer,
			  nghttp2_http2_strerror(error), c->detail[0] != '\0' ? ": " : "", c->detail);
}
