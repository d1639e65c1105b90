/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which filter chain a connection gets: random listeners and connections, Envoy's choice by a model
 * that goes down the levels as its documentation says, against the conditions and stream routes that the
 * translation publishes while capture is on.  Just the routes of that chain may match.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dice.h"
#define json_null wire_json_null /* jansson has one too */
#include "json.h"
#undef json_null
#include "identity.h"
#include "mesh.h"
#include "router.h"

#define LISTENERS 1500
#define CONNECTIONS 12 /* for each */
#define CHAINS_MAX 6
#define NONE SIZE_MAX

static const char *const nets[] = { "10.0.0.0/8",  "10.1.0.0/16",	 "10.1.2.0/24", "10.1.2.3/32",
				    "10.1.2.128/25", "0.0.0.0/0", "fd00::/16" };
static const char *const hosts[] = { "10.1.2.3", "10.1.2.200", "10.1.9.9", "10.200.0.1", "192.168.0.1", "127.0.0.1" };
static const char *const names[] = { "a.b", "*.a.b", "x.a.b", "*.b", "*.x.a.b" };
static const char *const asked[] = { "a.b", "x.a.b", "y.a.b", "b", "q.b", "z.x.a.b", "other", "X.A.b" };
static const uint32_t ports[] = { 1000, 2000 };
static const uint32_t services[] = { 80, 8080 };

/* One value of each level at most; empty: any. */
struct chain {
	uint32_t port;
	const char *destination, *name, *transport, *protocol, *direct, *source;
	int type; /* 0 any, 1 local, 2 external */
	uint32_t source_port;
	bool tls;
};

struct listener {
	struct chain chains[CHAINS_MAX];
	size_t n;
	bool has_default, redirected, inspects, stream;
};

struct connection {
	const char *destination, *source, *name;
	uint32_t port, source_port;
	enum { HTTP1, HTTP2, TLS } speaks;
};

/* ---- random listeners --------------------------------------------------------------------- */

static struct chain random_chain(const struct listener *l)
{
	struct chain c = { .destination = "", .name = "", .transport = "", .protocol = "", .direct = "", .source = "" };

	if (l->redirected && chance(50))
		c.port = PICK(services);
	if (chance(40))
		c.destination = PICK(nets);
	if (chance(25))
		c.direct = PICK(nets);
	if (chance(20))
		c.type = 1 + (int)pick(2);
	if (chance(35))
		c.source = PICK(nets);
	if (l->stream)
		return c;
	if (chance(20))
		c.source_port = PICK(ports);
	if (l->inspects && chance(30))
		c.protocol = chance(50) ? "http/1.1" : "h2c";
	c.tls = chance(30);
	if (c.tls && chance(60))
		c.name = PICK(names);
	if (chance(40) && c.protocol[0] == '\0')
		c.transport = c.tls ? "tls" : "raw_buffer";
	return c;
}

static bool same_match(const struct chain *a, const struct chain *b)
{
	return a->port == b->port && a->type == b->type && a->source_port == b->source_port &&
	       strcmp(a->destination, b->destination) == 0 && strcmp(a->name, b->name) == 0 &&
	       strcmp(a->transport, b->transport) == 0 && strcmp(a->protocol, b->protocol) == 0 &&
	       strcmp(a->direct, b->direct) == 0 && strcmp(a->source, b->source) == 0;
}

/* "any" and "0.0.0.0/0" are one in the model, and Envoy refuses a match that is there twice. */
static void normalize(struct chain *c)
{
	const char **all[] = { &c->destination, &c->direct, &c->source };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (strcmp(*all[i], "0.0.0.0/0") == 0 && chance(50))
			*all[i] = "";
}

