/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The request that `meshctl explain` is asked about, as both routers see it: Envoy the bytes of the
 * request line and headers, nginx its variables.
 */
#ifndef MESHD_EXPLAIN_REQUEST_H
#define MESHD_EXPLAIN_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"

#define REQUEST_HEADERS_MAX 100

struct request_header {
	const char *name;		/* in lower case */
	const char *value;
};

/* All strings live in the arena that it was read into. */
struct request {
	const char *method;		/* "GET" */
	const char *scheme;		/* "http" or "https" */
	const char *authority;		/* the Host header; "" if none */
	const char *target;		/* path and query as sent: "/a?b=c" */
	const char *path;		/* without the query */
	const char *query;		/* NULL: no question mark */
	const char *to_ip;		/* NULL: any listener */
	uint32_t to_port;
	const char *from_ip;
	struct request_header headers[REQUEST_HEADERS_MAX];
	size_t n_headers;
};

/*
 * Reads METHOD URL [-H 'Name: value']… [--to IP:PORT] [--from IP].  URL: http://host[:port]/path, or a path with the
 * host in a Host header.  0; 2 wrong, with the sentence in `ret_why`; -ENOMEM.
 */
int request_read(int argc, char *const *argv, struct arena *arena, struct request *ret_request, char *ret_why,
		 size_t why_size);

/* All values of a header, joined with commas; NULL: not there. `name` in lower case. */
const char *request_header(const struct request *r, struct arena *arena, const char *name);

/* A query parameter's first value, raw; NULL: not there. *ret_bare: it has no "=". */
const char *request_query(const struct request *r, struct arena *arena, const char *name, bool *ret_bare);
/* NULL: not there. */
const char *request_cookie(const struct request *r, struct arena *arena, const char *name);

/* nginx's variable of that name, as APISIX evaluates it; NULL: not set. */
const char *request_var(const struct request *r, struct arena *arena, const char *name);

#endif
