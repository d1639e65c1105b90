/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gRPC client on one event loop (gRPC over HTTP/2, doc/PROTOCOL-HTTP2.md): one channel, any number of calls.
 *
 * A channel knows the servers, in the order of preference, and has at most one HTTP/2 connection that takes new
 * calls.  The first call connects: names are resolved anew, all addresses of a server are tried, then the next
 * server; when none answers, the calls that wait end with UNAVAILABLE and a text that names each failure.  After
 * GOAWAY the calls that the server still serves go on, and the next call gets a new connection.
 * The channel never tries again by itself: whoever makes the calls decides when (ads/, with its back-off).
 *
 * No function calls back from inside itself; every call-back comes from the event loop, and may start and cancel any
 * call or free the channel.
 */
#ifndef GRPC_GRPC_H
#define GRPC_GRPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "meshd/plugin.h"

struct grpc_channel;
struct grpc_call;

#define GRPC_MESSAGE_MAX (256u << 20)	/* default limit of one received message */
#define GRPC_KEEPALIVE_MS 30000
#define GRPC_KEEPALIVE_MIN_MS 15000	/* below, Kuma's server answers with too_many_pings (XDS.md 5) */

/* Status codes (gRPC doc/statuscodes.md). */
enum grpc_code {
	GRPC_OK = 0, GRPC_CANCELLED, GRPC_UNKNOWN, GRPC_INVALID_ARGUMENT, GRPC_DEADLINE_EXCEEDED, GRPC_NOT_FOUND,
	GRPC_ALREADY_EXISTS, GRPC_PERMISSION_DENIED, GRPC_RESOURCE_EXHAUSTED, GRPC_FAILED_PRECONDITION,
	GRPC_ABORTED, GRPC_OUT_OF_RANGE, GRPC_UNIMPLEMENTED, GRPC_INTERNAL, GRPC_UNAVAILABLE, GRPC_DATA_LOSS,
	GRPC_UNAUTHENTICATED, _GRPC_CODE_MAX,
};

/* "UNAVAILABLE"; a number that is none: "UNKNOWN". */
const char *grpc_code_name(int code);

/* How a call ended.  Borrowed for the call-back. */
struct grpc_status {
	int code;
	const char *message;	/* the server's words, or ours about the connection; never NULL */
	bool local;		/* made here: no answer, a broken connection, a rule of the protocol broken */
	bool unprocessed;	/* the server has done nothing of it (never sent, GOAWAY, REFUSED_STREAM) */
	int http;		/* of a plain call: the HTTP status; 0: there was no answer */
};

/* A server, as the operator writes it: grpc://HOST[:PORT], grpcs://HOST[:PORT], unix:/PATH, [v6] in brackets. */
struct grpc_target {
	bool tls;
	char host[256];		/* name or address, without brackets; "" for a Unix socket */
	uint16_t port;		/* default 80 and 443 */
	char path[108];		/* of a Unix socket; "" otherwise */
};

/* 0, or -EINVAL with what is wrong and what would be right in `why`. */
int grpc_target_parse(const char *text, struct grpc_target *ret_target, char *why, size_t why_size);

/* All strings are borrowed until grpc_channel_free(). */
struct grpc_channel_options {
	struct mesh_host *host;		/* its loop and its log */
	const char *const *servers;	/* at least one, as grpc_target_parse() takes them */
	size_t n_servers;
	/* Of grpcs://. Files are read again when they have changed, before each connection. */
	const char *ca;			/* PEM; NULL: the system's */
	const char *cert, *key;		/* both or none */
	const char *server_name;	/* SNI and name in the certificate; NULL: the host of the URL */
	bool skip_verify;		/* takes any certificate; one warning */
	size_t max_message;		/* 0: GRPC_MESSAGE_MAX */
	int64_t connect_ms;		/* per address, TLS included; 0: 10 s */
	int64_t keepalive_ms;		/* 0: GRPC_KEEPALIVE_MS; never below GRPC_KEEPALIVE_MIN_MS */
	const char *user_agent;		/* NULL: "meshd" */
};

/* 0, -EINVAL (a server that cannot be parsed), -ENOMEM, -EIO (TLS library). */
int grpc_channel_new(const struct grpc_channel_options *options, struct grpc_channel **ret_channel);
/* Ends all calls without their end() and closes the connection.  Accepts NULL, returns NULL. */
struct grpc_channel *grpc_channel_free(struct grpc_channel *channel);

/* The server that is connected ("grpcs://host:port (10.0.0.1)"), or NULL.  Borrowed until the loop's next turn. */
const char *grpc_channel_peer(const struct grpc_channel *channel);

/* The next call makes a new connection; calls under way stay on theirs. */
void grpc_channel_refresh(struct grpc_channel *channel);

struct grpc_metadata {
	const char *name, *value;	/* name in small letters; -bin values are base64 already */
};

/* message() may ask for a pause: nothing more is handed over, and the server's window is not opened again. */
#define GRPC_PAUSE 1

struct grpc_call_ops {
	/* The server has taken the call (its response headers are here).  May be NULL. */
	void (*opened)(void *arg);
	/* One message; borrowed for the call-back.  0 or GRPC_PAUSE. */
	int (*message)(void *arg, const uint8_t *data, size_t size);
	/* Everything that was sent has left.  May be NULL. */
	void (*drained)(void *arg);
	/* Once, and last; the call is gone when this returns. */
	void (*end)(void *arg, const struct grpc_status *status);
};

struct grpc_call_options {
	const char *path;			/* "/package.Service/Method" */
	const struct grpc_metadata *metadata;	/* copied */
	size_t n_metadata;
	int64_t deadline_ms;			/* from now; also sent as grpc-timeout; 0: none */
	/* No gRPC: JSON is posted, and message() gets what was answered, whatever the status, in one piece. */
	bool plain;
	const struct grpc_call_ops *ops;
	void *arg;
};

/* 0 or -ENOMEM. */
int grpc_call_start(struct grpc_channel *channel, const struct grpc_call_options *options,
		    struct grpc_call **ret_call);
/* Queues one message (copied); behind the end of the call it is thrown away.  0 or -ENOMEM. */
int grpc_call_send(struct grpc_call *call, const void *data, size_t size);
/* No more messages will be sent. */
void grpc_call_finish(struct grpc_call *call);
/*
 * Inside of message(), before a cancel: its bytes stay where they are and become the caller's, who frees what is
 * returned.  NULL: an empty message, or no memory was ever needed for it.
 */
uint8_t *grpc_call_take(struct grpc_call *call);
/* After GRPC_PAUSE. */
void grpc_call_resume(struct grpc_call *call);
/* Bytes that were queued and have not left. */
size_t grpc_call_pending(const struct grpc_call *call);
/* Ends it (RST_STREAM CANCEL) without end().  Accepts NULL, returns NULL.  Allowed inside of its own call-backs. */
struct grpc_call *grpc_call_cancel(struct grpc_call *call);

#endif
