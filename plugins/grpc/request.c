/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes out on a call: the request's headers (gRPC doc/PROTOCOL-HTTP2.md, "Requests") and the user's messages,
 * which nghttp2 fetches as the server's window allows.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "connection.h"

#define FIXED_HEADERS 8

/* ---- headers ---- */

/* HTTP allows more; gRPC does not (PROTOCOL-HTTP2.md, Custom-Metadata). */
static bool name_ok(const char *name)
{
	return name[0] != '\0' && strncmp(name, "grpc-", 5) != 0 &&
	       name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.")] == '\0';
}

static bool value_ok(const char *value)
{
	for (; *value != '\0'; value++)
		if (*value < ' ' || *value > '~')
			return false;
	return true;
}

const char *request_check(const struct grpc_call_options *options)
{
	for (size_t i = 0; i < options->n_metadata; i++)
		if (!name_ok(options->metadata[i].name) || !value_ok(options->metadata[i].value))
			return options->metadata[i].name;
	return NULL;
}

static nghttp2_nv header(const char *name, const char *value)
{
	return (nghttp2_nv){
		.name = (uint8_t *)name, .namelen = strlen(name), .value = (uint8_t *)value, .valuelen = strlen(value),
	};
}

/* The server as the operator has named it, for virtual hosts and proxies. */
static void authority(const struct connection *c, char *out, size_t size)
{
	const struct grpc_target *t = c->target;
	const char *host = c->channel->server_name != NULL ? c->channel->server_name : t->host;
	bool v6 = strchr(host, ':') != NULL;

	if (t->path[0] != '\0')
		snprintf(out, size, "%s", host[0] != '\0' ? host : "localhost");
	else
		snprintf(out, size, "%s%s%s:%u", v6 ? "[" : "", host, v6 ? "]" : "", t->port);
}

/* At most eight digits and a unit. */
static void timeout(const struct grpc_call *call, char *out, size_t size)
{
	int64_t ms = MAX(call->deadline_at - now_ms(), 1);

	if (ms < 100000000)
		snprintf(out, size, "%lldm", (long long)ms);
	else
		snprintf(out, size, "%lldS", (long long)MIN(ms / 1000, 99999999));
}

/* nghttp2 has taken n bytes of what is queued. */
static void note_taken(struct grpc_call *call, size_t n)
{
	call->out_done += n;
	if (call->out_done < call->out.len)
		return;
	call->out_done = 0;
	if (call->out.cap > FRAME_KEEP)
		buf_deinit(&call->out);
	else
		buf_reset(&call->out);
	if (n == 0)
		return;
	call->tell_drained = true;
	call_ready(call);
}

static ssize_t on_read(nghttp2_session *session, int32_t stream, uint8_t *out, size_t length, uint32_t *flags,
		       nghttp2_data_source *source, void *user)
{
	struct grpc_call *call = nghttp2_session_get_stream_user_data(session, stream);
	size_t n;

	(void)source;
	(void)user;
	if (call == NULL)
		return NGHTTP2_ERR_DEFERRED;
	n = MIN(length, call->out.len - call->out_done);
	if (n > 0)
		memcpy(out, call->out.data + call->out_done, n);
	note_taken(call, n);
	if (call->out.len > 0)
		return (ssize_t)n;
	if (call->half_closed)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return n > 0 || call->half_closed ? (ssize_t)n : NGHTTP2_ERR_DEFERRED;
}

int request_submit(struct grpc_call *call, struct connection *c)
{
	nghttp2_data_provider provider = { .read_callback = on_read };
	nghttp2_nv *nv = calloc(FIXED_HEADERS + call->n_metadata, sizeof *nv);
	char host[300], wait[32];
	size_t n = 0;

	if (nv == NULL) {
		call_fail(call, GRPC_RESOURCE_EXHAUSTED, END_UNPROCESSED, "no memory for the request");
		return -ENOMEM;
	}
	authority(c, host, sizeof host);
	nv[n++] = header(":method", "POST");
	nv[n++] = header(":scheme", c->tls ? "https" : "http");
	nv[n++] = header(":path", call->path);
	nv[n++] = header(":authority", host);
	nv[n++] = call->plain ? header("accept", "application/json") : header("te", "trailers");
	if (call->deadline_ms > 0 && !call->plain) {
		timeout(call, wait, sizeof wait);
		nv[n++] = header("grpc-timeout", wait);
	}
	nv[n++] = header("content-type", call->plain ? "application/json" : "application/grpc");
	nv[n++] = header("user-agent", c->channel->user_agent);
	for (size_t i = 0; i < call->n_metadata; i++)
		nv[n++] = header(call->metadata[i].name, call->metadata[i].value);
	call->stream = nghttp2_submit_request(c->session, NULL, nv, n, &provider, call);
	free(nv);
	if (call->stream < 0) {
		call_fail(call, GRPC_UNAVAILABLE, END_UNPROCESSED, "the call could not be sent: %s",
			  nghttp2_strerror(call->stream));
		return -EIO;
	}
	connection_add(c, call);
	return 0;
}

void request_resume(struct grpc_call *call)
{
	if (call->connection == NULL)
		return;
	(void)nghttp2_session_resume_data(call->connection->session, call->stream);
	channel_wake(call->channel);
}
