/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses of a host, without blocking: itself when it is an address, /etc/hosts, then the nameservers of
 * /etc/resolv.conf, both read anew for each question. IPv4 comes before IPv6. Used by dial.c.
 */
#ifndef GRPC_RESOLVE_H
#define GRPC_RESOLVE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

struct event_base;
struct resolution;

#define ADDRESSES_MAX 32
/* After the addresses of one family are known, those of the other are waited for. */
#define RESOLVE_SECOND_MS 1000

struct address {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
		struct sockaddr_un local;
	};
	socklen_t size;
};

/* Of Unix sockets: the path. */
void address_text(const struct address *a, char *out, size_t size);
/* False: `host` is a name. */
bool address_parse(const char *host, uint16_t port, struct address *ret_address);

/* Where they are read; tests set others. */
extern const char *resolve_hosts_file, *resolve_conf_file;

/* n 0: none, `why` says why. Everything is borrowed; the resolution is gone when this returns. */
typedef void (*resolve_fn)(void *arg, const struct address *addresses, size_t n, const char *why);

/* Asks; the answer comes from the loop, within timeout_ms and a second. 0 or -ENOMEM. */
int resolve_start(struct event_base *base, const char *host, uint16_t port, int64_t timeout_ms, resolve_fn fn,
		  void *arg, struct resolution **ret_resolution);
/* There will be no answer. Accepts NULL, returns NULL. */
struct resolution *resolve_cancel(struct resolution *r);

/* In hosts.c: appends what the file says about the name; never more than ADDRESSES_MAX in all. */
void hosts_find(const char *path, const char *host, uint16_t port, struct address *addresses, size_t *n);

#endif
