/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a resource is accepted, and what it asks for: translation_check() of translation.h.
 *
 * Refused is only what Envoy refuses too (TRANSLATION.md 9.1): what cannot be decoded, lacks a
 * required field, names something twice, or has an impossible value.  Something that APISIX lacks is
 * never refused; the translation reports it.  One walk over all messages, with a table of what to
 * look at in which.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assignment.h"
#include "expr.h"
#include "notes.h"
#include "pbscan.h"
#include "registry.h"
#include "tls.h"
#include "translation.h"
#include "xds.h"

#define CHECK_DEPTH 100

struct check {
	struct arena *arena;
	translation_need_fn need; /* may be NULL */
	void *arg;
	unsigned depth;
	bool failed; /* out of memory */
	bool refused;
	char *why;
	size_t why_size;
};

static void refuse(struct check *c, const struct path *at, const char *fmt, ...) _printf_(3, 4);

static void refuse(struct check *c, const struct path *at, const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;

	if (c->refused)
		return;
	c->refused = true;
	path_print(at, &b);
	if (b.len > 0)
		buf_puts(&b, ": ");
	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	snprintf(c->why, c->why_size, "%s", buf_str(&b) != NULL ? buf_str(&b) : "out of memory");
	buf_deinit(&b);
}

static void need(struct check *c, enum rt type, const char *name,
		 const Envoy__Config__Core__V3__ConfigSource *source)
{
	if (c->need != NULL && name[0] != '\0')
		c->need(c->arg, type, name,
			duration_ms(source != NULL ? source->initial_fetch_timeout : NULL, -1));
}

static void check_regex(struct check *c, const ProtobufCMessage *m, const struct path *at)
{
	char why[256];

	if (regex_check(((const xds_regex *)m)->regex, why, sizeof why) == 1)
		refuse(c, at, "%s", why);
}

static void check_address(struct check *c, const ProtobufCMessage *m, const struct path *at)
{
	const xds_socket_address *address = (const xds_socket_address *)m;

	if (address->port_specifier_case == XDS_CORE(SOCKET_ADDRESS__PORT_SPECIFIER_PORT_VALUE) &&
	    address->port_value > 65535)
		refuse(c, at, "port %u is beyond 65535", address->port_value);
}

static void check_weighted(struct check *c, const ProtobufCMessage *m, const struct path *at)
{
	const xds_weighted *weighted = (const xds_weighted *)m;
	uint64_t sum = 0;

	for (size_t i = 0; i < weighted->n_clusters; i++)
		sum += uint32_of(weighted->clusters[i]->weight, 0);
	if (sum == 0)
		refuse(c, at, "the weights add up to 0; one must be positive");
}

static void check_route(struct check *c, const ProtobufCMessage *m, const struct path *at)
{
	const xds_route *route = (const xds_route *)m;

	if (route->match == NULL)
		refuse(c, at, "has no match; every route needs one");
	else if (route->match->path_specifier_case == 0)
		refuse(c, at,
		       "match names no path; one of prefix, path, safe_regex and so on is needed");
}

static void check_vhost(struct check *c, const ProtobufCMessage *m, const struct path *at)
{
	const xds_vhost *vhost = (const xds_vhost *)m;

	if (vhost->name[0] == '\0')
		refuse(c, at, "has no name");
	if (vhost->n_domains == 0)
		refuse(c, at, "has no domains; \"*\" would be all");
}

static int compare_text(const void *a, const void *b)
{
	return strcasecmp(*(const char *const *)a, *(const char *const *)b);
}

/* The first of the texts that is there twice, or NULL. Sorts the list. */
static const char *twice(const char **list, size_t n)
{
	if (n > 1)
		qsort(list, n, sizeof(*list), compare_text);
	for (size_t i = 1; i < n; i++)
		if (strcasecmp(list[i - 1], list[i]) == 0)
			return list[i];
	return NULL;
}

static void check_config(struct check *c, const ProtobufCMessage *m, const struct path *at)
{
	const xds_route_config *config = (const xds_route_config *)m;
	const char **list, *double_name;
	size_t n = 0;

	for (size_t v = 0; v < config->n_virtual_hosts; v++)
		n += config->virtual_hosts[v]->n_domains + 1;
	list = arena_calloc(c->arena, n + 1, sizeof(*list));
	if (list == NULL) {
		c->failed = true;
		return;
	}
	n = 0;
	for (size_t v = 0; v < config->n_virtual_hosts; v++)
		for (size_t i = 0; i < config->virtual_hosts[v]->n_domains; i++)
			list[n++] = config->virtual_hosts[v]->domains[i];
	double_name = twice(list, n);
	if (double_name != NULL)
		refuse(c, at, "domain '%s' is there twice; a domain belongs to one virtual host",
		       double_name);
	for (n = 0; n < config->n_virtual_hosts; n++)
		list[n] = config->virtual_hosts[n]->name;
	double_name = twice(list, n);
	if (double_name != NULL)
		refuse(c, at, "virtual host '%s' is there twice", double_name);
}

