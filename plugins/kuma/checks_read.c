/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a HealthCheckSpecifier: bounded, and of each cluster the first check alone. What we cannot look at (other
 * protocols, other machines, paths) is reported as unknown, which no control plane takes for a failure.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checks_private.h"
#include "envoy/service_health_v3.pb-c.h"
#include "pbscan.h"

typedef Envoy__Service__Health__V3__HealthCheckSpecifier specifier;
typedef Envoy__Service__Health__V3__ClusterHealthCheck cluster_check;
typedef Envoy__Service__Health__V3__LocalityEndpoints locality_endpoints;
typedef Envoy__Config__Core__V3__HealthCheck health_check;
typedef Envoy__Config__Endpoint__V3__Endpoint endpoint;

#define MS_MIN 1000
#define MS_MAX 3600000

/* Envoy's admin interface, in the names of Kuma 2.x and of 3.x. */
static bool is_proxy(const char *cluster)
{
	return strcmp(cluster, "kuma:envoy:admin") == 0 || strcmp(cluster, "system_envoy_admin") == 0;
}

static int64_t ms_of(const Google__Protobuf__Duration *d, int64_t otherwise)
{
	int64_t ms;

	if (d == NULL || d->seconds < 0 || d->seconds > MS_MAX / 1000)
		return d != NULL && d->seconds > 0 ? MS_MAX : otherwise;
	ms = d->seconds * 1000 + d->nanos / 1000000;
	return ms < 1 ? otherwise : ms;
}

static unsigned count_of(const Google__Protobuf__UInt32Value *v)
{
	return v != NULL && v->value > 0 ? v->value : 1;
}

/* ---- what is asked ---- */

/* What may stand in a request line or a header. */
static bool is_clean(const char *text)
{
	for (; *text != '\0'; text++)
		if (*text <= ' ' || *text > '~')
			return false;
	return true;
}

static int take_http(struct check *c, const Envoy__Config__Core__V3__HealthCheck__HttpHealthCheck *h)
{
	const char *host = h->host[0] != '\0' ? h->host : c->cluster;

	if (!is_clean(h->path) || !is_clean(host) || h->path[0] != '/')
		return 0;
	if (asprintf(&c->request, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: meshd\r\nConnection: close\r\n\r\n",
		     h->path, host) < 0) {
		c->request = NULL;
		return -ENOMEM;
	}
	for (size_t i = 0; i < h->n_expected_statuses && i < EXPECTED_MAX; i++) {
		c->expected[i].from = (int)h->expected_statuses[i]->start;
		c->expected[i].to = (int)h->expected_statuses[i]->end;
		c->n_expected++;
	}
	c->asked = true;
	return 0;
}

static int take_how(struct check *c, const health_check *h)
{
	c->interval_ms = ms_of(h->interval, MS_MIN);
	c->interval_ms = c->interval_ms < MS_MIN ? MS_MIN : c->interval_ms;
	c->target.timeout_ms = ms_of(h->timeout, MS_MIN);
	c->healthy_after = count_of(h->healthy_threshold);
	c->unhealthy_after = count_of(h->unhealthy_threshold);
	if (h->health_checker_case == ENVOY__CONFIG__CORE__V3__HEALTH_CHECK__HEALTH_CHECKER_HTTP_HEALTH_CHECK)
		return take_http(c, h->http_health_check);
	c->asked = h->health_checker_case == ENVOY__CONFIG__CORE__V3__HEALTH_CHECK__HEALTH_CHECKER_TCP_HEALTH_CHECK;
	return 0;
}

/* ---- where ---- */

static bool take_address(struct check *c, const endpoint *e)
{
	const Envoy__Config__Core__V3__SocketAddress *s;
	struct sockaddr_in *v4 = (struct sockaddr_in *)&c->target.address;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&c->target.address;

	if (e->address == NULL || e->address->address_case != ENVOY__CONFIG__CORE__V3__ADDRESS__ADDRESS_SOCKET_ADDRESS)
		return false;
	s = e->address->socket_address;
	if (s->port_specifier_case != ENVOY__CONFIG__CORE__V3__SOCKET_ADDRESS__PORT_SPECIFIER_PORT_VALUE ||
	    s->port_value == 0 || s->port_value > 65535)
		return false;
	if (inet_pton(AF_INET, s->address, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)s->port_value);
		c->target.address_len = sizeof *v4;
	} else if (inet_pton(AF_INET6, s->address, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)s->port_value);
		c->target.address_len = sizeof *v6;
	}
	return c->target.address_len > 0 && probe_is_local(&c->target.address, c->target.address_len);
}

