/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ring of journal.h: opening, walking, appending, trimming.  Called by store.c alone.
 * Nothing here allocates, and nothing that is read is trusted: a record counts only if its place,
 * checksum and commit word agree, so that leftovers of an older lap are never taken for one.
 * All stores that a successor relies on are release-ordered, against the compiler as much as
 * against the processor.
 */
#include "journal.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xxhash.h>

#define HEADER_SIZE 4096u
#define ALIGN 64u
#define MAGIC 0x314c4e524a48534du	/* "MSHJRNL1" */
#define RECORD_MAGIC 0x4352524au	/* "JRRC" */
#define PUNCH_MIN (1u << 20)

struct header {
	uint64_t magic, ring_size, check;
};

struct slot {
	struct journal_state state;
	uint64_t check;
};

struct record {
	uint32_t magic, kind;
	uint64_t size;		/* whole record, a multiple of ALIGN */
	uint64_t offset;	/* its place: bytes since the journal began */
	uint64_t revision, previous, time_ms;
	uint32_t count, payload_size;
	uint64_t commit;	/* written last: checksum of all the rest */
};

_Static_assert(sizeof(struct record) == ALIGN, "a record header is one unit of alignment");

static const size_t slot_places[2] = { 512, 1024 };

static uint64_t slot_check(const struct journal_state *state)
{
	return XXH3_64bits_withSeed(state, sizeof *state, MAGIC);
}

static uint64_t header_check(const struct header *h)
{
	return XXH3_64bits_withSeed(h, offsetof(struct header, check), MAGIC);
}

static struct slot *slot_at(const struct journal *j, size_t i)
{
	return (struct slot *)(void *)(j->base + slot_places[i & 1]);
}

static void store_word(uint64_t *place, uint64_t value)
{
	__atomic_store_n(place, value, __ATOMIC_RELEASE);
}

/* Writes the older of the two copies. */
static void state_write(struct journal *j)
{
	uint64_t *words, source[sizeof(struct slot) / sizeof(uint64_t)];
	struct slot next;

	j->state.sequence++;
	next = (struct slot){ .state = j->state, .check = slot_check(&j->state) };
	memcpy(source, &next, sizeof next);
	words = (uint64_t *)(void *)slot_at(j, (size_t)j->state.sequence);
	for (size_t i = 0; i < ARRAY_SIZE(source); i++)
		store_word(&words[i], source[i]);
}

static bool state_valid(const struct journal *j, const struct slot *s)
{
	const struct journal_state *state = &s->state;

	return s->check == slot_check(state) && state->sequence > 0 &&
	       state->committed <= state->used && state->used < REVISION_LIMIT &&
	       state->start <= state->tail && state->tail - state->start <= j->ring_size &&
	       state->start % ALIGN == 0 && state->tail % ALIGN == 0;
}

/* The newer valid copy, or false. */
static bool state_read(const struct journal *j, struct journal_state *ret)
{
	bool found = false;

	for (size_t i = 0; i < 2; i++) {
		struct slot s;

		memcpy(&s, slot_at(j, i), sizeof s);
		if (!state_valid(j, &s) || (found && s.state.sequence < ret->sequence))
			continue;
		*ret = s.state;
		found = true;
	}
	return found;
}

/* A successor counts the generation up; who holds an older one must not write any more. */
int journal_fence(const struct journal *j)
{
	struct journal_state now;

	if (!state_read(j, &now) || now.generation != j->state.generation)
		return -ESTALE;
	return 0;
}

static bool memory_blank(const uint8_t *p, size_t size)
{
	while (size > 0 && *p == 0) {
		p++;
		size--;
	}
	return size == 0;
}

static void journal_format(struct journal *j, bool wipe)
{
	struct header *h = (struct header *)(void *)j->base;

	if (wipe)
		memset(j->base, 0, HEADER_SIZE + j->ring_size);
	j->state = (struct journal_state){ .generation = 1 };
	h->ring_size = j->ring_size;
	h->check = header_check(&(struct header){ .magic = MAGIC, .ring_size = j->ring_size });
	state_write(j);
	state_write(j);
	store_word(&h->magic, MAGIC);
}

