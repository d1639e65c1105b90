/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What both wire forms share: the identity of this "cluster", tombstones and numbers.
 */
#include "form.h"

#include <inttypes.h>
#include <stdio.h>

#include "pbwrite.h"

/* FNV-1a, 64 bits: stable over builds and machines; the top bit stays clear for signed readers. */
static uint64_t hash(const char *salt, const char *text)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *salt != '\0'; salt++)
		h = (h ^ (uint8_t)*salt) * UINT64_C(0x100000001b3);
	for (; *text != '\0'; text++)
		h = (h ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
	return h >> 1 | 1;
}

void ids_set(struct ids *ids, uint64_t cluster, uint64_t member)
{
	uint8_t *end = put_int(put_int(ids->pb, 1, (int64_t)cluster), 2, (int64_t)member);

	ids->pb_len = (size_t)(end - ids->pb);
	ids->cluster = cluster;
	ids->member = member;
	ids->json_len = (size_t)snprintf(ids->json, sizeof ids->json,
					 "{\"cluster_id\":\"%" PRIu64 "\",\"member_id\":\"%" PRIu64
					 "\"", cluster, member);
}

void ids_init(struct ids *ids, const char *prefix)
{
	ids_set(ids, hash("meshd cluster ", prefix), hash("meshd member ", prefix));
}

struct mesh_kv event_kv(const struct mesh_event *event)
{
	if (event->type == MESH_PUT)
		return event->kv;
	return (struct mesh_kv){ .key = event->kv.key, .key_size = event->kv.key_size,
				 .mod_revision = event->kv.mod_revision };
}

const char *decimal(char digits[DECIMAL_SIZE], uint64_t v, size_t *ret_len)
{
	size_t i = DECIMAL_SIZE;

	do {
		digits[--i] = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	*ret_len = DECIMAL_SIZE - i;
	return digits + i;
}
