/* SPDX-License-Identifier: Apache-2.0 */
/*
 * health_checks as APISIX's active checks (TRANSLATION.md 4.5); outlier.c adds the passive ones.  What
 * APISIX cannot ask a node, it asks whether the node accepts connections.  Called by view.c.
 *
 * APISIX probes an upstream from its first request on, and uses all nodes when none is healthy.
 */
#include <string.h>

#include "json.h"
#include "rewrite.h"
#include "upstream.h"

#define THRESHOLD_MAX 254
#define STATUS_MIN 200 /* what APISIX's lists of statuses may hold */
#define STATUS_END 600
#define STATUS_DEFAULT 200 /* expected when nothing is said */

#define CHECKER(name) ENVOY__CONFIG__CORE__V3__HEALTH_CHECK__HEALTH_CHECKER_##name

typedef Envoy__Config__Core__V3__HealthCheck health_check;
typedef Envoy__Config__Core__V3__HealthCheck__HttpHealthCheck http_check;
typedef Envoy__Config__Core__V3__HealthCheck__TcpHealthCheck tcp_check;
typedef Envoy__Config__Endpoint__V3__Endpoint__HealthCheckConfig node_config;

/* What is asked of every node. */
struct probe {
	const http_check *http; /* NULL: only whether it accepts connections */
	const char *host; /* NULL: the node's address */
	uint32_t port; /* 0: the node's own */
	struct strs headers;
	bool expected[STATUS_END - STATUS_MIN];
};

/* Those that APISIX knows by the name that Envoy gives the number. */
static const char *method_of(const http_check *http)
{
	static const char *const methods[] = { NULL,	 "GET",	    "HEAD",  "POST",  "PUT",
					       "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH" };

	return (size_t)http->method < ARRAY_SIZE(methods) ? methods[http->method] : NULL;
}

/* Text that stands in a request's head as it is. */
static bool plain(const char *text, const char *forbidden)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f || strchr(forbidden, *text) != NULL)
			return false;
	return true;
}

static void read_headers(struct job *job, const http_check *http, const struct path *at,
			 struct probe *probe)
{
	for (size_t i = 0; i < http->n_request_headers_to_add; i++) {
		const xds_header_option *option = http->request_headers_to_add[i];
		struct path here = PATH_INDEX(at, "request_headers_to_add", i);
		const char *key = option->header != NULL ? option->header->key : "";
		const char *value = option->header != NULL ? option->header->value : "";

		if (key[0] == '\0' || !plain(key, " :") || !plain(value, "")) {
			job_note(job, &here, B_WARN, "'%s' is no header; it is not sent", key);
			continue;
		}
		if (strchr(value, '%') != NULL)
			job_note(job, &here, B_WARN,
				 "a probe's header is sent as it is written; nothing is filled in");
		if (strcasecmp(key, "host") == 0 || strcasecmp(key, ":authority") == 0)
			probe->host = value;
		else
			strs_add(job, &probe->headers, job_concat(job, key, ": ", value, NULL));
	}
}

static void read_statuses(struct job *job, const http_check *http, const struct path *at,
			  struct probe *probe)
{
	bool any = false;

	for (size_t i = 0; i < http->n_expected_statuses; i++) {
		const Envoy__Type__V3__Int64Range *range = http->expected_statuses[i];
		int64_t from = range->start > STATUS_MIN ? range->start : STATUS_MIN;

		for (int64_t s = from; s < range->end && s < STATUS_END; s++)
			any = probe->expected[s - STATUS_MIN] = true;
	}
	if (any)
		return;
	probe->expected[STATUS_DEFAULT - STATUS_MIN] = true;
	if (http->n_expected_statuses > 0) {
		struct path here = PATH_AT(at, "expected_statuses");

		job_note(job, &here, B_WARN,
			 "APISIX knows statuses from 200 to 599; 200 is expected instead");
	}
}

static void read_http(struct job *job, const struct upstream *up, const http_check *http,
		      const struct path *at, struct probe *probe)
{
	struct path here = PATH_AT(at, "http_health_check");

	if (http->codec_client_type == XDS_TYPE(CODEC_CLIENT_TYPE__HTTP2) ||
	    http->codec_client_type == XDS_TYPE(CODEC_CLIENT_TYPE__HTTP3)) {
		job_note(job, &here, B_WARN,
			 "APISIX probes with HTTP/1.1, which this is not; it is probed whether nodes accept "
			 "connections");
		return;
	}
	if (up->transport.client_ssl != NULL) {
		job_note(job, &here, B_WARN,
			 "APISIX's probes present no certificate; it is probed whether nodes accept "
			 "connections");
		return;
	}
	if (http->path[0] != '/' || !plain(http->path, " ")) {
		job_note(job, &here, B_WARN,
			 "'%s' is no path; it is probed whether nodes accept connections", http->path);
		return;
	}
	if (http->send != NULL || http->n_receive > 0)
		job_note(job, &here, B_WARN, "a probe sends no body, and the answer's is not read");
	if (http->method != 0 && method_of(http) == NULL)
		job_note(job, &here, B_WARN, "this method cannot be sent; GET is");
	probe->http = http;
	probe->host = http->host[0] != '\0' ? http->host : up->cluster->name;
	read_headers(job, http, &here, probe);
	read_statuses(job, http, &here, probe);
	if (!rewrite_host_upstream(probe->host)) {
		if (http->host[0] != '\0')
			job_note(job, &here, B_WARN,
				 "'%s' is no host that APISIX takes; the node's address is sent",
				 probe->host);
		probe->host = NULL;
	}
}