static struct record *record_at(const struct journal *j, uint64_t offset)
{
	return (struct record *)(void *)(j->ring + offset % j->ring_size);
}

static size_t room_to_end(const struct journal *j, uint64_t offset)
{
	return j->ring_size - (size_t)(offset % j->ring_size);
}

/* Over everything but the commit word. Never 0. */
static uint64_t record_check(const struct record *r, const uint8_t *payload)
{
	uint64_t check = XXH3_64bits_withSeed(r, offsetof(struct record, commit), RECORD_MAGIC);

	check = XXH3_64bits_withSeed(payload, r->payload_size, check);
	return check != 0 ? check : 1;
}

/* The complete record at this place, or NULL. */
static const struct record *record_read(const struct journal *j, uint64_t offset)
{
	const struct record *r = record_at(j, offset);

	if (r->magic != RECORD_MAGIC || r->offset != offset || r->size < ALIGN ||
	    r->size % ALIGN != 0 || r->size > room_to_end(j, offset) ||
	    r->payload_size > r->size - sizeof *r)
		return NULL;
	if (r->commit != record_check(r, (const uint8_t *)(r + 1)))
		return NULL;
	return r;
}

/* A kill between a record's commit word and the header's loses nothing: the record counts. */
static void journal_recover(struct journal *j)
{
	const struct record *r;

	while (journal_fill(j) < j->ring_size && (r = record_read(j, j->state.tail)) != NULL &&
	       r->size <= j->ring_size - journal_fill(j)) {
		if (r->kind == JOURNAL_TXN && r->revision <= j->state.used)
			j->state.committed = MAX(j->state.committed, r->revision);
		j->state.tail += r->size;
	}
}

int journal_open(struct journal *j, void *memory, size_t size)
{
	const struct header *h = memory;

	if (size < JOURNAL_SIZE_MIN || (uintptr_t)memory % sizeof(uint64_t) != 0)
		return -EINVAL;
	*j = (struct journal){
		.base = memory,
		.ring = (uint8_t *)memory + HEADER_SIZE,
		.ring_size = (size - HEADER_SIZE) / ALIGN * ALIGN,
	};
	if (h->magic == 0 && memory_blank(memory, HEADER_SIZE)) {
		journal_format(j, false);
		return JOURNAL_FRESH;
	}
	if (h->magic != MAGIC || h->ring_size != j->ring_size || h->check != header_check(h) ||
	    !state_read(j, &j->state)) {
		journal_format(j, true);
		return JOURNAL_DAMAGED;
	}
	journal_recover(j);
	j->state.generation++;
	state_write(j);
	return j->state.committed == 0 ? JOURNAL_FRESH : 0;
}

static struct journal_record record_view(const struct record *r)
{
	const uint8_t *payload = (const uint8_t *)(r + 1);

	return (struct journal_record){
		.kind = (enum journal_kind)r->kind,
		.revision = r->revision,
		.previous = r->previous,
		.time_ms = r->time_ms,
		.count = r->count,
		.payload = { .at = payload, .end = payload + r->payload_size },
	};
}

int journal_walk(const struct journal *j, int (*fn)(const struct journal_record *r, void *arg),
		 void *arg)
{
	uint64_t offset = j->state.start;

	while (offset < j->state.tail) {
		const struct record *r = record_read(j, offset);
		struct journal_record view;
		int end;

		if (r == NULL)
			return 0;
		view = record_view(r);
		end = view.kind == JOURNAL_PAD ? 0 : fn(&view, arg);
		if (end != 0)
			return end;
		offset += r->size;
	}
	return 0;
}

/* In a value's size: the id of its lease follows the bytes. */
#define LEASED (1u << 31)

