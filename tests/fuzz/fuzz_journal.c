/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The revision journal.  The input is a program of two-byte steps: append, trim, flip a byte of the
 * shared memory, open as a successor.  Whatever happens to the memory, what a walk finds is in
 * order, the numbers in the header never go back while the header is whole, and nothing crashes.
 * The rest of the input is also read as the payload of a record.
 */
#include <stdlib.h>
#include <string.h>

#include "journal.h"

#define SIZE JOURNAL_SIZE_MIN

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static _Alignas(4096) uint8_t memory[SIZE];

struct seen {
	uint64_t last;
};

static volatile uint8_t total;	/* so that every byte is really read */

static int check_record(const struct journal_record *found, void *arg)
{
	struct journal_record r = *found;
	struct journal_change c;
	struct seen *seen = arg;

	if (r.kind == JOURNAL_TXN && r.revision <= seen->last)
		abort();
	if (r.kind == JOURNAL_TXN)
		seen->last = r.revision;
	while (journal_next_change(&r, &c))
		for (uint32_t i = 0; i < c.key_size; i++)
			total += c.key[i];
	return 0;
}

static void append(struct journal *j, unsigned size)
{
	static const uint8_t zeroes[256 * 64];
	uint64_t revision = j->state.used + 1;
	struct txn *t = txn_new(revision, 1, 1);

	if (t == NULL)
		return;
	t->events[0].key = blob_new("key", 3);
	t->events[0].value = blob_new(zeroes, size * 64);
	if (journal_take(j, revision) == 0)
		(void)journal_append(j, t, revision - 1, 0);
	txn_unref(t);
}

static void step(struct journal *j, uint8_t what, uint8_t arg)
{
	struct seen seen = { 0 };

	switch (what % 4) {
	case 0:
		append(j, arg);
		break;
	case 1:
		(void)journal_trim(j, j->state.committed - MIN(j->state.committed, arg));
		break;
	case 2:
		memory[((size_t)what >> 2) * 1024 + arg * 4u] ^= (uint8_t)(1u << (arg % 8));
		break;
	case 3:
		if (journal_open(j, memory, SIZE) != 0)
			(void)journal_skip(j, 10);
		break;
	}
	(void)journal_walk(j, check_record, &seen);
}

static void read_payload(const uint8_t *data, size_t size)
{
	struct journal_record r = {
		.kind = size % 2 == 0 ? JOURNAL_TXN : JOURNAL_KEEP,
		.revision = 1,
		.count = UINT32_MAX,
		.payload = { .at = data, .end = data + size },
	};

	(void)check_record(&r, &(struct seen){ 0 });
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct journal j;

	memset(memory, 0, SIZE);
	if (journal_open(&j, memory, SIZE) != JOURNAL_FRESH || journal_skip(&j, 10) != 0)
		abort();
	for (size_t i = 0; i + 1 < size && i < 2000; i += 2)
		step(&j, data[i], data[i + 1]);
	read_payload(data, size);
	return 0;
}
