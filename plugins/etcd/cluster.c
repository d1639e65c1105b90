/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one member, whose client URLs are the addresses that this server listens on, and the alarms,
 * of which there are none. Fails only for lack of memory.
 */
#include "cluster.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "out.h"
#include "server.h"

#define MEMBER_NAME "meshd"

struct url {
	char text[160];
};

static void ipv4_url(struct url *url, const char *scheme, const struct sockaddr_in *a)
{
	char host[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &a->sin_addr, host, sizeof host);
	snprintf(url->text, sizeof url->text, "%s://%s:%u", scheme, host, ntohs(a->sin_port));
}

static void ipv6_url(struct url *url, const char *scheme, const struct sockaddr_in6 *a)
{
	char host[INET6_ADDRSTRLEN];

	inet_ntop(AF_INET6, &a->sin6_addr, host, sizeof host);
	snprintf(url->text, sizeof url->text, "%s://[%s]:%u", scheme, host, ntohs(a->sin6_port));
}

/* "" for what has no address. */
static void socket_url(int fd, const char *scheme, struct url *url)
{
	struct sockaddr_storage a = { .ss_family = AF_UNSPEC };
	socklen_t size = sizeof a;

	url->text[0] = '\0';
	if (getsockname(fd, (struct sockaddr *)&a, &size) < 0)
		return;
	if (a.ss_family == AF_INET)
		ipv4_url(url, scheme, (const struct sockaddr_in *)&a);
	else if (a.ss_family == AF_INET6)
		ipv6_url(url, scheme, (const struct sockaddr_in6 *)&a);
	else if (a.ss_family == AF_UNIX)
		snprintf(url->text, sizeof url->text, "unix://%s",
			 ((const struct sockaddr_un *)&a)->sun_path);
}

static void add_urls(struct server *s, struct out *o)
{
	size_t n = s->host->ops->listen_count(s->host);
	const char *scheme = s->tls.ctx != NULL ? "https" : "http", *address;
	struct url url;

	out_list(o, 4, "clientURLs");
	for (size_t i = 0; i < n; i++) {
		socket_url(s->host->ops->listen_fd(s->host, i, &address), scheme, &url);
		out_text(o, 0, NULL, url.text);
	}
	out_list_end(o);
}

static int finish(struct out *o, struct body **ret_body)
{
	out_end(o);
	*ret_body = body_take(o->b);
	return *ret_body != NULL ? 0 : -ENOMEM;
}

int cluster_call_members(struct server *s, const union request *req, const struct form *form,
			 struct body **ret_body, struct apierr *err)
{
	struct buf b = BUF_INIT;
	struct out o;

	(void)req;
	(void)err;
	out_begin(&o, &b, form);
	out_header(&o, &s->ids, 0);
	out_list(&o, 2, "members");
	out_open(&o, 0, NULL);
	out_int(&o, 1, "ID", (int64_t)s->ids.member);
	out_text(&o, 2, "name", MEMBER_NAME);
	add_urls(s, &o);
	out_close(&o);
	out_list_end(&o);
	return finish(&o, ret_body);
}

/* Nobody can raise one here; asking and clearing finds none, as etcd answers it. */
int cluster_call_alarm(struct server *s, const union request *req, const struct form *form,
		       struct body **ret_body, struct apierr *err)
{
	enum { ALARM_ACTIVATE = 1 };
	struct buf b = BUF_INIT;
	struct out o;

	(void)s;
	if (req->alarm.action == ALARM_ACTIVATE)
		return apierr_setf(err, GRPC_UNIMPLEMENTED, "etcdserver: there are no alarms here");
	out_begin(&o, &b, form);
	return finish(&o, ret_body);
}
