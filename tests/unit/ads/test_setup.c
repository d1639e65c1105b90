/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options that every control plane has: what is refused with which words, what becomes of them; the token; the
 * node.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "envoy/config_core_v3.pb-c.h"
#include "google/protobuf.pb-c.h"
#include "node.h"
#include "setup.h"
#include "world.h"

/* ---- a configuration of names and values ------------------------------------------------------ */

struct row {
	const char *name, *value;
};

static const struct row *rows;
static char errors[2048];

static size_t op_count(const struct mesh_conf *conf, const char *name)
{
	size_t n = 0;

	for (const struct row *r = rows; r->name != NULL; r++)
		n += strcmp(r->name, name) == 0;
	return n;
}

static const char *op_str(const struct mesh_conf *conf, const char *name, size_t i)
{
	for (const struct row *r = rows; r->name != NULL; r++)
		if (strcmp(r->name, name) == 0 && i-- == 0)
			return r->value;
	return NULL;
}

static int64_t op_num(const struct mesh_conf *conf, const char *name, size_t i)
{
	const char *text = op_str(conf, name, i);

	return text != NULL ? atoll(text) : 0;
}

__attribute__((format(printf, 5, 6))) static void op_error(struct mesh_diag *diag, const struct mesh_conf *conf,
							  const char *name, size_t i, const char *fmt, ...)
{
	size_t at = strlen(errors);
	va_list ap;

	at += (size_t)snprintf(errors + at, sizeof errors - at, "%s[%zu]: ", name, i);
	va_start(ap, fmt);
	at += (size_t)vsnprintf(errors + at, sizeof errors - at, fmt, ap);
	va_end(ap);
	snprintf(errors + at, sizeof errors - at, "\n");
}

static const struct mesh_conf *op_options(struct mesh_host *host)
{
	return NULL;
}

static void use(struct world *w, const struct row *list)
{
	rows = list;
	errors[0] = '\0';
	w->ops.conf_count = op_count;
	w->ops.conf_str = op_str;
	w->ops.conf_num = op_num;
	w->ops.conf_error = op_error;
	w->ops.options = op_options;
}

static int setup(void **state)
{
	*state = world_new(ADS_AUTO);
	return 0;
}

static int teardown(void **state)
{
	world_free(*state);
	return 0;
}

static void test_check(void **state)
{
	static const struct row good[] = {
		{ "server", "grpcs://a:1" }, { "tls.ca", "/ca" }, { "tls.cert", "/c" },
		{ "tls.key", "/k" },	     { NULL, NULL },
	};
	static const struct row bad[] = {
		{ "server", "grpc://a:1" }, { "server", "https://b" }, { "tls.ca", "/ca" }, { "tls.cert", "/c" },
		{ NULL, NULL },
	};
	struct world *w = *state;

	use(w, good);
	setup_check(&w->ops, NULL, NULL);
	assert_string_equal(errors, "");
	use(w, bad);
	setup_check(&w->ops, NULL, NULL);
	assert_string_equal(
		errors,
		"server[1]: http:// is not known here; write grpc://HOST:PORT, or grpcs://HOST:PORT for https\n"
		"tls.cert[0]: without tls.key it has no effect; set both\n"
		"tls.ca[0]: no server is asked by TLS; write grpcs:// for those that are\n"
		"tls.cert[0]: no server is asked by TLS; write grpcs:// for those that are\n");
}

static void test_open(void **state)
{
	static const struct row list[] = {
		{ "server", "grpcs://a:1" }, { "server", "grpc://b" },
		{ "api", "sotw" },	     { "tls.ca", "/ca" },
		{ "tls.server_name", "n" },  { "tls.skip_verify", "1" },
		{ "max_message", "77" },     { "keepalive", "15000" },
		{ "token_file", "/token" },  { NULL, NULL },
	};
	struct world *w = *state;
	struct grpc_channel *channel;
	struct setup s;
	char *origin;

	use(w, list);
	assert_int_equal(setup_open(&w->host, &s, &channel), 0);
	assert_int_equal(s.api, ADS_SOTW);
	assert_int_equal(fake_grpc.options.n_servers, 2);
	assert_string_equal(fake_grpc.options.servers[1], "grpc://b");
	assert_string_equal(fake_grpc.options.ca, "/ca");
	assert_string_equal(fake_grpc.options.server_name, "n");
	assert_true(fake_grpc.options.skip_verify);
	assert_int_equal(fake_grpc.options.max_message, 77);
	assert_int_equal(fake_grpc.options.keepalive_ms, 15000);
	assert_null(fake_grpc.options.cert);
	origin = setup_origin(&s, "xds", "me");
	assert_string_equal(origin, "xds grpcs://a:1,grpc://b me");
	free(origin);
	setup_deinit(&s);
	assert_int_equal(w->n_logged, 0);
}

