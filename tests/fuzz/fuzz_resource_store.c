/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target of the translator's resource store: any bytes as a file, as records, as the kept memory of
 * the tail and as that of the quarantine's mark.  A copy whose checksum was put right reaches what lies
 * behind it.
 */
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "quarantine.h"
#include "record.h"
#include "store.h"
#include "store_format.h"
#include "tail.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Touches all that a record points to, so that a wrong bound is seen. */
static int touch(const struct record *rec, void *arg)
{
	volatile uint64_t *sum = arg;

	*sum += strlen(rec->name) + strlen(rec->version) + (unsigned)rec->kind + (unsigned)rec->type;
	for (size_t i = 0; i < rec->size; i++)
		*sum += rec->body[i];
	return 0;
}

static int touch_change(const struct record *rec, uint64_t seq, void *arg)
{
	return touch(rec, arg);
}

static void as_file(const uint8_t *data, size_t size, volatile uint64_t *sum)
{
	struct store_head head;
	uint8_t *copy;

	(void)store_parse(data, size, &head, touch, (void *)(uintptr_t)sum);
	if (size < STORE_HEAD + STORE_FOOT)
		return;
	copy = malloc(size);
	if (copy == NULL)
		return;
	memcpy(copy, data, size);
	memcpy(copy, STORE_MAGIC, 8);
	put_le32(copy + 8, STORE_VERSION);
	put_le64(copy + 24, size - STORE_HEAD - STORE_FOOT);
	put_le64(copy + size - STORE_FOOT, XXH3_64bits(copy, size - STORE_FOOT));
	(void)store_parse(copy, size, &head, touch, (void *)(uintptr_t)sum);
	free(copy);
}

static void as_memory(const uint8_t *data, size_t size, volatile uint64_t *sum)
{
	size_t room = size < QUARANTINE_MEMORY ? QUARANTINE_MEMORY : size;
	const struct record rec = { .kind = RECORD_ORIGIN, .name = "x", .version = "" };
	uint8_t *copy = calloc(1, room);
	struct quarantine *q = NULL;
	struct tail t;

	if (copy == NULL)
		return;
	memcpy(copy, data, size);
	if (quarantine_new(copy, &q) == 0)
		quarantine_free(q);
	memcpy(copy, data, size);
	tail_init(&t, copy, size);
	(void)tail_replay(&t, 0, touch_change, (void *)(uintptr_t)sum);
	(void)tail_append(&t, &rec);
	tail_init(&t, copy, size);
	(void)tail_replay(&t, 0, touch_change, (void *)(uintptr_t)sum);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	volatile uint64_t sum = 0;
	struct record rec;
	size_t used;

	as_file(data, size, &sum);
	as_memory(data, size, &sum);
	if (record_read(data, size, &rec, &used) == 0)
		touch(&rec, (void *)(uintptr_t)&sum);
	return 0;
}