static bool is_new(const struct listener *l, const struct chain *c)
{
	struct chain wide = *c;

	for (size_t i = 0; i < l->n; i++) {
		struct chain other = l->chains[i];
		const char **all[] = { &wide.destination, &wide.direct, &wide.source,
				       &other.destination, &other.direct, &other.source };

		for (size_t k = 0; k < ARRAY_SIZE(all); k++)
			if ((*all[k])[0] == '\0')
				*all[k] = "0.0.0.0/0";
		if (same_match(&wide, &other))
			return false;
	}
	return true;
}

static void random_listener(struct listener *l, bool stream)
{
	size_t want = 1 + pick(CHAINS_MAX);

	*l = (struct listener){ .has_default = chance(50), .redirected = chance(40), .stream = stream };
	l->inspects = !stream && chance(50);
	for (unsigned tries = 0; l->n < want && tries < 100; tries++) {
		struct chain c = random_chain(l);

		normalize(&c);
		if (is_new(l, &c))
			l->chains[l->n++] = c;
	}
}

/* ---- as a resource ------------------------------------------------------------------------ */

static void write_range(struct json *j, const char *field, const char *net)
{
	char address[64];
	const char *slash = strchr(net, '/');

	if (net[0] == '\0')
		return;
	snprintf(address, sizeof address, "%.*s", (int)(slash - net), net);
	json_key(j, field);
	json_arr_open(j);
	json_obj_open(j);
	json_key_str(j, "address_prefix", address);
	json_key_uint(j, "prefix_len", strtoul(slash + 1, NULL, 10));
	json_obj_close(j);
	json_arr_close(j);
}

static void write_one(struct json *j, const char *field, const char *text)
{
	if (text[0] == '\0')
		return;
	json_key(j, field);
	json_arr_open(j);
	json_str(j, text);
	json_arr_close(j);
}

static void write_match(struct json *j, const struct chain *c)
{
	static const char *const types[] = { "ANY", "SAME_IP_OR_LOOPBACK", "EXTERNAL" };

	json_key(j, "filter_chain_match");
	json_obj_open(j);
	if (c->port != 0)
		json_key_uint(j, "destination_port", c->port);
	write_range(j, "prefix_ranges", c->destination);
	write_one(j, "server_names", c->name);
	if (c->transport[0] != '\0')
		json_key_str(j, "transport_protocol", c->transport);
	write_one(j, "application_protocols", c->protocol);
	write_range(j, "direct_source_prefix_ranges", c->direct);
	write_range(j, "source_prefix_ranges", c->source);
	json_key_str(j, "source_type", types[c->type]);
	if (c->source_port != 0) {
		json_key(j, "source_ports");
		json_arr_open(j);
		json_uint(j, c->source_port);
		json_arr_close(j);
	}
	json_obj_close(j);
}

#define EXTENSIONS "type.googleapis.com/envoy.extensions."

static void write_chain(struct buf *b, const struct listener *l, size_t i)
{
	struct json j = JSON_INIT(b);

	buf_puts(b, "{");
	if (i < l->n)
		write_match(&j, &l->chains[i]);
	if (i < l->n && l->chains[i].tls)
		buf_puts(b, ",\"transport_socket\":{\"name\":\"t\",\"typed_config\":{\"@type\":\"" EXTENSIONS
			    "transport_sockets.tls.v3.DownstreamTlsContext\"}}");
	if (l->stream)
		buf_printf(b, "%s\"filters\":[{\"name\":\"t\",\"typed_config\":{\"@type\":\"" EXTENSIONS
			   "filters.network.tcp_proxy.v3.TcpProxy\",\"cluster\":\"c%zu\"}}]}", i < l->n ? "," : "", i);
	else
		buf_printf(b, "%s\"filters\":[{\"name\":\"h\",\"typed_config\":{\"@type\":\"" EXTENSIONS
			   "filters.network.http_connection_manager.v3.HttpConnectionManager\",\"route_config\":{"
			   "\"virtual_hosts\":[{\"name\":\"v%zu\",\"domains\":[\"*\"],\"routes\":[{\"name\":\"r\","
			   "\"match\":{\"prefix\":\"/\"},\"route\":{\"cluster\":\"c\"}}]}]}}}]}",
			   i < l->n ? "," : "", i);
}