static void read_tcp(struct job *job, const tcp_check *tcp, const struct path *at)
{
	struct path here = PATH_AT(at, "tcp_health_check");

	if (tcp->send != NULL || tcp->n_receive > 0)
		job_note(job, &here, B_WARN,
			 "nothing is sent or read; it is probed whether nodes accept connections");
	if (tcp->proxy_protocol_config != NULL)
		job_note(job, &here, B_WARN, "probes send no PROXY header");
}

static const node_config *config_of(const struct up_node *node)
{
	static const node_config none = ENVOY__CONFIG__ENDPOINT__V3__ENDPOINT__HEALTH_CHECK_CONFIG__INIT;

	return node->endpoint->health_check_config != NULL ? node->endpoint->health_check_config :
							     &none;
}

/* What single endpoints say: it counts when all say the same. False: no node is probed. */
static bool read_nodes(struct job *job, const struct up_nodes *nodes, const struct path *at,
		       struct probe *probe)
{
	const node_config *first = nodes->n > 0 ? config_of(&nodes->list[0]) : NULL;
	bool ports = false, hosts = false;
	size_t disabled = 0;

	for (size_t i = 0; i < nodes->n; i++) {
		const node_config *config = config_of(&nodes->list[i]);

		ports = ports || config->port_value != first->port_value;
		hosts = hosts || strcmp(config->hostname, first->hostname) != 0;
		disabled += config->disable_active_health_check;
	}
	if (ports)
		job_note(job, at, B_WARN,
			 "APISIX probes all nodes at one port or each at its own; endpoints name "
			 "different ones and are probed at their own");
	else if (first != NULL && first->port_value > 0 && first->port_value <= 65535)
		probe->port = first->port_value;
	if (hosts)
		job_note(job, at, B_WARN,
			 "APISIX sends one Host to all nodes; those of single endpoints are left out");
	else if (first != NULL && probe->http != NULL && rewrite_host_upstream(first->hostname))
		probe->host = first->hostname;
	if (disabled > 0 && disabled < nodes->n)
		job_note(job, at, B_WARN,
			 "APISIX probes all nodes of an upstream; %zu want no probes", disabled);
	return nodes->n == 0 || disabled < nodes->n;
}

static void write_statuses(struct json *j, const struct probe *probe, bool expected)
{
	bool any = false;

	for (size_t i = 0; i < ARRAY_SIZE(probe->expected); i++)
		any = any || probe->expected[i] == expected;
	if (!any)
		return;
	json_key(j, "http_statuses");
	json_arr_open(j);
	for (size_t i = 0; i < ARRAY_SIZE(probe->expected); i++)
		if (probe->expected[i] == expected)
			json_uint(j, STATUS_MIN + i);
	json_arr_close(j);
}

static uint64_t seconds(const pb_duration *d, uint64_t absent)
{
	int64_t ms = duration_ms(d, 0);

	return ms > 0 ? ((uint64_t)ms + 999) / 1000 : absent;
}

static uint32_t threshold(const pb_uint32 *t)
{
	uint32_t n = uint32_of(t, 1);

	return n > THRESHOLD_MAX ? THRESHOLD_MAX : n > 0 ? n : 1;
}

static void write_thresholds(struct json *j, const health_check *c, const struct probe *probe)
{
	uint64_t interval = seconds(c->interval, 1);
	uint32_t failures = threshold(c->unhealthy_threshold);

	json_key(j, "healthy");
	json_obj_open(j);
	if (probe->http != NULL)
		write_statuses(j, probe, true);
	json_key_uint(j, "interval", interval);
	json_key_uint(j, "successes", threshold(c->healthy_threshold));
	json_obj_close(j);
	json_key(j, "unhealthy");
	json_obj_open(j);
	if (probe->http != NULL) {
		json_key_uint(j, "http_failures", failures);
		write_statuses(j, probe, false);
	}
	json_key_uint(j, "interval", seconds(c->unhealthy_interval, interval));
	json_key_uint(j, "tcp_failures", failures);
	json_key_uint(j, "timeouts", failures);
	json_obj_close(j);
}

