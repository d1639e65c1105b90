/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON mapping against encodings written out by hand: what is read, in which spellings, what is
 * refused and with which words. tests/functional/test_pbjson.py compares with the official library.
 */
#include "text.h"

#include <errno.h>

#include "pbjson.h"
#include "registry.h"

struct notes {
	size_t n;
	struct pbjson_note last;
	char path[256], subject[256], nearest[64];
};

static void on_note(void *arg, const struct pbjson_note *note)
{
	struct notes *notes = arg;

	notes->n++;
	notes->last = *note;
	snprintf(notes->path, sizeof notes->path, "%s", note->path);
	snprintf(notes->subject, sizeof notes->subject, "%s", note->subject);
	snprintf(notes->nearest, sizeof notes->nearest, "%s",
		 note->nearest != NULL ? note->nearest : "");
}

static int encode(const char *message, const char *text, struct notes *notes, struct buf *out,
		  struct pbjson_error *err)
{
	_cleanup_(doc_freep) struct doc *doc = NULL;
	struct pbjson_options opt = { .note = notes != NULL ? on_note : NULL, .arg = notes };
	struct doc_error doc_err;

	assert_int_equal(doc_parse(text, strlen(text), DOC_AUTO, NULL, &doc, &doc_err), 0);
	assert_non_null(registry_find(message));
	return pbjson_encode(registry_find(message), doc_root(doc, 0), &opt, out, err);
}

struct good {
	const char *message, *text, *hex;
};

static void assert_hex(const struct good *g)
{
	_cleanup_(buf_deinit) struct buf out = BUF_INIT;
	_cleanup_(buf_deinit) struct buf hex = BUF_INIT;
	struct pbjson_error err = { 0 };
	int r = encode(g->message, g->text, NULL, &out, &err);

	if (r != 0)
		fail_msg("%s %s: %d %s: %s", g->message, g->text, r, err.path, err.text);
	for (size_t i = 0; i < out.len; i++)
		buf_printf(&hex, "%02x", out.data[i]);
	if (strcmp(buf_str(&hex), g->hex) != 0)
		fail_msg("%s %s: %s, expected %s", g->message, g->text, buf_str(&hex), g->hex);
}

#define WKT "google.protobuf."
#define CLUSTER "envoy.config.cluster.v3.Cluster"
#define ADDRESS "envoy.config.core.v3.SocketAddress"