static char *listener_text(const struct listener *l)
{
	struct buf b = BUF_INIT;

	buf_printf(&b, "[{\"@type\":\"type.googleapis.com/envoy.config.listener.v3.Listener\",\"name\":\"l\","
		   "\"address\":{\"socket_address\":{\"address\":\"0.0.0.0\",\"port_value\":%u}},"
		   "\"use_original_dst\":%s,",
		   l->redirected ? 15001 : 80, l->redirected ? "true" : "false");
	if (l->inspects)
		buf_puts(&b, "\"listener_filters\":[{\"name\":\"i\",\"typed_config\":{\"@type\":\"" EXTENSIONS
			     "filters.listener.http_inspector.v3.HttpInspector\"}}],");
	buf_puts(&b, "\"filter_chains\":[");
	for (size_t i = 0; i < l->n; i++) {
		if (i > 0)
			buf_putc(&b, ',');
		write_chain(&b, l, i);
	}
	buf_putc(&b, ']');
	if (l->has_default) {
		buf_puts(&b, ",\"default_filter_chain\":");
		write_chain(&b, l, l->n);
	}
	buf_putc(&b, '}');
	for (size_t i = 0; l->stream && i <= l->n; i++)
		buf_printf(&b, ",{\"@type\":\"type.googleapis.com/envoy.config.cluster.v3.Cluster\",\"name\":\"c%zu\","
			   "\"type\":\"STATIC\"}", i);
	buf_putc(&b, ']');
	assert_non_null(buf_str(&b));
	return (char *)buf_steal(&b, NULL);
}

/* ---- Envoy's choice ----------------------------------------------------------------------- */

/* Keeps those that fit best at one level: `score` is negative for what does not fit. */
static void keep_best(const struct listener *l, bool *in,
		      int (*score)(const struct chain *c, const struct connection *x), const struct connection *x)
{
	int best = -1;

	for (size_t i = 0; i < l->n; i++)
		if (in[i] && score(&l->chains[i], x) > best)
			best = score(&l->chains[i], x);
	for (size_t i = 0; i < l->n; i++)
		in[i] = in[i] && best >= 0 && score(&l->chains[i], x) == best;
}

static int net_score(const char *net, const char *address)
{
	if (net[0] == '\0')
		return 0;
	return router_in_network(address, net) ? atoi(strchr(net, '/') + 1) : -1;
}

static int score_port(const struct chain *c, const struct connection *x)
{
	return c->port == 0 ? 0 : c->port == x->port ? 1 : -1;
}

static int score_destination(const struct chain *c, const struct connection *x)
{
	return net_score(c->destination, x->destination);
}

static int score_name(const struct chain *c, const struct connection *x)
{
	size_t len = strlen(c->name), asked_len = strlen(x->name);

	if (len == 0)
		return 0;
	if (x->speaks != TLS)
		return -1;
	if (c->name[0] != '*')
		return strcasecmp(c->name, x->name) == 0 ? 1000 : -1;
	return asked_len > len - 1 && strcasecmp(x->name + asked_len - (len - 1), c->name + 1) == 0 ? (int)len : -1;
}

static int score_transport(const struct chain *c, const struct connection *x)
{
	const char *transport = x->speaks == TLS ? "tls" : "raw_buffer";

	return c->transport[0] == '\0' ? 0 : strcmp(c->transport, transport) == 0 ? 1 : -1;
}

static int score_protocol(const struct chain *c, const struct connection *x)
{
	static const char *const spoken[] = { "http/1.1", "h2c", "http/1.1" };

	return c->protocol[0] == '\0' ? 0 : strcmp(c->protocol, spoken[x->speaks]) == 0 ? 1 : -1;
}

