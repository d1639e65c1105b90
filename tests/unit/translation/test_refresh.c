/* SPDX-License-Identifier: Apache-2.0 */
/*
 * New endpoints by the short way (refresh.c) are what a translation of the whole makes of them: random clusters
 * and assignments, plain ones and others, changed one after another, against a translation that has seen only
 * the last.  The same assignments are accepted by the scan and by unpacking alike.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assignment.h"
#include "envoy/config_endpoint_v3.pb-c.h"
#include "mesh.h"
#include "pbscan.h"
#include "reader.h"

#define CLUSTER(more) \
	"- {\"@type\": type.googleapis.com/envoy.config.cluster.v3.Cluster, name: c, type: EDS, " \
	"eds_cluster_config: {service_name: e}, " more "}\n"
#define AGGREGATE \
	"- {\"@type\": type.googleapis.com/envoy.config.cluster.v3.Cluster, name: c, " \
	"cluster_type: {name: g, typed_config: {\"@type\": " \
	"type.googleapis.com/envoy.extensions.clusters.aggregate.v3.ClusterConfig, clusters: [m]}}}\n" \
	"- {\"@type\": type.googleapis.com/envoy.config.cluster.v3.Cluster, name: m, type: EDS, " \
	"eds_cluster_config: {service_name: e}}\n"
#define SUBSETS "lb_subset_config: {fallback_policy: ANY_ENDPOINT, subset_selectors: [{keys: [v]}]}"
#define PROBES "health_checks: [{timeout: 1s, interval: 1s, http_health_check: {path: /}}]"

static const char *const clusters[] = {
	CLUSTER("connect_timeout: 3s"),
	CLUSTER("lb_policy: RING_HASH, " PROBES),
	CLUSTER("outlier_detection: {}"),
	CLUSTER("circuit_breakers: {thresholds: [{max_requests: 0}]}"),
	CLUSTER("common_lb_config: {healthy_panic_threshold: {value: 0}}"),
	CLUSTER("common_lb_config: {locality_weighted_lb_config: {}}"),
	CLUSTER("metadata: {filter_metadata: {apisix: {labels: {team: a}}}}"),
	CLUSTER(SUBSETS),
	AGGREGATE,
};

#define ROUNDS 400
#define CHANGES 8

/* ---- a driver with a few resources ------------------------------------------------------- */

struct world {
	struct translation *translation;
	struct resource *list[8];
	size_t n;
	json_t *objects, *findings;
	size_t clusters_read;
};

static struct resource *on_find(void *arg, enum rt type, const char *name)
{
	struct world *w = arg;

	w->clusters_read += type == RT_CLUSTER;
	for (size_t i = 0; i < w->n; i++)
		if (w->list[i]->type == type && strcmp(w->list[i]->name, name) == 0)
			return w->list[i];
	return NULL;
}

static int on_each(void *arg, enum rt type, int (*fn)(struct resource *r, void *fn_arg), void *fn_arg)
{
	struct world *w = arg;
	int r = 0;

	for (size_t i = 0; i < w->n && r == 0; i++)
		r = w->list[i]->type == type ? fn(w->list[i], fn_arg) : 0;
	return r;
}

static void on_put(void *arg, const char *key, const uint8_t *value, size_t size)
{
	struct world *w = arg;

	json_object_set_new(w->objects, key, json_stringn((const char *)value, size));
}

static void on_del(void *arg, const char *key)
{
	json_object_del(((struct world *)arg)->objects, key);
}

static void on_findings(void *arg, enum rt type, const char *name, const struct mesh_finding *f, size_t n)
{
	struct world *w = arg;
	json_t *list = json_array();
	char key[64];

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_pack("[sss]", f[i].field, f[i].behaviour, f[i].reason));
	snprintf(key, sizeof key, "%u %s", (unsigned)type, name);
	if (n > 0)
		json_object_set_new(w->findings, key, list);
	else
		json_object_del(w->findings, key);
	if (n == 0)
		json_decref(list);
}

static void world_open(struct world *w)
{
	static const struct translation_ops ops = {
		.find = on_find, .each = on_each, .put = on_put, .del = on_del, .findings = on_findings,
	};
	static const struct translation_options options = { 0 };

	*w = (struct world){ .objects = json_object(), .findings = json_object() };
	assert_int_equal(translation_new(&options, &ops, w, &w->translation), 0);
}

static void world_close(struct world *w)
{
	translation_free(w->translation);
	for (size_t i = 0; i < w->n; i++)
		resource_unref(w->list[i]);
	json_decref(w->objects);
	json_decref(w->findings);
}

