/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The collector of the opentelemetry plugin, which APISIX takes from one plugin_metadata of the whole
 * mesh (TRANSLATION.md 5.1).  Each connection manager that traces that way claims it, with all that
 * it wants in the claim's part; the first listener by name gets it, the others are told.  Called by
 * unit.c.
 */
#include "metadata.h"

#include <string.h>

#include "cluster.h"
#include "observe.h"
#include "rule.h"
#include "scope.h"

#define TIMEOUT_MS 3000 /* APISIX's default */

/* A value with variables is left out; trace.c has noted it. */
static void write_headers(struct json *j, const otel_config *config)
{
	const Envoy__Config__Core__V3__HttpService *service = config->http_service;

	if (service->n_request_headers_to_add == 0)
		return;
	json_key(j, "request_headers");
	json_obj_open(j);
	for (size_t i = 0; i < service->n_request_headers_to_add; i++) {
		const Envoy__Config__Core__V3__HeaderValue *header =
			service->request_headers_to_add[i]->header;

		if (header != NULL && header->key[0] != '\0' && strchr(header->value, '%') == NULL)
			json_key_str(j, header->key, header->value);
	}
	json_obj_close(j);
}

/* What stands behind the address, from "request_timeout" on, and the resource. */
static const char *claim_rest(struct job *job, const otel_config *config)
{
	int64_t ms = duration_ms(config->http_service->http_uri->timeout, TIMEOUT_MS);
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	write_headers(&j, config);
	json_key_int(&j, "request_timeout", ms > 0 ? (ms + 999) / 1000 : TIMEOUT_MS / 1000);
	buf_puts(&b, "}");
	if (config->service_name[0] != '\0') {
		json_key(&j, "resource");
		json_obj_open(&j);
		json_key_str(&j, "service.name", config->service_name);
		json_obj_close(&j);
	}
	return job_take(job, &b);
}

/* "http://host:4318/v1/traces": from the slash on. */
static const char *uri_path(const char *uri)
{
	const char *host = strstr(uri, "://");
	const char *path = strchr(host != NULL ? host + 3 : uri, '/');

	return path != NULL ? path : "/v1/traces";
}

bool metadata_claim(struct job *job, const struct scope *scope, struct claim *ret)
{
	const otel_config *config = otel_of(job, scope->hcm);

	if (config == NULL || !rule_offered(job, "opentelemetry"))
		return false;
	*ret = (struct claim){
		.node = CLAIM_METADATA,
		.part = job_concat(job, config->http_service->http_uri->cluster, "\n",
				   uri_path(config->http_service->http_uri->uri), "\n",
				   claim_rest(job, config), NULL),
		.claimant = scope->claimant,
	};
	return true;
}

/* The text up to the end of the line, in the arena; *at is moved behind it. */
static const char *line(struct job *job, const char **at)
{
	size_t len = strcspn(*at, "\n");
	const char *text = job_str(job, *at, len);

	*at += len + ((*at)[len] == '\n');
	return text;
}

void metadata_write(struct job *job, const struct metadata_claim *claims, size_t n)
{
	struct path root = PATH_ROOT(RT_LISTENER, n > 0 ? claims[0].listener : "");
	const char *part = n > 0 ? claims[0].claim->part : "";
	const struct path *at = &root;
	const struct cluster_nodes *nodes;
	const struct up_node *node;
	const char *cluster, *path;
	struct buf b = BUF_INIT;

	if (n == 0)
		return;
	for (size_t i = 1; i < n; i++) {
		struct path other = PATH_ROOT(RT_LISTENER, claims[i].listener);

		if (strcmp(claims[i].claim->part, part) != 0)
			job_note(job, &other, B_INFO,
				 "APISIX has one collector for all of a mesh: the spans go to that of "
				 "listener '%s', under its service name",
				 claims[0].listener);
	}
	cluster = line(job, &part);
	path = line(job, &part);
	node = cluster_pick(job, cluster, cluster, &root, B_INFO, "no request is traced", &nodes);
	if (node == NULL)
		return;
	buf_printf(&b, "{\"id\":\"opentelemetry\",\"collector\":{\"address\":");
	path = job_printf(job, "%s://%s:%u%s", nodes->tls ? "https" : "http", node->host, node->port,
			  path);
	json_escape(&b, path, strlen(path));
	buf_printf(&b, ",%s}", part);
	out_object(job->out, "plugin_metadata", "opentelemetry", &b, &at, 1);
	buf_deinit(&b);
}