static int score_direct(const struct chain *c, const struct connection *x)
{
	return net_score(c->direct, x->source);
}

static int score_type(const struct chain *c, const struct connection *x)
{
	bool local = strncmp(x->source, "127.", 4) == 0;

	return c->type == 0 ? 0 : (c->type == 1) == local ? 1 : -1;
}

static int score_source(const struct chain *c, const struct connection *x)
{
	return net_score(c->source, x->source);
}

static int score_source_port(const struct chain *c, const struct connection *x)
{
	return c->source_port == 0 ? 0 : c->source_port == x->source_port ? 1 : -1;
}

static size_t envoy_choice(const struct listener *l, const struct connection *x)
{
	static int (*const levels[])(const struct chain *c, const struct connection *x) = {
		score_port,   score_destination, score_name,   score_transport,	  score_protocol,
		score_direct, score_type,	 score_source, score_source_port,
	};
	bool in[CHAINS_MAX];
	size_t chosen = l->has_default ? l->n : NONE;

	memset(in, true, sizeof in);
	for (size_t i = 0; i < ARRAY_SIZE(levels); i++)
		keep_best(l, in, levels[i], x);
	for (size_t i = l->n; i-- > 0;)
		if (in[i])
			chosen = i;
	return chosen;
}

/* ---- APISIX's ----------------------------------------------------------------------------- */

/* As capture does: the port rather than any, then the smallest network. */
static const char *identity_of(const struct identities *ids, const struct connection *x)
{
	const char *best = NULL;
	unsigned long best_bits = 0;

	for (int any = 0; any < 2 && best == NULL; any++) {
		for (size_t i = 0; i < ARRAY_SIZE(nets); i++) {
			char text[DESTINATION_TEXT];
			struct destination d = { .port = any ? 0 : (uint16_t)x->port };
			const char *id;

			assert_int_equal(cidr_parse(nets[i], &d.net), 0);
			destination_print(&d, text);
			id = identities_find(ids, text);
			if (id == NULL || !router_in_network(x->destination, nets[i]) ||
			    (best != NULL && d.net.len <= best_bits))
				continue;
			best = id;
			best_bits = d.net.len;
		}
	}
	return best;
}

/* Of "l/vN/r"; routes that only refuse belong to the chain too. */
static size_t chain_of(json_t *route)
{
	const char *name = json_string_value(json_object_get(route, "name"));

	return strncmp(name, "l/v", 3) == 0 ? strtoul(name + 3, NULL, 10) : NONE;
}

static size_t http_choice(const struct mesh *m, const struct connection *x, const char *identity)
{
	char port[16];
	const struct pair vars[] = {
		{ "server_addr", identity }, { "server_port", "9080" },
		{ "remote_addr", x->source }, { "remote_port", port },
		{ "scheme", x->speaks == TLS ? "https" : "http" },
		{ "server_protocol", x->speaks == HTTP2 ? "HTTP/2.0" : "HTTP/1.1" },
		{ "ssl_server_name", x->name },
	};
	const struct request r = { .method = "GET", .host_header = "h", .path = "/", .vars = vars,
				   .n_vars = ARRAY_SIZE(vars) - (x->speaks != TLS) };
	size_t found = NONE;
	const char *key;
	json_t *route;

	snprintf(port, sizeof port, "%u", x->source_port);
	json_object_foreach (m->objects, key, route) {
		size_t chain = chain_of(route);

		if (strncmp(key, "routes/", 7) != 0 || chain == NONE ||
		    !router_vars(json_object_get(route, "vars"), &r))
			continue;
		if (found != NONE && found != chain)
			return ARRAY_SIZE(((struct listener *)0)->chains) + 100; /* two at once */
		found = chain;
	}
	return found;
}