bool journal_next_change(struct journal_record *record, struct journal_change *ret_change)
{
	struct reader *p = &record->payload;
	struct journal_change c = { 0 };

	if (record->count == 0 || p->bad)
		return false;
	record->count--;
	c.key_size = read_u32(p);
	c.value_size = read_u32(p);
	if (record->kind == JOURNAL_KEEP) {
		c.create_revision = read_u64(p);
		c.mod_revision = read_u64(p);
		c.version = read_u64(p);
	}
	c.key = read_bytes(p, c.key_size);
	if (c.value_size != UINT32_MAX) {
		bool leased = (c.value_size & LEASED) != 0;

		c.value_size &= ~LEASED;
		c.value = read_bytes(p, c.value_size);
		c.lease = leased ? (int64_t)read_u64(p) : 0;
	}
	if (p->bad)
		return false;
	*ret_change = c;
	return true;
}

/* Writes a record header; its commit word follows once the payload stands. */
static struct record *record_begin(struct journal *j, uint64_t offset, const struct record *head)
{
	struct record *r = record_at(j, offset);

	store_word(&r->commit, 0);
	atomic_thread_fence(memory_order_seq_cst);
	*r = *head;
	r->magic = RECORD_MAGIC;
	r->offset = offset;
	return r;
}

static void record_commit(struct record *r)
{
	uint64_t check = record_check(r, (const uint8_t *)(r + 1));

	atomic_thread_fence(memory_order_release);
	store_word(&r->commit, check);
}

/* A record is never split: what is left at the end of the ring is skipped, visibly. */
static void journal_pad(struct journal *j, size_t size)
{
	const struct record head = { .kind = JOURNAL_PAD, .size = size };

	record_commit(record_begin(j, j->state.tail, &head));
	j->state.tail += size;
}

/*
 * Begins a record that fits with `spare` bytes to go; the caller fills in the payload, then calls
 * record_end(). 0, JOURNAL_FULL, -ESTALE.
 */
static int record_start(struct journal *j, struct record *head, size_t payload, size_t spare,
			struct record **ret)
{
	size_t size = (sizeof *head + payload + ALIGN - 1) / ALIGN * ALIGN;
	size_t left = room_to_end(j, j->state.tail);
	size_t pad = size > left ? left : 0;
	size_t free_bytes = j->ring_size - journal_fill(j);

	if (journal_fence(j) < 0)
		return -ESTALE;
	if (payload > UINT32_MAX || size > free_bytes || pad > free_bytes - size ||
	    spare > free_bytes - size - pad)
		return JOURNAL_FULL;
	if (pad > 0)
		journal_pad(j, pad);
	head->size = size;
	head->payload_size = (uint32_t)payload;
	*ret = record_begin(j, j->state.tail, head);
	return 0;
}

static void record_end(struct journal *j, struct record *r)
{
	record_commit(r);
	j->state.tail += r->size;
	if (r->kind == JOURNAL_TXN)
		j->state.committed = MAX(j->state.committed, r->revision);
	state_write(j);
}

size_t journal_fill(const struct journal *j)
{
	return (size_t)(j->state.tail - j->state.start);
}

int journal_take(struct journal *j, uint64_t revision)
{
	int r = journal_fence(j);

	if (r < 0)
		return r;
	j->state.used = MAX(j->state.used, revision);
	state_write(j);
	return 0;
}

int journal_skip(struct journal *j, uint64_t revision)
{
	int r = journal_fence(j);

	if (r < 0)
		return r;
	j->state.used = MAX(j->state.used, revision);
	j->state.committed = MAX(j->state.committed, revision);
	state_write(j);
	return 0;
}

#define CHANGE_SIZE 8u
#define KEEP_SIZE (CHANGE_SIZE + 24u)

static size_t value_payload(const struct blob *value)
{
	return value == NULL ? 0 : value->size + (value->leased ? sizeof(uint64_t) : 0);
}

static uint32_t value_word(const struct blob *value)
{
	return value == NULL ? UINT32_MAX : (uint32_t)value->size | (value->leased ? LEASED : 0);
}

static uint8_t *store_value(uint8_t *p, const struct blob *value)
{
	if (value == NULL)
		return p;
	p = store_bytes(p, value->data, value->size);
	return value->leased ? store_u64(p, (uint64_t)blob_lease(value)) : p;
}

