/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Peer identity. The kernel is asked for exactly one socket: the client's own, seen from its side
 * (sock_diag(7)). A socket that its process has closed already has no inode and counts as uid 0
 * there, so an answer without an inode is no answer.
 */
#include "peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "server.h"

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_storage storage;
};

struct query {
	struct nlmsghdr header;
	struct inet_diag_req_v2 request;
};

void peers_init(struct peers *p)
{
	memset(p, 0, sizeof *p);
	p->netlink = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);
}

void peers_deinit(struct peers *p)
{
	if (p->netlink >= 0)
		close(p->netlink);
	p->netlink = -1;
}

/* ---- addresses ---- */

static bool is_loopback4(const void *address)
{
	return *(const uint8_t *)address == 127;
}

static bool is_loopback(const union address *a)
{
	if (a->any.sa_family == AF_INET)
		return is_loopback4(&a->v4.sin_addr);
	if (a->any.sa_family != AF_INET6)
		return false;
	if (IN6_IS_ADDR_V4MAPPED(&a->v6.sin6_addr))
		return is_loopback4(&a->v6.sin6_addr.s6_addr[12]);
	return IN6_IS_ADDR_LOOPBACK(&a->v6.sin6_addr);
}

/* Address and port in network order; a mapped address is given as the IPv4 one that it is. */
static int unpack(const union address *a, void *address, uint16_t *port)
{
	bool mapped = a->any.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&a->v6.sin6_addr);

	if (a->any.sa_family == AF_INET) {
		memcpy(address, &a->v4.sin_addr, 4);
		*port = a->v4.sin_port;
		return AF_INET;
	}
	memcpy(address, &a->v6.sin6_addr.s6_addr[mapped ? 12 : 0], mapped ? 4 : 16);
	*port = a->v6.sin6_port;
	return mapped ? AF_INET : AF_INET6;
}

/* ---- sock_diag ---- */

static int send_query(int netlink, const union address *client, const union address *server)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct query q = {
		.header = { .nlmsg_len = sizeof q, .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			    .nlmsg_flags = NLM_F_REQUEST },
		.request = { .sdiag_protocol = IPPROTO_TCP, .idiag_states = ~0u,
			     .id = { .idiag_cookie = { INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE } } },
	};
	int family = unpack(client, q.request.id.idiag_src, &q.request.id.idiag_sport);

	if (unpack(server, q.request.id.idiag_dst, &q.request.id.idiag_dport) != family)
		return -EINVAL;
	q.request.sdiag_family = (uint8_t)family;
	if (sendto(netlink, &q, sizeof q, 0, (struct sockaddr *)&kernel, sizeof kernel) < 0)
		return -errno;
	return 0;
}

static int read_answer(const void *data, size_t size, uint32_t *ret_uid)
{
	const struct nlmsghdr *h = data;
	const struct inet_diag_msg *m;

	if (size < sizeof *h || h->nlmsg_len > size || h->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
	    h->nlmsg_len < NLMSG_LENGTH(sizeof *m))
		return -ESRCH;
	m = NLMSG_DATA(h);
	if (m->idiag_inode == 0)
		return -ESRCH;
	*ret_uid = m->idiag_uid;
	return 0;
}

/* What an earlier, failed exchange may have left must not answer this one. */
static void discard_answers(int netlink)
{
	uint8_t rest[64];

	while (recv(netlink, rest, sizeof rest, MSG_TRUNC) > 0)
		;
}

static int diag_uid(int netlink, const union address *client, const union address *server,
		    uint32_t *ret_uid)
{
	union {
		struct nlmsghdr align;
		uint8_t bytes[4096];
	} answer;
	ssize_t n;
	int r;

	if (netlink < 0)
		return -ENOTCONN;
	discard_answers(netlink);
	r = send_query(netlink, client, server);
	if (r < 0)
		return r;
	/* The kernel answers within the send, so there is nothing to wait for. */
	n = recv(netlink, &answer, sizeof answer, 0);
	return n < 0 ? -errno : read_answer(&answer, (size_t)n, ret_uid);
}

int peer_uid(struct peers *p, int fd, uint32_t *ret_uid)
{
	union address client = { 0 }, server = { 0 };
	socklen_t client_size = sizeof client, server_size = sizeof server, size;
	struct ucred cred;

	if (getpeername(fd, &client.any, &client_size) < 0 ||
	    getsockname(fd, &server.any, &server_size) < 0)
		return -errno;
	if (server.any.sa_family == AF_UNIX) {
		size = sizeof cred;
		if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0)
			return -errno;
		*ret_uid = cred.uid;
		return 0;
	}
	if (!is_loopback(&client))
		return -EPERM;
	return diag_uid(p->netlink, &client, &server, ret_uid);
}

uint64_t peer_name(struct peers *p, int fd, char name[PEER_NAME_SIZE])
{
	union address client = { 0 };
	socklen_t size = sizeof client;
	uint8_t address[16] = { 0 };
	uint64_t key = 0;
	uint32_t uid;
	uint16_t port;
	int family;

	if (peer_uid(p, fd, &uid) == 0) {
		snprintf(name, PEER_NAME_SIZE, "uid %u", uid);
		return UINT64_C(1) << 32 | uid;
	}
	snprintf(name, PEER_NAME_SIZE, "an unknown peer");
	if (getpeername(fd, &client.any, &size) < 0 || client.any.sa_family == AF_UNIX)
		return 0;
	family = unpack(&client, address, &port);
	(void)inet_ntop(family, address, name, PEER_NAME_SIZE);
	memcpy(&key, address, sizeof key);
	return key;
}

/* ---- the verdict ---- */

/* How else a peer could be let in, as it is configured. */
static const char *other_way(const struct server *s)
{
	if (auth_enabled(&s->auth))
		return "let it log in as one of frontend.options.users";
	return "let it log in (frontend.options.users) or show a certificate (tls.client_ca)";
}

static void log_refusal(struct server *s, int r, uint32_t uid)
{
	if (r == 0 && loglimit_allow(&s->log, uid))
		mesh_log(s->host, MESH_WARN,
			 "etcd: refused uid %u, which may not read secrets; to let it in, add %u to "
			 "frontend.options.allow_uids, or %s", uid, uid, other_way(s));
	else if (r == -EPERM && loglimit_allow(&s->log, LOG_REMOTE_PEER))
		mesh_log(s->host, MESH_WARN, "etcd: refused a peer that is not on this machine; %s",
			 other_way(s));
	else if (r < 0 && r != -EPERM && loglimit_allow(&s->log, LOG_UNKNOWN_PEER))
		mesh_log(s->host, MESH_WARN,
			 "etcd: refused a local peer whose owner cannot be found: %s; sock_diag must "
			 "be available", strerror(-r));
}

static bool ask(struct server *s, int fd, int *ret_error, uint32_t *ret_uid)
{
	*ret_error = peer_uid(&s->peers, fd, ret_uid);
	return *ret_error == 0 && s->host->ops->uid_allowed(s->host, *ret_uid);
}

bool peer_allowed(struct server *s, int fd)
{
	uint32_t uid = 0;
	int r;

	return ask(s, fd, &r, &uid);
}

enum peer_verdict peer_check(struct server *s, int fd)
{
	uint32_t uid = 0;
	int r;

	if (ask(s, fd, &r, &uid))
		return PEER_ALLOWED;
	log_refusal(s, r, uid);
	return PEER_DENIED;
}