static bool stream_matches(json_t *route, const struct connection *x, const char *identity)
{
	const char *client = json_string_value(json_object_get(route, "remote_addr"));

	return router_in_network(identity, json_string_value(json_object_get(route, "server_addr"))) &&
	       (client == NULL || router_in_network(x->source, client));
}

static size_t stream_choice(const struct mesh *m, const struct connection *x, const char *identity)
{
	size_t found = NONE;
	const char *key;
	json_t *route;

	json_object_foreach (m->objects, key, route) {
		char upstream[128];
		const char *name;

		if (strncmp(key, "stream_routes/", 14) != 0 || !stream_matches(route, x, identity))
			continue;
		if (found != NONE)
			return 100; /* stream routes have no order: two are one too many */
		snprintf(upstream, sizeof upstream, "upstreams/%s",
			 json_string_value(json_object_get(route, "upstream_id")));
		name = json_string_value(json_object_get(json_object_get(m->objects, upstream), "name"));
		assert_non_null(name);
		found = strtoul(name + 1, NULL, 10);
	}
	return found;
}

/* ---- the comparison ----------------------------------------------------------------------- */

static struct connection random_connection(const struct listener *l)
{
	return (struct connection){
		.destination = PICK(hosts),
		.source = PICK(hosts),
		.name = PICK(asked),
		.port = l->redirected ? (chance(70) ? PICK(services) : 9999) : 80,
		.source_port = chance(70) ? PICK(ports) : 3000,
		.speaks = l->stream ? HTTP1 : (int)pick(3),
	};
}

static size_t compared, chosen, mismatches;

static void compare_one(const struct mesh *m, const struct identities *ids, const struct listener *l,
			const char *text)
{
	struct connection x = random_connection(l);
	size_t want = envoy_choice(l, &x), got;
	const char *identity = identity_of(ids, &x);

	/* A plaintext port takes no TLS, and a TLS chain no plaintext. */
	if (want != NONE && (want < l->n && l->chains[want].tls) != (x.speaks == TLS)) {
		if (x.speaks == TLS)
			return;
		want = NONE;
	}
	if (x.speaks == TLS && want == NONE)
		return;
	assert_non_null(identity);
	got = l->stream ? stream_choice(m, &x, identity) : http_choice(m, &x, identity);
	compared++;
	chosen += want != NONE;
	if (got == want)
		return;
	if (mismatches++ < 3)
		fprintf(stderr, "%s\n%s:%u from %s:%u, %s, %s: Envoy takes chain %zd, APISIX %zd\n", text,
			x.destination,
			    x.port, x.source, x.source_port,
			    x.speaks == TLS ? "TLS" : x.speaks == HTTP2 ? "h2" : "http", x.name, (ssize_t)want,
			    (ssize_t)got);
}

static void compare_listener(bool stream)
{
	struct translation_options options = { .capture = true };
	struct listener l;
	struct mesh m;
	char *text;

	random_listener(&l, stream);
	text = listener_text(&l);
	assert_int_equal(identities_new_plain(&options.identities), 0);
	mesh_open(&m, &options);
	mesh_add(&m, text);
	mesh_run(&m);
	for (unsigned i = 0; i < CONNECTIONS; i++)
		compare_one(&m, options.identities, &l, text);
	mesh_close(&m);
	identities_free(options.identities);
	free(text);
}

static void compare_all(bool stream)
{
	dice_seed(0x13198a2e03707344);
	compared = chosen = mismatches = 0;
	for (unsigned i = 0; i < LISTENERS; i++)
		compare_listener(stream);
	print_message("%zu connections, %zu with a chain, %zu mismatches\n", compared, chosen, mismatches);
	assert_true(chosen > LISTENERS * CONNECTIONS / 4);
	assert_int_equal(mismatches, 0);
}

static void test_http(void **st)
{
	(void)st;
	compare_all(false);
}

static void test_stream(void **st)
{
	(void)st;
	compare_all(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_http),
		cmocka_unit_test(test_stream),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
