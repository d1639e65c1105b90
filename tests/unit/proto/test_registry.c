/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proto/registry.c: names are found and unknown ones are not, maps are told from repeated
 * messages, JSON names follow protobuf's rule, and every declared message survives the checks
 * that any look-up relies on. Run by meson; a failure names the message and the field.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "envoy/config_core_v3.pb-c.h"
#include "envoy/config_listener_v3.pb-c.h"
#include "envoy/extensions_common_ratelimit_v3.pb-c.h"
#include "envoy/extensions_compression_gzip_compressor_v3.pb-c.h"
#include "etcd/etcdserverpb.pb-c.h"
#include "google/protobuf.pb-c.h"
#include "registry.h"

#define LISTENER (&envoy__config__listener__v3__listener__descriptor)

static const ProtobufCFieldDescriptor *field_get(const char *message, const char *key)
{
	const ProtobufCMessageDescriptor *m = registry_find(message);
	const ProtobufCFieldDescriptor *field;

	if (m == NULL)
		fail_msg("'%s' is not registered", message);
	field = registry_field(m, key);
	if (field == NULL)
		fail_msg("'%s' has no field '%s'", message, key);
	return field;
}

static void test_find(void **state)
{
	assert_ptr_equal(registry_find("envoy.config.listener.v3.Listener"), LISTENER);
	assert_ptr_equal(registry_find("google.protobuf.Any"), &google__protobuf__any__descriptor);
	assert_non_null(registry_find("envoy.config.core.v3.GrpcService.EnvoyGrpc"));
	assert_non_null(registry_find("udpa.type.v1.TypedStruct"));
	assert_non_null(registry_find("xds.type.v3.TypedStruct"));
	assert_non_null(registry_find("istio.v1.auth.IstioCertificateRequest"));
	assert_non_null(registry_find("mvccpb.KeyValue"));
	assert_non_null(registry_find("authpb.Permission"));
}

static void test_find_unknown(void **state)
{
	static const char *const unknown[] = {
		"", ".", "envoy.config.listener.v3.Listene", "envoy.config.listener.v3.ListenerX",
		"envoy.config.listener.v3.listener", ".envoy.config.listener.v3.Listener",
		"zzz", "a", "\xff", "google.protobuf.Struct.FieldsEntry",
		"type.googleapis.com/google.protobuf.Any",
	};

	for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
		if (registry_find(unknown[i]) != NULL)
			fail_msg("'%s' was found", unknown[i]);
	}
}

static void test_find_url(void **state)
{
	assert_ptr_equal(registry_find_url("type.googleapis.com/envoy.config.listener.v3.Listener"),
			 LISTENER);
	assert_ptr_equal(registry_find_url("a/b/envoy.config.listener.v3.Listener"), LISTENER);
	assert_ptr_equal(registry_find_url("/envoy.config.listener.v3.Listener"), LISTENER);
	assert_ptr_equal(registry_find_url("envoy.config.listener.v3.Listener"), LISTENER);
	assert_null(registry_find_url("type.googleapis.com/"));
	assert_null(registry_find_url("type.googleapis.com/envoy.config.listener.v3.Listener/"));
	assert_null(registry_find_url(""));
}

static void test_order(void **state)
{
	const ProtobufCMessageDescriptor *last = NULL, *m;
	size_t i;

	for (i = 0; (m = registry_at(i)) != NULL; i++) {
		if (last != NULL && strcmp(last->name, m->name) >= 0)
			fail_msg("'%s' stands before '%s'", last->name, m->name);
		if (registry_find(m->name) != m && strstr(m->name, "Entry") == NULL)
			fail_msg("'%s' is not found by its name", m->name);
		last = m;
	}
	assert_in_range(i, 490, 5000);
	assert_null(registry_at(SIZE_MAX));
}

static void test_maps(void **state)
{
	assert_true(registry_is_map(field_get("google.protobuf.Struct", "fields")));
	assert_true(registry_is_map(field_get("envoy.config.core.v3.Metadata", "filter_metadata")));
	assert_true(registry_is_map(field_get("envoy.service.discovery.v3.ResourceLocator",
					      "dynamic_parameters")));
	assert_false(registry_is_map(field_get("envoy.config.listener.v3.Listener",
					       "filter_chains")));
	assert_false(registry_is_map(field_get("envoy.config.listener.v3.Listener", "metadata")));
	assert_false(registry_is_map(field_get("envoy.config.core.v3.Node", "client_features")));
	/* An ordinary message called Entry. */
	assert_false(registry_is_map(field_get(
		"envoy.extensions.common.ratelimit.v3.LocalRateLimitDescriptor", "entries")));
}

/* What registry_is_map() promises about the elements. */
static void test_map_elements(void **state)
{
	const ProtobufCMessageDescriptor *m, *element;
	unsigned maps = 0;

	for (size_t i = 0; (m = registry_at(i)) != NULL; i++) {
		for (unsigned j = 0; j < m->n_fields; j++) {
			if (!registry_is_map(&m->fields[j]))
				continue;
			element = m->fields[j].descriptor;
			assert_int_equal(element->n_fields, 2);
			assert_string_equal(element->fields[0].name, "key");
			assert_int_equal(element->fields[0].id, 1);
			assert_string_equal(element->fields[1].name, "value");
			assert_int_equal(element->fields[1].id, 2);
			maps++;
		}
	}
	assert_in_range(maps, 18, 1000);
}