static void write_request(struct json *j, const struct upstream *up, const struct probe *probe)
{
	if (probe->host != NULL)
		json_key_str(j, "host", probe->host);
	if (method_of(probe->http) != NULL && strcmp(method_of(probe->http), "GET") != 0)
		json_key_str(j, "http_method", method_of(probe->http));
	json_key_str(j, "http_path", probe->http->path);
	/* APISIX would ask the system's roots, which know no mesh. */
	if (up->transport.tls)
		json_key_bool(j, "https_verify_certificate", false);
	if (probe->headers.n == 0)
		return;
	json_key(j, "req_headers");
	json_arr_open(j);
	for (size_t i = 0; i < probe->headers.n; i++)
		json_str(j, probe->headers.list[i]);
	json_arr_close(j);
}

static void write_active(struct json *j, const struct upstream *up, const health_check *c,
			 const struct probe *probe)
{
	int64_t timeout = duration_ms(c->timeout, 1000);

	json_key(j, "active");
	json_obj_open(j);
	json_key_str(j, "type", probe->http == NULL ? "tcp" : up->transport.tls ? "https" : "http");
	json_key(j, "timeout");
	json_double(j, (double)(timeout > 0 ? timeout : 1000) / 1000);
	if (probe->http != NULL)
		write_request(j, up, probe);
	if (probe->port > 0)
		json_key_uint(j, "port", probe->port);
	write_thresholds(j, c, probe);
	json_obj_close(j);
}

static void note_times(struct job *job, const health_check *c, const struct path *at)
{
	if (duration_ms(c->interval, 0) % 1000 != 0 ||
	    duration_ms(c->unhealthy_interval, 0) % 1000 != 0)
		job_note(job, at, B_INFO, "intervals are rounded up to whole seconds");
	if (uint32_of(c->healthy_threshold, 1) > THRESHOLD_MAX ||
	    uint32_of(c->unhealthy_threshold, 1) > THRESHOLD_MAX)
		job_note(job, at, B_WARN, "thresholds end at %d", THRESHOLD_MAX);
	if (c->health_checker_case == CHECKER(HTTP_HEALTH_CHECK) &&
	    uint32_of(c->unhealthy_threshold, 1) > 1)
		job_note(job, at, B_INFO,
			 "a status that is not expected counts towards the threshold; Envoy needs one");
}

static bool read_check(struct job *job, const struct upstream *up, const struct up_nodes *nodes,
		       const health_check *c, const struct path *at, struct probe *probe)
{
	probe->port = uint32_of(c->alt_port, 0) <= 65535 ? uint32_of(c->alt_port, 0) : 0;
	switch (c->health_checker_case) {
	case CHECKER(HTTP_HEALTH_CHECK):
		read_http(job, up, c->http_health_check, at, probe);
		break;
	case CHECKER(TCP_HEALTH_CHECK):
		read_tcp(job, c->tcp_health_check, at);
		break;
	default:
		job_note(job, at, B_WARN,
			 "APISIX asks only over HTTP/1.1; it is probed whether nodes accept connections");
	}
	note_times(job, c, at);
	return read_nodes(job, nodes, at, probe);
}

/* False: no node is probed. */
static bool write_checks(struct job *job, const struct upstream *up, const struct up_nodes *nodes,
			 struct json *j)
{
	const xds_cluster *cluster = up->cluster;
	struct path at = PATH_INDEX(up->at, "health_checks", 0);
	struct probe probe = { .http = NULL };

	if (cluster->n_health_checks == 0 ||
	    !read_check(job, up, nodes, cluster->health_checks[0], &at, &probe))
		return false;
	for (size_t i = 1; i < cluster->n_health_checks; i++) {
		struct path further = PATH_INDEX(up->at, "health_checks", i);

		job_note(job, &further, B_WARN, "APISIX has one check for an upstream: the first");
	}
	write_active(j, up, cluster->health_checks[0], &probe);
	return true;
}

const char *checks_json(struct job *job, const struct upstream *up, const struct up_nodes *nodes)
{
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);
	struct job quiet = *job;
	struct out scratch;
	bool active, passive;

	if (up->cluster == NULL ||
	    (up->cluster->n_health_checks == 0 && up->cluster->outlier_detection == NULL))
		return NULL;
	if (up->quiet)
		job_hush(job, &scratch, &quiet);
	json_obj_open(&j);
	active = write_checks(up->quiet ? &quiet : job, up, nodes, &j);
	passive = outlier_write(up->quiet ? &quiet : job, up, active, &j);
	json_obj_close(&j);
	if (up->quiet)
		job_unhush(job, &scratch, &quiet);
	if (active || passive)
		return job_take(job, &b);
	buf_deinit(&b);
	return NULL;
}
