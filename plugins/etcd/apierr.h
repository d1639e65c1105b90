/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors as etcd's API knows them: a gRPC status code and a text that clients compare byte for byte.
 * The fixed ones are a table; what the request reader finds has a text of its own. The gateway and
 * the gRPC side turn one struct apierr into their wire forms.
 */
#ifndef ETCD_APIERR_H
#define ETCD_APIERR_H

#include <stdbool.h>

#include "cleanup.h"

/* gRPC status codes (grpc.io, "Status codes and their use in gRPC"). */
enum grpc_code {
	GRPC_OK = 0,
	GRPC_CANCELLED = 1,
	GRPC_UNKNOWN = 2,
	GRPC_INVALID_ARGUMENT = 3,
	GRPC_NOT_FOUND = 5,
	GRPC_PERMISSION_DENIED = 7,
	GRPC_RESOURCE_EXHAUSTED = 8,
	GRPC_FAILED_PRECONDITION = 9,
	GRPC_OUT_OF_RANGE = 11,
	GRPC_UNIMPLEMENTED = 12,
	GRPC_INTERNAL = 13,
	GRPC_UNAVAILABLE = 14,
	GRPC_UNAUTHENTICATED = 16,
};

enum apierr_id {
	ERR_EMPTY_KEY = 0,
	ERR_COMPACTED,
	ERR_FUTURE,
	ERR_DENIED,
	ERR_BAD_SORT,
	ERR_AUTH_OFF,
	ERR_NO_USER,
	ERR_BAD_LOGIN,
	ERR_BAD_TOKEN,
	ERR_NO_MEMORY,
	ERR_STORE,
	ERR_TOO_MUCH_PENDING,
	ERR_TOO_MUCH_UNREAD,
	ERR_VALUE_GIVEN,
	ERR_LEASE_GIVEN,
	ERR_NO_KEY,
	ERR_NO_SUCH_LEASE,
	ERR_LEASE_EXISTS,
	ERR_LONG_TTL,
	ERR_DUPLICATE_KEY,
	ERR_MANY_OPS,
	ERR_TOO_LARGE,
	ERR_NO_SPACE,
	ERR_NOT_STORED,
	_ERR_MAX,
};

struct apierr {
	int code;          /* enum grpc_code */
	bool early;        /* found by the gateway itself: its JSON answer has no trailers */
	char text[256];    /* what clients compare */
	char detail[256];  /* for people; "" when the text says all */
};

/* Fills *err with a fixed error. Returns -EPROTO, so that a handler can `return apierr_set(...)`. */
int apierr_set(struct apierr *err, enum apierr_id id);

/* As apierr_set(), with a text of its own. */
int apierr_setf(struct apierr *err, int code, const char *fmt, ...) _printf_(3, 4);

/* HTTP status of a gRPC code, as grpc-gateway maps it. */
int apierr_http_status(int code);

/* Reason phrase of an HTTP status that this server sends. */
const char *http_reason(int status);

#endif