static void check_rds(struct check *c, const ProtobufCMessage *m, const struct path *at)
{
	typedef Envoy__Extensions__Filters__Network__HttpConnectionManager__V3__Rds rds;
	const rds *r = (const rds *)m;

	if (r->route_config_name[0] == '\0')
		refuse(c, at, "has no route_config_name");
	need(c, RT_ROUTE, r->route_config_name, r->config_source);
}

static void check_http_filter(struct check *c, const ProtobufCMessage *m, const struct path *at)
{
	const xds_http_filter *filter = (const xds_http_filter *)m;

	(void)at;
	if (filter->config_type_case == XDS_HCM(HTTP_FILTER__CONFIG_TYPE_CONFIG_DISCOVERY))
		need(c, RT_EXTENSION, filter->name, filter->config_discovery->config_source);
}

static void check_secret(struct check *c, const ProtobufCMessage *m, const struct path *at)
{
	typedef Envoy__Extensions__TransportSockets__Tls__V3__SdsSecretConfig sds;
	const sds *s = (const sds *)m;

	(void)at;
	if (s->sds_config != NULL)
		need(c, RT_SECRET, s->name, s->sds_config);
}

static void check_certificate(struct check *c, const ProtobufCMessage *m, const struct path *at)
{
	const char *field = NULL, *fault = tls_certificate_fault(c->arena, (const xds_tls_certificate *)m, &field);
	struct path here = PATH_AT(at, field);

	if (fault != NULL)
		refuse(c, field[0] != '\0' ? &here : at, "%s", fault);
}

static void check_validation(struct check *c, const ProtobufCMessage *m, const struct path *at)
{
	const char *fault = tls_roots_fault(c->arena, (const xds_tls_validation *)m);
	struct path here = PATH_AT(at, "trusted_ca");

	if (fault != NULL)
		refuse(c, &here, "%s", fault);
}

static void check_cluster(struct check *c, const ProtobufCMessage *m, const struct path *at)
{
	const xds_cluster *cluster = (const xds_cluster *)m;
	const Envoy__Config__Cluster__V3__Cluster__EdsClusterConfig *eds =
		cluster->eds_cluster_config;

	if (cluster->name[0] == '\0')
		refuse(c, at, "has no name");
	if (cluster->cluster_discovery_type_case != XDS_CLUSTER(CLUSTER_DISCOVERY_TYPE_TYPE) ||
	    cluster->type != XDS_CLUSTER(DISCOVERY_TYPE__EDS))
		return;
	need(c, RT_ENDPOINT,
	     eds != NULL && eds->service_name[0] != '\0' ? eds->service_name : cluster->name,
	     eds != NULL ? eds->eds_config : NULL);
}

static const struct {
	const ProtobufCMessageDescriptor *message;
	void (*fn)(struct check *c, const ProtobufCMessage *m, const struct path *at);
} checks[] = {
	{ &envoy__type__matcher__v3__regex_matcher__descriptor, check_regex },
	{ &envoy__config__core__v3__socket_address__descriptor, check_address },
	{ &envoy__config__route__v3__weighted_cluster__descriptor, check_weighted },
	{ &envoy__config__route__v3__route__descriptor, check_route },
	{ &envoy__config__route__v3__virtual_host__descriptor, check_vhost },
	{ &envoy__config__route__v3__route_configuration__descriptor, check_config },
	{ &envoy__extensions__filters__network__http_connection_manager__v3__rds__descriptor,
	  check_rds },
	{ &envoy__extensions__filters__network__http_connection_manager__v3__http_filter__descriptor,
	  check_http_filter },
	{ &envoy__extensions__transport_sockets__tls__v3__sds_secret_config__descriptor,
	  check_secret },
	{ &envoy__extensions__transport_sockets__tls__v3__tls_certificate__descriptor, check_certificate },
	{ &envoy__extensions__transport_sockets__tls__v3__certificate_validation_context__descriptor,
	  check_validation },
	{ &envoy__config__cluster__v3__cluster__descriptor, check_cluster },
};