static void test_json_names(void **state)
{
	static const struct { const char *name, *json; } rows[] = {
		{ "name", "name" }, { "filter_chains", "filterChains" },
		{ "http2_protocol_options", "http2ProtocolOptions" },
		{ "authRevision", "authRevision" }, { "a_1_b", "a1B" },
		{ "_x", "X" }, { "x_", "x" }, { "a__b", "aB" }, { "", "" },
	};
	char buf[64];

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(registry_json_name(rows[i].name, buf, sizeof buf),
				 strlen(rows[i].json));
		assert_string_equal(buf, rows[i].json);
	}
}

static void test_json_name_small_buffer(void **state)
{
	char *buf = malloc(4);

	assert_non_null(buf);
	assert_int_equal(registry_json_name("filter_chains", buf, 4), 12);
	assert_string_equal(buf, "fil");
	assert_int_equal(registry_json_name("a_bc", buf, 4), 3);
	assert_string_equal(buf, "aBc");
	assert_int_equal(registry_json_name("name", NULL, 0), 4);
	free(buf);
}

static void test_field(void **state)
{
	const ProtobufCFieldDescriptor *chains = registry_field(LISTENER, "filter_chains");

	assert_non_null(chains);
	assert_int_equal(chains->id, 3);
	assert_ptr_equal(registry_field(LISTENER, "filterChains"), chains);
	assert_null(registry_field(LISTENER, "FilterChains"));
	assert_null(registry_field(LISTENER, "filterchains"));
	assert_null(registry_field(LISTENER, "filterChain"));
	assert_null(registry_field(LISTENER, "filterChainsX"));
	assert_null(registry_field(LISTENER, ""));
	assert_null(registry_field(&google__protobuf__empty__descriptor, "x"));
	assert_int_equal(field_get("etcdserverpb.AuthStatusResponse", "authRevision")->id, 3);
}

/* Both spellings of every field lead to it, so no two fields of a message share one. */
static void test_field_all(void **state)
{
	const ProtobufCMessageDescriptor *m;
	char buf[128];

	for (size_t i = 0; (m = registry_at(i)) != NULL; i++) {
		for (unsigned j = 0; j < m->n_fields; j++) {
			const ProtobufCFieldDescriptor *field = &m->fields[j];

			assert_in_range(registry_json_name(field->name, buf, sizeof buf), 1, 127);
			if (registry_field(m, field->name) != field
			    || registry_field(m, buf) != field)
				fail_msg("'%s.%s' is not found", m->name, field->name);
			if (registry_is_skipped(m, field->name))
				fail_msg("'%s.%s' is declared and skipped", m->name, field->name);
		}
	}
}

static void test_skipped(void **state)
{
	assert_true(registry_is_skipped(LISTENER, "drain_type"));
	assert_true(registry_is_skipped(LISTENER, "drainType"));
	assert_true(registry_is_skipped(LISTENER, "bypass_overload_manager"));	/* first */
	assert_true(registry_is_skipped(LISTENER, "tcp_keepalive"));
	assert_false(registry_is_skipped(LISTENER, "DrainType"));
	assert_false(registry_is_skipped(LISTENER, "drain"));
	assert_false(registry_is_skipped(LISTENER, "name"));
	assert_false(registry_is_skipped(LISTENER, ""));
	assert_false(registry_is_skipped(&google__protobuf__any__descriptor, "drain_type"));
}

/* The generated code reads a map, and keeps what it does not know. */
static void test_unpack(void **state)
{
	static const uint8_t wire[] = {
		0x0a, 0x01, 'n',				/* name = "n" */
		0x32, 0x07, 0x0a, 0x05, 0x0a, 0x01, 'k', 0x12, 0x00,
								/* metadata.filter_metadata */
		0x40, 0x01,					/* drain_type = 1 */
	};
	Envoy__Config__Listener__V3__Listener *l =
		envoy__config__listener__v3__listener__unpack(NULL, sizeof wire, wire);

	assert_non_null(l);
	assert_string_equal(l->name, "n");
	assert_null(l->use_original_dst);
	assert_int_equal(l->metadata->n_filter_metadata, 1);
	assert_string_equal(l->metadata->filter_metadata[0]->key, "k");
	assert_int_equal(l->metadata->filter_metadata[0]->value->n_fields, 0);
	assert_int_equal(l->base.n_unknown_fields, 1);
	assert_int_equal(l->base.unknown_fields[0].tag, 8);
	envoy__config__listener__v3__listener__free_unpacked(l, NULL);
}

/* Two names of one number: both lead to the number. */
static void test_enum_alias(void **state)
{
	const ProtobufCEnumDescriptor *level =
		field_get("envoy.extensions.compression.gzip.compressor.v3.Gzip",
			  "compressionLevel")->descriptor;

	assert_int_equal(protobuf_c_enum_descriptor_get_value_by_name(level, "BEST_SPEED")->value,
			 1);
	assert_int_equal(protobuf_c_enum_descriptor_get_value_by_name(
				 level, "COMPRESSION_LEVEL_1")->value, 1);
	assert_int_equal(protobuf_c_enum_descriptor_get_value_by_name(
				 level, "COMPRESSION_LEVEL_9")->value, 9);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_find_unknown),
		cmocka_unit_test(test_find_url),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_maps),
		cmocka_unit_test(test_map_elements),
		cmocka_unit_test(test_json_names),
		cmocka_unit_test(test_json_name_small_buffer),
		cmocka_unit_test(test_field),
		cmocka_unit_test(test_field_all),
		cmocka_unit_test(test_skipped),
		cmocka_unit_test(test_unpack),
		cmocka_unit_test(test_enum_alias),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