/* Puts it in the place of the one of its name. */
static void world_put(struct world *w, struct resource *r)
{
	size_t i = 0;

	while (i < w->n && (w->list[i]->type != r->type || strcmp(w->list[i]->name, r->name) != 0))
		i++;
	assert_true(i < ARRAY_SIZE(w->list));
	if (i == w->n)
		w->n++;
	else
		resource_unref(w->list[i]);
	w->list[i] = resource_ref(r);
	assert_int_equal(translation_changed(w->translation, r->type, r->name), 0);
}

static void world_put_text(struct world *w, const char *text)
{
	struct content *content = NULL;

	assert_int_equal(reader_read("test.yaml", text, strlen(text), NULL, &content), 0);
	assert_int_equal(content->n_findings, 0);
	for (size_t i = 0; i < content->n_items; i++) {
		const struct content_item *item = &content->items[i];
		struct resource *r;

		assert_int_equal(resource_new(RT_CLUSTER, item->name, "", item->body, item->size, &r), 0);
		world_put(w, r);
		resource_unref(r);
	}
	content_unref(content);
}

static void world_run(struct world *w)
{
	assert_int_equal(translation_run(w->translation, TRANSLATION_ALL, 0), 0);
}

/* ---- random assignments ------------------------------------------------------------------ */

/* Bytes of a message that is written from its end to its beginning. */
struct writer {
	uint8_t bytes[8192];
	size_t at; /* the message is from here to the end */
};

static size_t pick(size_t n)
{
	return (size_t)random() % n;
}

static void put_byte(struct writer *w, unsigned value)
{
	assert_true(w->at > 0);
	w->bytes[--w->at] = (uint8_t)value;
}

static void put_varint(struct writer *w, uint64_t value)
{
	uint8_t bytes[10];
	size_t n = 0;

	for (; value > 127; value >>= 7)
		bytes[n++] = (uint8_t)(value | 128);
	for (bytes[n++] = (uint8_t)value; n > 0; n--)
		put_byte(w, bytes[n - 1]);
}

static void put_number(struct writer *w, unsigned field, uint64_t value)
{
	put_varint(w, value);
	put_varint(w, field << 3);
}

/* What was written since `end` becomes this field's content. */
static void wrap(struct writer *w, unsigned field, size_t end)
{
	put_varint(w, end - w->at);
	put_varint(w, field << 3 | 2);
}

static void put_text(struct writer *w, unsigned field, const char *text)
{
	size_t end = w->at;

	for (size_t i = strlen(text); i > 0; i--)
		put_byte(w, (unsigned char)text[i - 1]);
	wrap(w, field, end);
}

/* odd: something that no plain assignment has, now and then. */
static bool chance(unsigned odd)
{
	return pick(100) < odd;
}

static void put_socket(struct writer *w, unsigned odd)
{
	static const char *const hosts[] = { "10.0.0.1", "10.0.0.2", "10.0.0.2", "a.t", "2001:db8::1" };
	size_t end = w->at;

	if (chance(odd))
		put_text(w, 4, "http"); /* named_port */
	else
		put_number(w, 3, chance(odd) ? 0 : 80 + pick(3));
	put_text(w, 2, chance(odd) ? "no host" : hosts[pick(ARRAY_SIZE(hosts))]);
	put_number(w, 1, chance(odd) ? 1 : 0);
	wrap(w, 1, end);
}

static void put_metadata(struct writer *w, unsigned field, bool typed)
{
	size_t end = w->at, pair, value;

	pair = w->at;
	value = w->at;
	if (!typed) { /* Struct { v: "1" } */
		put_text(w, 3, pick(2) ? "1" : "2");
		wrap(w, 2, value);
		put_text(w, 1, "v");
		wrap(w, 1, value);
	}
	wrap(w, 2, value);
	put_text(w, 1, "envoy.lb");
	wrap(w, typed ? 2 : 1, pair);
	wrap(w, field, end);
}

static void put_endpoint(struct writer *w, unsigned odd)
{
	size_t end = w->at, inner;

	if (chance(odd))
		put_text(w, 5, "named");
	if (pick(2)) {
		inner = w->at;
		put_number(w, 1, chance(odd) ? 0 : 1 + pick(4) * 100);
		wrap(w, 4, inner);
	}
	if (pick(2))
		put_metadata(w, 3, chance(odd));
	if (pick(2))
		put_number(w, 2, chance(odd) ? 5 + pick(2) : pick(5));
	if (!chance(odd)) {
		inner = w->at;
		if (chance(odd))
			put_text(w, 3, "n.t");
		{
			size_t address = w->at;

			put_socket(w, odd);
			wrap(w, 1, address);
		}
		wrap(w, 1, inner);
	}
	if (chance(odd))
		put_number(w, 77, 1);
	wrap(w, 2, end);
}