static void check_message(struct check *c, const ProtobufCMessage *m, const struct path *at);

static void refuse_encoded(struct check *c, const ProtobufCMessageDescriptor *desc,
			   const struct pbscan_error *error, const struct path *at)
{
	refuse(c, at, "is not a valid %s: %s%s%s", desc->name, error->path,
	       error->path[0] != '\0' ? ": " : "", error->text);
}

static ProtobufCMessage *decode(struct check *c, const ProtobufCMessageDescriptor *desc,
				const uint8_t *data, size_t size, const struct path *at)
{
	struct pbscan_error error;
	ProtobufCMessage *m = NULL;
	int r = pbscan_unpack(desc, data, size, NULL, c->arena, &m, &error);

	if (r == 0)
		return m;
	if (r == -ENOMEM)
		c->failed = true;
	else
		refuse_encoded(c, desc, &error, at);
	return NULL;
}

static void check_any(struct check *c, const pb_any *any, const struct path *at)
{
	const ProtobufCMessageDescriptor *desc = registry_find_url(any->type_url);
	const ProtobufCMessage *m = desc != NULL ?
					    decode(c, desc, any->value.data, any->value.len, at) :
					    NULL;

	if (m != NULL)
		check_message(c, m, at);
}

/* A message field, once or repeated; the oneof's other members are not there. */
static void check_field(struct check *c, const ProtobufCMessage *m,
			const ProtobufCFieldDescriptor *field, const struct path *at)
{
	const char *base = (const char *)m;
	const void *value = base + field->offset;

	if (field->label == PROTOBUF_C_LABEL_REPEATED) {
		size_t n = *(const size_t *)(const void *)(base + field->quantifier_offset);

		for (size_t i = 0; i < n; i++) {
			struct path here = PATH_INDEX(at, field->name, i);

			check_message(c, (*(const ProtobufCMessage *const *const *)value)[i],
				      &here);
		}
	} else if (!(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) ||
		   *(const uint32_t *)(const void *)(base + field->quantifier_offset) ==
			   field->id) {
		struct path here = PATH_AT(at, field->name);

		check_message(c, *(const ProtobufCMessage *const *)value, &here);
	}
}

static void check_message(struct check *c, const ProtobufCMessage *m, const struct path *at)
{
	if (m == NULL || c->refused || c->failed || c->depth >= CHECK_DEPTH)
		return;
	c->depth++;
	for (size_t i = 0; i < ARRAY_SIZE(checks); i++)
		if (checks[i].message == m->descriptor)
			checks[i].fn(c, m, at);
	if (m->descriptor == &google__protobuf__any__descriptor)
		check_any(c, (const pb_any *)m, at);
	else if (strncmp(m->descriptor->name, "google.protobuf.", strlen("google.protobuf.")) != 0)
		for (unsigned i = 0; i < m->descriptor->n_fields; i++)
			if (m->descriptor->fields[i].type == PROTOBUF_C_TYPE_MESSAGE)
				check_field(c, m, &m->descriptor->fields[i], at);
	c->depth--;
}

/* Of a plain assignment nothing is asked but that it is well-formed. */
static bool check_plain(struct check *c, const struct resource *r, const struct path *root)
{
	struct pbscan_error error;
	int result;

	if (r->type != RT_ENDPOINT || !assignment_plain(r->body, r->size, NULL, NULL))
		return false;
	result = pbscan_check(rt_info(r->type)->descriptor, r->body, r->size, NULL, &error);
	if (result < 0)
		refuse_encoded(c, rt_info(r->type)->descriptor, &error, root);
	return true;
}

int translation_check(const struct resource *r, translation_need_fn fn, void *arg, char *ret_why,
		      size_t why_size)
{
	struct path root = PATH_ROOT(r->type, r->name);
	struct arena arena;
	struct check c = {
		.arena = &arena, .need = fn, .arg = arg, .why = ret_why, .why_size = why_size
	};
	const ProtobufCMessage *m = NULL;

	arena_init(&arena, 0);
	if (!check_plain(&c, r, &root))
		m = decode(&c, rt_info(r->type)->descriptor, r->body, r->size, &root);
	if (r->name[0] == '\0')
		refuse(&c, &root, "has no name");
	if (m != NULL)
		check_message(&c, m, &root);
	arena_deinit(&arena);
	return c.failed ? -ENOMEM : c.refused;
}