static void test_values(void **state)
{
	static const struct good rows[] = {
		{ CLUSTER, "{}", "" },
		{ CLUSTER, "{name: a}", "0a0161" },
		{ CLUSTER, "{\"name\": \"a\"}", "0a0161" },
		{ CLUSTER, "{name: \"\"}", "" },
		{ CLUSTER, "{name: null}", "" },
		{ CLUSTER, "{type: EDS}", "1003" },
		{ CLUSTER, "{type: 3}", "1003" },
		{ CLUSTER, "{type: STATIC}", "1000" }, /* in a oneof even the default is said */
		{ CLUSTER, "{type: 77}", "104d" },     /* enums are open */
		{ CLUSTER, "{lb_policy: ROUND_ROBIN}", "" },
		{ CLUSTER, "{lbPolicy: LEAST_REQUEST, name: a}", "0a01613001" }, /* by number */
		{ CLUSTER, "{connect_timeout: 0.25s}", "22051080e59a77" },
		{ CLUSTER, "{connectTimeout: 5s}", "22020805" },
		{ CLUSTER, "{connect_timeout: 0s}", "2200" },
		{ ADDRESS, "{port_value: 80}", "1850" },
		{ ADDRESS, "{port_value: \"80\"}", "1850" },
		{ ADDRESS, "{port_value: 8e1}", "1850" },
		{ ADDRESS, "{port_value: 0}", "1800" },
		{ ADDRESS, "{ipv4_compat: true}", "3001" },
		{ WKT "UInt32Value", "7", "0807" },
		{ WKT "UInt32Value", "0", "" },
		{ WKT "Int32Value", "-1", "08ffffffffffffffffff01" },
		{ WKT "UInt64Value", "\"18446744073709551615\"", "08ffffffffffffffffff01" },
		{ WKT "Int64Value", "\"-9223372036854775808\"", "0880808080808080808001" },
		{ WKT "BoolValue", "true", "0801" },
		{ WKT "StringValue", "\"a b\"", "0a03612062" },
		{ WKT "DoubleValue", "1.5", "09000000000000f83f" },
		{ WKT "DoubleValue", "\"-Infinity\"", "09000000000000f0ff" },
		{ WKT "FloatValue", "0.5", "0d0000003f" },
		{ WKT "BytesValue", "\"-_-_\"", "0a03fbffbf" },
		{ WKT "BytesValue", "\"+/+/\"", "0a03fbffbf" },
		{ WKT "BytesValue", "\"YQ\"", "0a0161" },
		{ WKT "BytesValue", "\"YQ==\"", "0a0161" },
		{ WKT "Duration", "\"-1.5s\"", "08ffffffffffffffffff011080b6ca91feffffffff01" },
		{ WKT "Duration", "\"0.000000001s\"", "1001" },
		{ WKT "Timestamp", "\"1970-01-01T00:00:01Z\"", "0801" },
		{ WKT "Timestamp", "\"2000-03-01T01:00:00.5+01:00\"", "0880bbf1c5031080cab5ee01" },
		{ WKT "Timestamp", "\"1969-12-31T23:59:59Z\"", "08ffffffffffffffffff01" },
		{ WKT "Timestamp", "\"2000-02-29T00:00:00Z\"", "088098ecc503" },
		{ WKT "Value", "null", "0800" },
		{ WKT "Struct", "{1: x, true: x}",
		  "0a080a013112031a01780a0b0a047472756512031a0178" },
		{ WKT "Value", "x", "1a0178" },
		{ WKT "Value", "\"1\"", "1a0131" },
		{ WKT "Value", "1", "11000000000000f03f" },
		{ WKT "Value", "false", "2000" },
		{ WKT "Value", "[true, null]", "32080a0220010a020800" },
		{ WKT "Struct", "{b: x, a: {}}",
		  "0a070a016112022a000a080a016212031a0178" }, /* by key */
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_hex(&rows[i]);
}

static void test_messages(void **state)
{
	static const struct good rows[] = {
		/* nested, longer than 127 bytes: the length takes two */
		{ CLUSTER,
		  "{alt_stat_name: \"\", eds_cluster_config: {service_name: "
		  "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
		  "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx}}",
		  "1a8301128001"
		  "78787878787878787878787878787878787878787878787878787878787878787878787878787878"
		  "78787878787878787878787878787878787878787878787878787878787878787878787878787878"
		  "78787878787878787878787878787878787878787878787878787878787878787878787878787878"
		  "7878787878787878" },
		{ WKT "Any", "{\"@type\": t/google.protobuf.Duration, value: 1s}",
		  "0a1a742f676f6f676c652e70726f746f6275662e4475726174696f6e12020801" },
		{ WKT "Any", "{\"@type\": t/google.protobuf.Empty}",
		  "0a17742f676f6f676c652e70726f746f6275662e456d707479" },
		{ WKT "Any", "{}", "" },
		{ WKT "Any", "{\"@type\": no/such.Type, x: {y: 1}}",
		  "0a0c6e6f2f737563682e54797065" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_hex(&rows[i]);
}

struct bad {
	const char *message, *text, *path, *says;
};

static void test_refusals(void **state)
{
	static const struct bad rows[] = {
		{ CLUSTER, "[]", "", "must be a map with the fields of " CLUSTER },
		{ CLUSTER, "{name: 1}", "name", "is a number, must be a string: \"1\"" },
		{ CLUSTER, "{name: true}", "name", "is a boolean" },
		{ CLUSTER, "{name: {}}", "name", "must be a string" },
		{ CLUSTER, "{type: NOPE}", "type", "one of STATIC, STRICT_DNS" },
		{ CLUSTER, "{type: EDS, cluster_type: {name: x}}", "",
		  "only one of 'type' and 'cluster_type'" },
		{ CLUSTER, "{connect_timeout: 1s, connectTimeout: 1s}", "", "given twice" },
		{ CLUSTER, "{connect_timeout: 5}", "connect_timeout", "\"1.5s\"" },
		{ CLUSTER, "{connect_timeout: 1m}", "connect_timeout", "no duration" },
		{ CLUSTER, "{connect_timeout: 999999999999s}", "connect_timeout", "no duration" },
		{ CLUSTER, "{health_checks: x}", "health_checks", "must be a list" },
		{ CLUSTER, "{health_checks: [null]}", "health_checks[0]", "null" },
		{ CLUSTER, "{health_checks: [{timeout: 1s}, {timeout: x}]}",
		  "health_checks[1].timeout", "no duration" },
		{ CLUSTER, "{typed_extension_protocol_options: {a: {x: 1}}}",
		  "typed_extension_protocol_options[\"a\"]", "\"@type\" is missing" },
		{ ADDRESS, "{port_value: -1}", "port_value", "out of range" },
		{ ADDRESS, "{port_value: 4294967296}", "port_value", "0 to 4294967295" },
		{ ADDRESS, "{port_value: 1.5}", "port_value", "whole number" },
		{ ADDRESS, "{port_value: x}", "port_value", "whole number" },
		{ ADDRESS, "{ipv4_compat: yes}", "ipv4_compat", "true or false" },
		{ ADDRESS, "{ipv4_compat: \"true\"}", "ipv4_compat", "true or false" },
		{ WKT "Int32Value", "2147483648", "", "out of range" },
		{ WKT "UInt64Value", "18446744073709551616", "", "whole number" },
		{ WKT "FloatValue", "1e39", "", "range of a float" },
		{ WKT "BytesValue", "\"a!b\"", "", "base64: illegal character at byte 1" },
		{ WKT "Timestamp", "\"2001-02-29T00:00:00Z\"", "", "no time" },
		{ WKT "Timestamp", "\"1900-02-29T00:00:00Z\"", "", "no time" },
		{ WKT "Int32Value", "-2147483649", "", "out of range" },
		{ WKT "Timestamp", "\"2001-02-28\"", "", "no time" },
		{ WKT "Value", ".inf", "", "cannot hold" },
		{ WKT "Any", "{\"@type\": t/google.protobuf.Duration}", "", "needs a 'value'" },
		{ WKT "Any", "{x: 1}", "", "\"@type\" is missing" },
	};
	struct pbjson_error err;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(buf_deinit) struct buf out = BUF_INIT;

		memset(&err, 0, sizeof err);
		if (encode(rows[i].message, rows[i].text, NULL, &out, &err) != -EBADMSG)
			fail_msg("%s: accepted", rows[i].text);
		if (strstr(err.text, rows[i].says) == NULL || strcmp(err.path, rows[i].path) != 0)
			fail_msg("%s: '%s': %s", rows[i].text, err.path, err.text);
		assert_int_equal(err.line, 1);
		assert_true(err.col > 0);
	}
}

static void test_notes(void **state)
{
	_cleanup_(buf_deinit) struct buf out = BUF_INIT;
	struct notes notes = { 0 };
	struct pbjson_error err;

	assert_int_equal(encode(CLUSTER, "name: a\ncluster_name: b\n", &notes, &out, &err), 0);
	assert_int_equal(out.len, 3);
	assert_int_equal(notes.n, 1);
	assert_int_equal(notes.last.kind, PBJSON_UNKNOWN_FIELD);
	assert_string_equal(notes.path, "cluster_name");
	assert_int_equal(notes.last.line, 2);
	assert_int_equal(notes.last.col, 1);
	notes.n = 0;
	assert_int_equal(encode(CLUSTER, "{load_assignment: {endpoints: [{}, {prioritty: 1}]}}",
				&notes, &out, &err),
			 0);
	assert_string_equal(notes.path, "load_assignment.endpoints[1].prioritty");
	assert_string_equal(notes.subject, "envoy.config.endpoint.v3.LocalityLbEndpoints");
	assert_string_equal(notes.nearest, "priority");
	assert_int_equal(encode(CLUSTER, "{perConnectionBufferLimitBytes: 1}", &notes, &out, &err),
			 0);
	assert_int_equal(notes.last.kind, PBJSON_SKIPPED_FIELD);
	assert_int_equal(encode(WKT "Any", "{\"@type\": a/b.C}", &notes, &out, &err), 0);
	assert_int_equal(notes.last.kind, PBJSON_UNKNOWN_TYPE);
	assert_string_equal(notes.subject, "a/b.C");
	assert_int_equal(encode(CLUSTER, "{health_checks: {timeout: 1s}}", &notes, &out, &err), 0);
	assert_int_equal(notes.last.kind, PBJSON_LONE_ELEMENT);
}

/* A Value takes three messages per level, so depth ends before the tree's own limit does. */
static void test_depth(void **state)
{
	_cleanup_(buf_deinit) struct buf text = BUF_INIT;
	_cleanup_(buf_deinit) struct buf out = BUF_INIT;
	struct pbjson_error err;

	for (unsigned i = 0; i < 60; i++)
		buf_puts(&text, "{\"a\":");
	buf_puts(&text, "1");
	for (unsigned i = 0; i < 60; i++)
		buf_putc(&text, '}');
	assert_int_equal(encode(WKT "Struct", buf_str(&text), NULL, &out, &err), -E2BIG);
	assert_non_null(strstr(err.text, "100 messages"));
}

static void test_size(void **state)
{
	_cleanup_(doc_freep) struct doc *doc = NULL;
	_cleanup_(buf_deinit) struct buf out = BUF_INIT;
	struct pbjson_options opt = { .max_bytes = 100 };
	struct pbjson_error err;
	static const char text[] =
		"name: &a "
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\nalt_stat_name: *a\n";

	assert_int_equal(doc_parse(text, strlen(text), DOC_YAML, NULL, &doc, NULL), 0);
	assert_int_equal(pbjson_encode(registry_find(CLUSTER), doc_root(doc, 0), &opt, &out, &err),
			 -E2BIG);
	assert_non_null(strstr(err.text, "more than 100 bytes"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),	 cmocka_unit_test(test_messages),
		cmocka_unit_test(test_refusals), cmocka_unit_test(test_notes),
		cmocka_unit_test(test_depth),	 cmocka_unit_test(test_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
