/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks for IPv4 and IPv6 addresses at once. libevent's evdns_getaddrinfo() is not used: what it leaves behind when it
 * is cancelled needs its evdns_base for longer than anybody can tell; a single question needs only its own few bytes.
 */
#include "resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"

const char *resolve_hosts_file = "/etc/hosts", *resolve_conf_file = "/etc/resolv.conf";

enum { V4 = 0, V6, _FAMILIES };

struct question {
	struct resolution *resolution;	/* NULL: nobody waits for the answer */
	struct evdns_request *request;
	int family;
};

struct resolution {
	struct event_base *base;
	struct evdns_base *dns;		/* owned; NULL: the answer is known */
	struct question *questions[_FAMILIES];	/* each frees itself when its answer comes */
	struct event timer;
	uint16_t port;
	struct address addresses[ADDRESSES_MAX];
	size_t n;
	char why[512];
	resolve_fn fn;
	void *arg;
};

/* ---- addresses ---- */

void address_text(const struct address *a, char *out, size_t size)
{
	out[0] = '\0';
	if (a->any.sa_family == AF_INET)
		inet_ntop(AF_INET, &a->v4.sin_addr, out, (socklen_t)size);
	else if (a->any.sa_family == AF_INET6)
		inet_ntop(AF_INET6, &a->v6.sin6_addr, out, (socklen_t)size);
	else
		snprintf(out, size, "%s", a->local.sun_path);
}

bool address_parse(const char *host, uint16_t port, struct address *ret_address)
{
	struct address a = { 0 };

	if (inet_pton(AF_INET, host, &a.v4.sin_addr) == 1) {
		a.v4.sin_family = AF_INET;
		a.v4.sin_port = htons(port);
		a.size = sizeof a.v4;
	} else if (inet_pton(AF_INET6, host, &a.v6.sin6_addr) == 1) {
		a.v6.sin6_family = AF_INET6;
		a.v6.sin6_port = htons(port);
		a.size = sizeof a.v6;
	} else {
		return false;
	}
	*ret_address = a;
	return true;
}

static void add_v4(struct resolution *r, const void *address)
{
	struct address a = { .v4 = { .sin_family = AF_INET, .sin_port = htons(r->port) }, .size = sizeof a.v4 };

	memcpy(&a.v4.sin_addr, address, sizeof a.v4.sin_addr);
	r->addresses[r->n++] = a;
}

static void add_v6(struct resolution *r, const void *address)
{
	struct address a = { .v6 = { .sin6_family = AF_INET6, .sin6_port = htons(r->port) }, .size = sizeof a.v6 };

	memcpy(&a.v6.sin6_addr, address, sizeof a.v6.sin6_addr);
	r->addresses[r->n++] = a;
}

static const struct {
	size_t size;
	void (*add)(struct resolution *r, const void *address);
} families[_FAMILIES] = {
	[V4] = { 4, add_v4 },
	[V6] = { 16, add_v6 },
};

/* ---- the end ---- */

static void forget_questions(struct resolution *r)
{
	for (int i = 0; i < _FAMILIES; i++) {
		struct question *q = TAKE(r->questions[i]);

		if (q == NULL)
			continue;
		q->resolution = NULL;
		evdns_cancel_request(r->dns, q->request);
	}
}

struct resolution *resolve_cancel(struct resolution *r)
{
	if (r == NULL)
		return NULL;
	forget_questions(r);
	if (r->dns != NULL)
		evdns_base_free(r->dns, 0);
	event_del(&r->timer);
	free(r);
	return NULL;
}

static int v4_first(const void *a, const void *b)
{
	const struct address *x = a, *y = b;

	return (x->any.sa_family == AF_INET6) - (y->any.sa_family == AF_INET6);
}

static void finish(struct resolution *r)
{
	qsort(r->addresses, r->n, sizeof r->addresses[0], v4_first);
	r->fn(r->arg, r->addresses, r->n, r->n > 0 ? NULL : r->why);
	resolve_cancel(r);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	finish(arg);
}

static void finish_in(struct resolution *r, int64_t ms)
{
	struct timeval delay = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	event_add(&r->timer, &delay);
}

/* ---- nameservers ---- */