static int pack(const ProtobufCMessage *m, struct buf *out)
{
	uint8_t *room = m != NULL ? buf_extend(out, protobuf_c_message_get_packed_size(m)) : NULL;

	if (room != NULL)
		protobuf_c_message_pack(m, room);
	return buf_error(out);
}

/* ---- all of it ---- */

static int fill(struct check *c, const cluster_check *cluster, const locality_endpoints *l, const endpoint *e)
{
	int r = 0;

	c->cluster = strdup(cluster->cluster_name);
	if (c->cluster == NULL || pack(&e->base, &c->endpoint) < 0 ||
	    pack(l->locality != NULL ? &l->locality->base : NULL, &c->locality) < 0)
		return -ENOMEM;
	if (is_proxy(c->cluster)) {
		c->health = HEALTHY;
		return 0;
	}
	if (cluster->n_health_checks > 0 && take_address(c, e))
		r = take_how(c, cluster->health_checks[0]);
	return r;
}

static int add(struct checks *checks, const cluster_check *cluster, const locality_endpoints *l, const endpoint *e,
	       size_t group)
{
	struct check *c = calloc(1, sizeof *c);
	int r;

	if (c == NULL)
		return -ENOMEM;
	c->group = group;
	r = fill(c, cluster, l, e);
	if (r < 0) {
		check_free(c);
		return r;
	}
	checks->list[checks->n++] = c;
	return 0;
}

static size_t count(const specifier *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n_cluster_health_checks; i++)
		for (size_t k = 0; k < s->cluster_health_checks[i]->n_locality_endpoints; k++)
			n += s->cluster_health_checks[i]->locality_endpoints[k]->n_endpoints;
	return n;
}

static int read_cluster(struct checks *checks, const cluster_check *cluster, size_t *group)
{
	int r = 0;

	for (size_t k = 0; k < cluster->n_locality_endpoints && r == 0; k++) {
		const locality_endpoints *l = cluster->locality_endpoints[k];

		++*group;
		for (size_t i = 0; i < l->n_endpoints && r == 0; i++)
			r = add(checks, cluster, l, l->endpoints[i], *group);
	}
	return r;
}

static int read_all(struct checks *checks, const specifier *s, char *why, size_t why_size)
{
	size_t n = count(s), group = 0;
	int r = 0;

	if (n > CHECKS_MAX) {
		snprintf(why, why_size, "%zu endpoints are to be checked, and at most %d are", n, CHECKS_MAX);
		return -EBADMSG;
	}
	checks->list = calloc(n + 1, sizeof *checks->list);
	if (checks->list == NULL)
		return -ENOMEM;
	checks->interval_ms = ms_of(s->interval, MS_MIN);
	checks->interval_ms = checks->interval_ms < MS_MIN ? MS_MIN : checks->interval_ms;
	for (size_t i = 0; i < s->n_cluster_health_checks && r == 0; i++)
		r = read_cluster(checks, s->cluster_health_checks[i], &group);
	return r;
}

int checks_read(struct checks *checks, const uint8_t *data, size_t size, char *why, size_t why_size)
{
	_cleanup_(arena_deinit) struct arena arena;
	struct pbscan_error error;
	ProtobufCMessage *m;
	int r;

	arena_init(&arena, (size_t)16 << 20);
	r = pbscan_unpack(&envoy__service__health__v3__health_check_specifier__descriptor, data, size, NULL, &arena, &m,
			  &error);
	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		snprintf(why, why_size, "%s%s%s", error.path, error.path[0] != '\0' ? ": " : "", error.text);
		return -EBADMSG;
	}
	return read_all(checks, (const specifier *)m, why, why_size);
}
