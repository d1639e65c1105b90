/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One look at a workload: does it take a connection, and if it is asked by HTTP, what does it answer?  When, and what
 * the results mean, is its user's affair (kuma/checks.c, xds/health.c).
 */
#ifndef PROBE_PROBE_H
#define PROBE_PROBE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct event_base;
struct probe;

struct probe_target {
	struct sockaddr_storage address;
	socklen_t address_len;
	const char *request;	/* HTTP/1.1, whole; NULL: a connection is enough. Borrowed until the end */
	int64_t timeout_ms;
};

/*
 * `status`: of the HTTP answer; 200 for a connection that was all that was asked for; 0: none, and `why` says
 * why.  `why` is borrowed, "" with any other status.
 */
typedef void (*probe_fn)(void *arg, int status, const char *why);

/* Is it an address of this machine? */
bool probe_is_local(const struct sockaddr_storage *address, socklen_t len);

/* Calls `fn` once, from the loop; the probe is gone then. 0 or -ENOMEM. */
int probe_start(struct event_base *base, const struct probe_target *target, probe_fn fn, void *arg,
		struct probe **ret_probe);
/* Without calling fn. Accepts NULL, returns NULL. */
struct probe *probe_free(struct probe *p);

#endif
