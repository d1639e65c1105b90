/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is at the other end of a connection, and may that one read keys?  A loopback TCP peer is known
 * by the uid that owns its socket (sock_diag), a unix peer by SO_PEERCRED; the host says which uids
 * are allowed. Everyone else is refused. Asked once per connection, at the first request that needs
 * it; any doubt (no answer from the kernel, a socket without owner) means no.
 */
#ifndef ETCD_PEER_H
#define ETCD_PEER_H

#include <stdbool.h>
#include <stdint.h>

struct server;

struct peers {
	int netlink; /* NETLINK_SOCK_DIAG, owned; -1: none */
};

enum peer_verdict { PEER_UNASKED = 0, PEER_ALLOWED, PEER_DENIED };

/* Opens the netlink socket; without it every loopback peer is refused, which is logged then. */
void peers_init(struct peers *p);
void peers_deinit(struct peers *p);

/*
 * The uid that owns the other end of the connected socket fd. Returns 0 with the uid; -EPERM: the
 * peer is not on this machine; or a negative errno when the kernel knows no owner.
 */
int peer_uid(struct peers *p, int fd, uint32_t *ret_uid);

#define PEER_NAME_SIZE 64

/* Tells peers apart: local ones by uid, others by address (of IPv6 the network). `name`: for the log. */
uint64_t peer_name(struct peers *p, int fd, char name[PEER_NAME_SIZE]);

/* Does the host let the peer of fd in by its uid? */
bool peer_allowed(struct server *s, int fd);

/* Asks the host about the peer of fd; a refusal is logged with its remedy, at most once a minute for
 * the same uid. */
enum peer_verdict peer_check(struct server *s, int fd);

#endif