static size_t txn_payload(const struct txn *t)
{
	size_t size = 0;

	for (uint32_t i = 0; i < t->count; i++) {
		const struct event *e = &t->events[i];

		size += CHANGE_SIZE + e->key->size + value_payload(e->value);
	}
	return size;
}

static uint8_t *store_change(uint8_t *p, const struct event *e)
{
	p = store_u32(p, (uint32_t)e->key->size);
	p = store_u32(p, value_word(e->value));
	p = store_bytes(p, e->key->data, e->key->size);
	return store_value(p, e->value);
}

int journal_append(struct journal *j, const struct txn *t, uint64_t previous, size_t spare)
{
	struct record *record, head = {
		.kind = JOURNAL_TXN,
		.revision = t->revision,
		.previous = previous,
		.time_ms = t->time_ms,
		.count = t->count,
	};
	uint8_t *p;
	int r;

	r = record_start(j, &head, txn_payload(t), spare, &record);
	if (r != 0)
		return r;
	p = (uint8_t *)(record + 1);
	for (uint32_t i = 0; i < t->count; i++)
		p = store_change(p, &t->events[i]);
	record_end(j, record);
	return 0;
}

size_t journal_keep_cost(const struct kv *kv)
{
	return KEEP_SIZE + kv->key->size + value_payload(kv->value);
}

static uint8_t *store_keep(uint8_t *p, const struct kv *kv)
{
	p = store_u32(p, (uint32_t)kv->key->size);
	p = store_u32(p, value_word(kv->value));
	p = store_u64(p, kv->create_revision);
	p = store_u64(p, kv->mod_revision);
	p = store_u64(p, kv->version);
	p = store_bytes(p, kv->key->data, kv->key->size);
	return store_value(p, kv->value);
}

int journal_keep(struct journal *j, uint64_t revision, const struct kv *kvs, uint32_t count)
{
	struct record *record,
		head = { .kind = JOURNAL_KEEP, .revision = revision, .count = count };
	size_t payload = 0;
	uint8_t *p;
	int r;

	for (uint32_t i = 0; i < count; i++)
		payload += journal_keep_cost(&kvs[i]);
	r = record_start(j, &head, payload, 0, &record);
	if (r != 0)
		return r;
	p = (uint8_t *)(record + 1);
	for (uint32_t i = 0; i < count; i++)
		p = store_keep(p, &kvs[i]);
	record_end(j, record);
	return 0;
}

static bool record_outdated(const struct record *r, uint64_t revision)
{
	switch ((enum journal_kind)r->kind) {
	case JOURNAL_TXN:
		return r->revision <= revision;
	case JOURNAL_KEEP:
		return r->revision < revision;
	case JOURNAL_PAD:
		return true;
	}
	return true;
}

/* Large journals give their pages back once they are empty; failing that only costs memory. */
static void journal_punch(struct journal *j)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uintptr_t from = ((uintptr_t)j->ring + page - 1) / page * page;
	uintptr_t to = ((uintptr_t)j->ring + j->ring_size) / page * page;

	if (to > from)
		(void)madvise((void *)from, to - from, MADV_REMOVE);
}

static void drop_outdated(struct journal *j, uint64_t revision)
{
	while (j->state.start < j->state.tail) {
		const struct record *oldest = record_read(j, j->state.start);

		if (oldest == NULL) {	/* damaged: nothing behind it can be reached either */
			j->state.start = j->state.tail;
			return;
		}
		if (!record_outdated(oldest, revision))
			return;
		j->state.start += oldest->size;
	}
}

int journal_trim(struct journal *j, uint64_t revision)
{
	size_t lap = (size_t)(j->state.tail % j->ring_size);
	int r = journal_fence(j);

	if (r < 0)
		return r;
	drop_outdated(j, revision);
	if (j->state.start < j->state.tail || lap == 0) {
		state_write(j);
		return 0;
	}
	j->state.tail += room_to_end(j, j->state.tail);	/* a new lap: a quiet journal stays in few pages */
	j->state.start = j->state.tail;
	state_write(j);
	if (lap >= PUNCH_MIN)
		journal_punch(j);
	return 0;
}