/* ---- the token, through a stream ---------------------------------------------------------------- */

static struct setup with_token;

static int token_headers(void *arg, struct ads_headers *list)
{
	return setup_token(&with_token, "Bearer ", list);
}

static int no_node(void *arg, struct buf *out)
{
	return 0;
}

static void write_token(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void test_token(void **state)
{
	static const struct ads_owner owner = { .node = no_node, .headers = token_headers };
	static const struct { const char *text, *bad; } cases[] = {
		{ "abc.def\n", NULL }, { " \n", "holds no token" }, { "a\nb\n", "one line of printable characters" },
		{ "new\r\n\n", NULL },
	};
	struct world *w = *state;
	struct ads_options options = { .host = &w->host, .origin = "test", .owner = &owner };
	char path[] = "/tmp/meshd-token-XXXXXX";
	struct ads *ads;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	with_token = (struct setup){ .token_file = path };
	assert_int_equal(ads_new(&options, &ads), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		write_token(path, cases[i].text);
		ads_start(ads);
		assert_int_equal(fake_grpc.call != NULL, cases[i].bad == NULL);
		if (cases[i].bad != NULL)
			assert_non_null(strstr(w->detail, cases[i].bad));
		ads_stop(ads);
	}
	assert_string_equal(fake_grpc.metadata, "authorization: Bearer new\n");
	unlink(path);
	ads_start(ads);
	assert_null(fake_grpc.call);
	assert_non_null(strstr(w->detail, "cannot be read: No such file or directory"));
	assert_non_null(strstr(w->detail, "next attempt at"));
	ads_free(ads);
}

/* ---- the node ----------------------------------------------------------------------------------- */

static void test_node(void **state)
{
	struct node node = {
		.id = "me", .cluster = "c", .region = "r", .sub_zone = "s",
		.metadata = "{\"list\": [1, true, null, \"x\"], \"map\": {\"a\": \"b\"}}",
	};
	_cleanup_(buf_deinit) struct buf out = BUF_INIT;
	Envoy__Config__Core__V3__Node *n;
	char why[256] = "";

	assert_int_equal(node_put(&node, &out, why, sizeof why), 0);
	n = envoy__config__core__v3__node__unpack(NULL, out.len, out.data);
	assert_string_equal(n->id, "me");
	assert_string_equal(n->cluster, "c");
	assert_string_equal(n->locality->region, "r");
	assert_string_equal(n->locality->sub_zone, "s");
	assert_string_equal(n->user_agent_name, "meshd");
	assert_true(n->user_agent_version[0] >= '0');
	assert_int_equal(n->metadata->n_fields, 2);
	assert_string_equal(n->metadata->fields[0]->key, "list");
	assert_true(n->metadata->fields[0]->value->list_value->values[0]->number_value == 1.0);
	assert_string_equal(n->metadata->fields[1]->value->struct_value->fields[0]->value->string_value, "b");
	protobuf_c_message_free_unpacked(&n->base, NULL);
	buf_reset(&out);
	node.metadata = "[1]";
	assert_int_equal(node_put(&node, &out, why, sizeof why), -EINVAL);
	assert_non_null(strstr(why, "node.metadata"));
	node.metadata = "{";
	assert_int_equal(node_put(&node, &out, why, sizeof why), -EINVAL);
	assert_non_null(strstr(why, "node.metadata cannot be read: "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_check, setup, teardown),
		cmocka_unit_test_setup_teardown(test_open, setup, teardown),
		cmocka_unit_test_setup_teardown(test_token, setup, teardown),
		cmocka_unit_test(test_node),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
