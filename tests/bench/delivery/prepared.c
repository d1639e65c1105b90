/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See prepared.h.  Messages are written by hand, inside out; the field numbers are those of Envoy's
 * API v3 (cluster.proto, endpoint.proto, endpoint_components.proto, address.proto, base.proto).
 */
#include "prepared.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ENDPOINT_MAX 256	/* bytes of one endpoint's message */
#define ENDPOINTS_MAX 64
#define WEIGHTS 8000		/* all of two bytes as a varint */

/* A message in the making; never larger than its room, which the callers know. */
struct part {
	size_t size;
	uint8_t bytes[ENDPOINT_MAX];
};

static uint8_t *put_varint(uint8_t *out, uint64_t value)
{
	for (; value > 127; value >>= 7)
		*out++ = (uint8_t)(value | 128);
	*out++ = (uint8_t)value;
	return out;
}

static uint8_t *put_bytes(uint8_t *out, unsigned field, const void *data, size_t size)
{
	out = put_varint(put_varint(out, (uint64_t)field << 3 | 2), size);
	memcpy(out, data, size);
	return out + size;
}

static void add(struct part *p, unsigned field, const void *data, size_t size)
{
	p->size = (size_t)(put_bytes(p->bytes + p->size, field, data, size) - p->bytes);
}

static void add_text(struct part *p, unsigned field, const char *text)
{
	add(p, field, text, strlen(text));
}

static void add_number(struct part *p, unsigned field, uint64_t value)
{
	p->size = (size_t)(put_varint(put_varint(p->bytes + p->size, (uint64_t)field << 3), value) - p->bytes);
}

/* The message so far becomes the field of a message around it. */
static void wrap(struct part *p, unsigned field)
{
	struct part inner = *p;

	p->size = 0;
	add(p, field, inner.bytes, inner.size);
}

/* Metadata { filter_metadata { "istio": { "workload": "…" } } } */
static void add_metadata(struct part *endpoint, size_t cluster)
{
	struct part p = { 0 }, pair = { 0 };
	char text[128];

	snprintf(text, sizeof text, "workload-%zu;namespace-%zu;service-%zu;v1;mesh", cluster, cluster % 50, cluster);
	add_text(&p, 3, text);
	add_text(&pair, 1, "workload");
	add(&pair, 2, p.bytes, p.size);
	wrap(&pair, 1);
	p.size = 0;
	add_text(&p, 1, "istio");
	add(&p, 2, pair.bytes, pair.size);
	wrap(&p, 1);
	add(endpoint, 3, p.bytes, p.size);
}

static void make_endpoint(struct part *p, size_t cluster, size_t i, unsigned weight)
{
	struct part inner = { 0 };
	char address[48];

	snprintf(address, sizeof address, "10.%zu.%zu.%zu", cluster / 250 % 250, cluster % 250, i + 1);
	add_text(p, 2, address);
	add_number(p, 3, 8080);
	wrap(p, 1);	/* Address.socket_address */
	wrap(p, 1);	/* Endpoint.address */
	wrap(p, 1);	/* LbEndpoint.endpoint */
	add_number(p, 2, 1);
	add_metadata(p, cluster);
	add_number(&inner, 1, weight);
	add(p, 4, inner.bytes, inner.size);
}

/* Writes one assignment to item->body, which has the room. */
static void make_assignment(struct prepared_item *item, size_t cluster, size_t endpoints, unsigned round)
{
	struct part locality = { 0 };
	static uint8_t list[(ENDPOINTS_MAX + 1) * ENDPOINT_MAX];
	uint8_t *end = list, *out = item->body;
	char zone[32];

	snprintf(zone, sizeof zone, "zone-%zu", cluster % 3);
	add_text(&locality, 1, "region-1");
	add_text(&locality, 2, zone);
	end = put_bytes(end, 1, locality.bytes, locality.size);
	for (size_t i = 0; i < endpoints; i++) {
		struct part p = { 0 };

		make_endpoint(&p, cluster, i, i == 0 ? 1000 + round % WEIGHTS : 1000);
		end = put_bytes(end, 2, p.bytes, p.size);
	}
	out = put_bytes(out, 1, item->name, strlen(item->name));
	out = put_bytes(out, 2, list, (size_t)(end - list));
	item->size = (size_t)(out - item->body);
}

/* EDS by ADS, connect_timeout 1 s, least request. */
static void make_cluster(struct prepared_item *item)
{
	struct part p = { 0 };

	add_text(&p, 1, item->name);
	add_number(&p, 2, 3);
	add(&p, 3, "\x0a\x04\x1a\x00\x30\x02", 6);
	add(&p, 4, "\x08\x01", 2);
	add_number(&p, 6, 1);
	memcpy(item->body, p.bytes, p.size);
	item->size = p.size;
}

static struct prepared_item *items_new(size_t n, size_t room)
{
	struct prepared_item *items = calloc(n, sizeof *items);
	uint8_t *bytes = malloc(n * room);

	if (items == NULL || bytes == NULL)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		snprintf(items[i].name, sizeof items[i].name, "cluster-%zu", i);
		items[i].body = bytes + i * room;
	}
	return items;
}

struct prepared *prepared_new(size_t n, size_t endpoints)
{
	struct prepared *p = calloc(1, sizeof *p);

	if (p == NULL || endpoints > ENDPOINTS_MAX || (p->clusters = items_new(n, ENDPOINT_MAX)) == NULL ||
	    (p->assignments = items_new(n, (endpoints + 1) * ENDPOINT_MAX)) == NULL)
		return NULL;
	p->n = n;
	p->endpoints = endpoints;
	for (size_t i = 0; i < n; i++) {
		make_cluster(&p->clusters[i]);
		make_assignment(&p->assignments[i], i, endpoints, 0);
		p->cluster_bytes += p->clusters[i].size;
		p->assignment_bytes += p->assignments[i].size;
	}
	return p;
}

void prepared_change(struct prepared *p, size_t i, unsigned round)
{
	make_assignment(&p->assignments[i], i, p->endpoints, round);
}

double prepared_now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}