static void put_locality(struct writer *w, unsigned odd)
{
	size_t end = w->at, inner;

	if (pick(2))
		put_number(w, 5, chance(odd) ? 1 : 0);
	if (pick(2)) {
		inner = w->at;
		put_number(w, 1, 1 + pick(3));
		wrap(w, 3, inner);
	}
	for (size_t n = pick(4); n > 0; n--)
		put_endpoint(w, odd);
	put_text(w, 1, "");
	wrap(w, 2, end);
}

static struct resource *random_assignment(unsigned odd)
{
	static struct writer w;
	struct resource *r;

	w.at = sizeof w.bytes;
	if (chance(odd)) { /* policy { drop_overloads { drop_percentage { numerator: 30 } } } */
		size_t end = w.at;

		put_number(&w, 1, 30);
		wrap(&w, 2, end);
		wrap(&w, 2, end);
		wrap(&w, 4, end);
	}
	for (size_t n = pick(3); n > 0; n--)
		put_locality(&w, odd);
	put_text(&w, 1, "e");
	assert_int_equal(resource_new(RT_ENDPOINT, "e", "", w.bytes + w.at, sizeof w.bytes - w.at, &r), 0);
	return r;
}

/* ---- tests ------------------------------------------------------------------------------- */

static void assert_same(const json_t *changed, const json_t *fresh, unsigned round)
{
	char *x = json_dumps(changed, JSON_SORT_KEYS), *y = json_dumps(fresh, JSON_SORT_KEYS);

	if (strcmp(x, y) != 0)
		fail_msg("round %u\nchanged: %s\nfresh:   %s", round, x, y);
	free(x);
	free(y);
}

/* How many of the changes took the short way. */
static size_t one_round(unsigned round)
{
	const char *cluster = clusters[round % ARRAY_SIZE(clusters)];
	unsigned odd = round / ARRAY_SIZE(clusters) % 3 == 0 ? 0 : 3;
	struct world changed;
	size_t quick = 0;

	srandom(round);
	world_open(&changed);
	world_put_text(&changed, cluster);
	for (unsigned i = 0; i < CHANGES; i++) {
		struct resource *r = random_assignment(odd);
		struct world fresh;

		changed.clusters_read = 0;
		world_put(&changed, r);
		world_run(&changed);
		quick += changed.clusters_read == 0;
		world_open(&fresh);
		world_put_text(&fresh, cluster);
		world_put(&fresh, r);
		world_run(&fresh);
		assert_same(changed.objects, fresh.objects, round);
		assert_same(changed.findings, fresh.findings, round);
		world_close(&fresh);
		resource_unref(r);
	}
	world_close(&changed);
	return quick;
}

static void test_same_as_whole(void **unused)
{
	size_t quick[ARRAY_SIZE(clusters)] = { 0 };

	for (unsigned round = 0; round < ROUNDS; round++)
		quick[round % ARRAY_SIZE(clusters)] += one_round(round);
	for (size_t i = 0; i < ARRAY_SIZE(clusters); i++) {
		bool short_way = i < 5 && i != 3;

		if ((quick[i] > 20) != short_way || (quick[i] > 0) != short_way)
			fail_msg("cluster %zu: %zu changes took the short way", i, quick[i]);
	}
}

static void nothing_needed(void *arg, enum rt type, const char *name, int64_t timeout_ms)
{
	(void)arg;
	(void)timeout_ms;
	fail_msg("an assignment needs %u %s", (unsigned)type, name);
}

/* What the scan takes, unpacking takes too, and the other way round whatever is damaged is refused. */
static void test_check_refuses_alike(void **unused)
{
	size_t plain = 0, refused = 0;

	srandom(4);
	for (unsigned i = 0; i < 4000; i++) {
		struct resource *r = random_assignment(i % 2 ? 2 : 0);
		struct arena arena;
		ProtobufCMessage *m;
		struct pbscan_error error;
		char why[1024];
		bool good;

		if (i % 4 >= 2)
			r->body[pick(r->size)] ^= (uint8_t)(1u << pick(8));
		arena_init(&arena, 0);
		good = pbscan_unpack(&envoy__config__endpoint__v3__cluster_load_assignment__descriptor, r->body,
				     r->size, NULL, &arena, &m, &error) == 0;
		arena_deinit(&arena);
		if (assignment_plain(r->body, r->size, NULL, NULL)) {
			plain++;
			assert_int_equal(translation_check(r, nothing_needed, NULL, why, sizeof why), !good);
			refused += !good;
		}
		resource_unref(r);
	}
	assert_true(plain > 1000);
	assert_true(refused > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_as_whole),
		cmocka_unit_test(test_check_refuses_alike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