/* What an operator is told; the better known reason of the two families stays. */
static void explain(struct resolution *r, int error)
{
	static const struct {
		int error;
		const char *text;
	} rows[] = {
		{ DNS_ERR_NOTEXIST, "the name does not exist; correct it, or add it to the DNS or to /etc/hosts" },
		{ DNS_ERR_NONE, "the name has no address" },
		{ DNS_ERR_NODATA, "the name has no address" },
		{ DNS_ERR_TIMEOUT, "no nameserver of /etc/resolv.conf answers" },
		{ DNS_ERR_SERVERFAILED, "the nameserver of /etc/resolv.conf says that it has failed" },
		{ DNS_ERR_REFUSED, "the nameserver of /etc/resolv.conf refuses to answer" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].error == error) {
			snprintf(r->why, sizeof r->why, "%s", rows[i].text);
			return;
		}
	snprintf(r->why, sizeof r->why, "the name cannot be resolved: %s", evdns_err_to_string(error));
}

static void take_answer(struct resolution *r, int family, int result, int count, const void *addresses)
{
	const char *p = addresses;

	if (result != DNS_ERR_NONE || count <= 0) {
		explain(r, result);
		return;
	}
	for (int i = 0; i < count && r->n < ADDRESSES_MAX; i++, p += families[family].size)
		families[family].add(r, p);
}

static void on_answer(int result, char type, int count, int ttl, void *addresses, void *arg)
{
	struct question *q = arg;
	struct resolution *r = q->resolution;
	int family = q->family;

	(void)type;
	(void)ttl;
	free(q);
	if (r == NULL)
		return;
	r->questions[family] = NULL;
	take_answer(r, family, result, count, addresses);
	if (r->questions[V4] == NULL && r->questions[V6] == NULL)
		event_active(&r->timer, EV_TIMEOUT, 1);
	else if (r->n > 0)
		finish_in(r, RESOLVE_SECOND_MS);
}

static int ask(struct resolution *r, const char *host, int family)
{
	struct question *q = calloc(1, sizeof *q);

	if (q == NULL)
		return -ENOMEM;
	q->resolution = r;
	q->family = family;
	q->request = (family == V4 ? evdns_base_resolve_ipv4 : evdns_base_resolve_ipv6)(r->dns, host, 0, on_answer, q);
	if (q->request == NULL) {
		free(q);
		return 0; /* the other family, or the reason that is set, decides */
	}
	r->questions[family] = q;
	return 0;
}

/* What libevent would write to stderr is what our caller is told anyway. */
static void no_log(int is_warning, const char *text)
{
	(void)is_warning;
	(void)text;
}

static int ask_nameservers(struct resolution *r, const char *host, int64_t timeout_ms)
{
	evdns_set_log_fn(no_log);
	r->dns = evdns_base_new(r->base, 0);
	if (r->dns == NULL)
		return -ENOMEM;
	(void)evdns_base_resolv_conf_parse(r->dns, DNS_OPTIONS_ALL & ~DNS_OPTION_HOSTSFILE, resolve_conf_file);
	if (evdns_base_count_nameservers(r->dns) == 0) {
		snprintf(r->why, sizeof r->why, "there is no nameserver in /etc/resolv.conf, and the name is not in "
			 "/etc/hosts");
		return 0;
	}
	snprintf(r->why, sizeof r->why, "the name cannot be asked for");
	if (ask(r, host, V4) < 0 || ask(r, host, V6) < 0)
		return -ENOMEM;
	if (r->questions[V4] == NULL && r->questions[V6] == NULL)
		return 0;
	snprintf(r->why, sizeof r->why, "no nameserver of /etc/resolv.conf answers within %lld s",
		 (long long)timeout_ms / 1000);
	finish_in(r, timeout_ms);
	return 0;
}

int resolve_start(struct event_base *base, const char *host, uint16_t port, int64_t timeout_ms, resolve_fn fn,
		  void *arg, struct resolution **ret_resolution)
{
	struct resolution *r = calloc(1, sizeof *r);

	if (r == NULL)
		return -ENOMEM;
	r->base = base;
	r->port = port;
	r->fn = fn;
	r->arg = arg;
	event_assign(&r->timer, base, -1, 0, on_timer, r);
	if (address_parse(host, port, &r->addresses[0]))
		r->n = 1;
	else
		hosts_find(resolve_hosts_file, host, port, r->addresses, &r->n);
	if (r->n == 0 && ask_nameservers(r, host, timeout_ms) < 0) {
		resolve_cancel(r);
		return -ENOMEM;
	}
	if (r->questions[V4] == NULL && r->questions[V6] == NULL)
		event_active(&r->timer, EV_TIMEOUT, 1);
	*ret_resolution = r;
	return 0;
}
