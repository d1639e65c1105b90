/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of fixed errors and the mapping of gRPC codes to HTTP. Texts are etcd's own (rpctypes of
 * etcd 3.4), because clients recognise errors by them. Nothing here can fail.
 */
#include "apierr.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

static const struct {
	int code;
	const char *text;
} errors[_ERR_MAX] = {
	[ERR_EMPTY_KEY] = { GRPC_INVALID_ARGUMENT, "etcdserver: key is not provided" },
	[ERR_COMPACTED] = { GRPC_OUT_OF_RANGE,
			    "etcdserver: mvcc: required revision has been compacted" },
	[ERR_FUTURE] = { GRPC_OUT_OF_RANGE,
			 "etcdserver: mvcc: required revision is a future revision" },
	[ERR_DENIED] = { GRPC_PERMISSION_DENIED, "etcdserver: permission denied" },
	[ERR_BAD_SORT] = { GRPC_INVALID_ARGUMENT, "etcdserver: invalid sort option" },
	[ERR_AUTH_OFF] = { GRPC_FAILED_PRECONDITION, "etcdserver: authentication is not enabled" },
	[ERR_NO_USER] = { GRPC_INVALID_ARGUMENT, "etcdserver: user name is empty" },
	[ERR_BAD_LOGIN] = { GRPC_INVALID_ARGUMENT,
			    "etcdserver: authentication failed, invalid user ID or password" },
	[ERR_BAD_TOKEN] = { GRPC_UNAUTHENTICATED, "etcdserver: invalid auth token" },
	[ERR_NO_MEMORY] = { GRPC_RESOURCE_EXHAUSTED, "etcdserver: out of memory" },
	[ERR_STORE] = { GRPC_UNAVAILABLE, "etcdserver: the store cannot be read" },
	[ERR_TOO_MUCH_PENDING] = { GRPC_RESOURCE_EXHAUSTED,
				   "etcdserver: too much unread or unfinished data on this connection" },
	[ERR_TOO_MUCH_UNREAD] = { GRPC_RESOURCE_EXHAUSTED,
				  "etcdserver: clients leave too much unread" },
	[ERR_VALUE_GIVEN] = { GRPC_INVALID_ARGUMENT, "etcdserver: value is provided" },
	[ERR_LEASE_GIVEN] = { GRPC_INVALID_ARGUMENT, "etcdserver: lease is provided" },
	[ERR_NO_KEY] = { GRPC_INVALID_ARGUMENT, "etcdserver: key not found" },
	[ERR_NO_SUCH_LEASE] = { GRPC_NOT_FOUND, "etcdserver: requested lease not found" },
	[ERR_LEASE_EXISTS] = { GRPC_FAILED_PRECONDITION, "etcdserver: lease already exists" },
	[ERR_LONG_TTL] = { GRPC_OUT_OF_RANGE, "etcdserver: too large lease TTL" },
	[ERR_DUPLICATE_KEY] = { GRPC_INVALID_ARGUMENT,
				"etcdserver: duplicate key given in txn request" },
	[ERR_MANY_OPS] = { GRPC_INVALID_ARGUMENT,
			   "etcdserver: too many operations in txn request" },
	[ERR_TOO_LARGE] = { GRPC_INVALID_ARGUMENT, "etcdserver: request is too large" },
	[ERR_NO_SPACE] = { GRPC_RESOURCE_EXHAUSTED, "etcdserver: mvcc: database space exceeded" },
	[ERR_NOT_STORED] = { GRPC_UNAVAILABLE, "etcdserver: the store cannot be written" },
};

int apierr_set(struct apierr *err, enum apierr_id id)
{
	err->code = errors[id].code;
	err->early = false;
	snprintf(err->text, sizeof err->text, "%s", errors[id].text);
	err->detail[0] = '\0';
	return -EPROTO;
}

int apierr_setf(struct apierr *err, int code, const char *fmt, ...)
{
	va_list ap;

	err->code = code;
	err->early = false;
	err->detail[0] = '\0';
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof err->text, fmt, ap);
	va_end(ap);
	return -EPROTO;
}

int apierr_http_status(int code)
{
	static const int status[] = {
		[GRPC_OK] = 200, [GRPC_CANCELLED] = 408, [GRPC_UNKNOWN] = 500,
		[GRPC_INVALID_ARGUMENT] = 400, [4] = 504, [GRPC_NOT_FOUND] = 404, [6] = 409,
		[GRPC_PERMISSION_DENIED] = 403, [GRPC_RESOURCE_EXHAUSTED] = 429,
		[GRPC_FAILED_PRECONDITION] = 412, [10] = 409, [GRPC_OUT_OF_RANGE] = 400,
		[GRPC_UNIMPLEMENTED] = 501, [GRPC_INTERNAL] = 500, [GRPC_UNAVAILABLE] = 503,
		[15] = 500, [GRPC_UNAUTHENTICATED] = 401,
	};

	return code >= 0 && (size_t)code < ARRAY_SIZE(status) ? status[code] : 500;
}

const char *http_reason(int status)
{
	static const struct {
		int status;
		const char *reason;
	} reasons[] = {
		{ 200, "OK" }, { 400, "Bad Request" }, { 401, "Unauthorized" }, { 403, "Forbidden" },
		{ 404, "Not Found" }, { 405, "Method Not Allowed" }, { 408, "Request Timeout" },
		{ 409, "Conflict" }, { 412, "Precondition Failed" },
		{ 413, "Request Entity Too Large" }, { 417, "Expectation Failed" },
		{ 429, "Too Many Requests" }, { 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" }, { 501, "Not Implemented" },
		{ 503, "Service Unavailable" }, { 504, "Gateway Timeout" },
		{ 505, "HTTP Version Not Supported" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "Error";
}
