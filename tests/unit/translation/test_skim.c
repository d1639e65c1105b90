/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is left of a route configuration without its routes: the same as when it is decoded first and
 * loses them then, for random ones; its virtual hosts, found one by one; and bytes that are no message
 * stay refused.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h> /* before cmocka.h */

#include <cmocka.h>

#include "buf.h"
#include "envoy/config_route_v3.pb-c.h"
#include "skim.h"

#define ROUNDS 300

typedef Envoy__Config__Route__V3__RouteConfiguration config;
typedef Envoy__Config__Route__V3__VirtualHost vhost;

static unsigned below(unsigned n)
{
	return (unsigned)rand() % n;
}

static void put_varint(struct buf *b, size_t value)
{
	for (; value > 127; value >>= 7)
		buf_putc(b, (char)(value | 128));
	buf_putc(b, (char)value);
}

static void put(struct buf *b, unsigned field, const struct buf *content)
{
	put_varint(b, field << 3 | 2);
	put_varint(b, content->len);
	buf_append(b, content->data, content->len);
}

static void put_text(struct buf *b, unsigned field)
{
	struct buf text = BUF_INIT;

	for (unsigned i = below(200); i > 0; i--)
		buf_putc(&text, (char)('a' + below(26)));
	put(b, field, &text);
	buf_deinit(&text);
}

/* name 1, domains 2, routes 3 (each with a name 14), and one field that is unknown. */
static void put_vhost(struct buf *b)
{
	struct buf host = BUF_INIT;

	for (unsigned i = below(12); i > 0; i--) {
		struct buf route = BUF_INIT;

		switch (below(4)) {
		case 0:
			put_text(&host, 2);
			break;
		case 1:
			put_text(&host, 500);
			break;
		default:
			put_text(&route, 14);
			put(&host, 3, &route);
			break;
		}
		buf_deinit(&route);
	}
	put(b, 2, &host);
	buf_deinit(&host);
}

static void put_config(struct buf *b)
{
	for (unsigned i = below(8); i > 0; i--) {
		if (below(3) > 0)
			put_vhost(b);
		else
			put_text(b, 1);
	}
}

static void drop_routes(config *c)
{
	for (size_t v = 0; v < c->n_virtual_hosts; v++) {
		vhost *host = c->virtual_hosts[v];

		for (size_t i = 0; i < host->n_routes; i++)
			envoy__config__route__v3__route__free_unpacked(host->routes[i], NULL);
		host->n_routes = 0;
	}
}

static uint8_t *packed(const config *c, size_t *ret_size)
{
	uint8_t *bytes;

	assert_non_null(c);
	*ret_size = envoy__config__route__v3__route_configuration__get_packed_size(c);
	bytes = malloc(*ret_size + 1);
	assert_non_null(bytes);
	envoy__config__route__v3__route_configuration__pack(c, bytes);
	return bytes;
}

static config *unpacked(const uint8_t *bytes, size_t size)
{
	return envoy__config__route__v3__route_configuration__unpack(NULL, size, bytes);
}

static void test_as_if_decoded(void **state)
{
	(void)state;
	srand(1);
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct buf b = BUF_INIT;
		size_t expected_size, size, skimmed_size;
		uint8_t *expected, *got, *skimmed;
		config *whole, *lean;

		put_config(&b);
		whole = unpacked(b.data, b.len);
		assert_non_null(whole);
		drop_routes(whole);
		expected = packed(whole, &expected_size);
		skimmed = malloc(b.len + 1);
		assert_non_null(skimmed);
		skimmed_size = skim_routes(b.data, b.len, skimmed);
		assert_true(skimmed_size <= b.len);
		lean = unpacked(skimmed, skimmed_size);
		got = packed(lean, &size);
		assert_int_equal(size, expected_size);
		assert_memory_equal(got, expected, size);
		envoy__config__route__v3__route_configuration__free_unpacked(whole, NULL);
		envoy__config__route__v3__route_configuration__free_unpacked(lean, NULL);
		free(expected);
		free(skimmed);
		free(got);
		buf_deinit(&b);
	}
}

/* Each virtual host where it lies, decoded by itself, is what it is within the whole. */
static void test_virtual_hosts(void **state)
{
	(void)state;
	srand(2);
	for (unsigned round = 0; round < ROUNDS; round++) {
		ProtobufCBinaryData hosts[8] = { { 0 } };
		struct buf b = BUF_INIT;
		config *whole;

		put_config(&b);
		whole = unpacked(b.data, b.len);
		assert_non_null(whole);
		skim_vhosts(b.data, b.len, hosts, whole->n_virtual_hosts);
		for (size_t i = 0; i < whole->n_virtual_hosts; i++) {
			config of_whole = *whole, of_one = *whole;
			vhost *one = envoy__config__route__v3__virtual_host__unpack(NULL, hosts[i].len, hosts[i].data);
			size_t expected_size, size;
			uint8_t *expected, *got;

			assert_non_null(one);
			of_whole.n_virtual_hosts = of_one.n_virtual_hosts = 1;
			of_whole.virtual_hosts = &whole->virtual_hosts[i];
			of_one.virtual_hosts = &one;
			expected = packed(&of_whole, &expected_size);
			got = packed(&of_one, &size);
			assert_int_equal(size, expected_size);
			assert_memory_equal(got, expected, size);
			free(expected);
			free(got);
			envoy__config__route__v3__virtual_host__free_unpacked(one, NULL);
		}
		envoy__config__route__v3__route_configuration__free_unpacked(whole, NULL);
		buf_deinit(&b);
	}
}

static void test_malformed(void **state)
{
	/* A virtual host that is longer than the message; one with a field cut off; a field number 0. */
	static const char *const texts[] = { "\x12\x05\x0a", "\x12\x02\x12\x05", "\x0a\x01" "a" "\x02" };
	uint8_t to[16];

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		const uint8_t *bytes = (const uint8_t *)texts[i];
		size_t size = skim_routes(bytes, strlen(texts[i]), to);

		assert_int_equal(size, strlen(texts[i]));
		assert_memory_equal(to, bytes, size);
		assert_null(unpacked(to, size));
	}
	assert_int_equal(skim_routes(NULL, 0, to), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_if_decoded),
		cmocka_unit_test(test_virtual_hosts),
		cmocka_unit_test(test_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
