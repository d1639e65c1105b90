/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes an object store's image: see image.h.  Two passes: the first numbers the blobs and counts,
 * the second writes.  Called by objects.c for each save; an error of the disk ends it, and the
 * caller removes what was written.
 */
#include "image.h"
#include "image_private.h"

#include <errno.h>
#include <stdlib.h>
#include <xxhash.h>

#include "blobset.h"
#include "codec.h"
#include "keyspace_private.h"

bool store_filter_passes(const struct store_filter *filter, const struct blob *key,
			 const struct blob *value)
{
	return filter == NULL || filter->fn == NULL || filter->fn(filter->ctx, key, value);
}

struct sink {
	int fd, error;
	const struct store_io *io;
	XXH3_state_t *hash;
	size_t fill;
	uint8_t buf[64 << 10];
};

static void sink_flush(struct sink *s)
{
	for (size_t done = 0; done < s->fill && s->error == 0;) {
		ssize_t n = s->io->write(s->fd, s->buf + done, s->fill - done);

		if (n > 0)
			done += (size_t)n;
		else if (n == 0)
			s->error = -EIO;
		else if (errno != EINTR)
			s->error = -errno;
	}
	s->fill = 0;
}

static void sink_bytes(struct sink *s, const uint8_t *data, size_t size)
{
	if (size == 0)
		return;
	XXH3_64bits_update(s->hash, data, size);
	while (size > 0 && s->error == 0) {
		size_t n = MIN(size, sizeof s->buf - s->fill);

		memcpy(s->buf + s->fill, data, n);
		s->fill += n;
		data += n;
		size -= n;
		if (s->fill == sizeof s->buf)
			sink_flush(s);
	}
}

/* What will be written. */
struct plan {
	struct blobset blobs;
	size_t first_txn, keys, omitted;
	uint64_t size;
};

static bool txn_passes(const struct store_filter *filter, const struct txn *t)
{
	if (filter == NULL || filter->fn == NULL)
		return true;
	for (uint32_t i = 0; i < t->count; i++) {
		const struct event *e = &t->events[i];

		if (e->value != NULL && !store_filter_passes(filter, e->key, e->value))
			return false;
		if (e->prev != NULL && !store_filter_passes(filter, e->key, e->prev))
			return false;
	}
	return true;
}

static size_t tail_begin(const struct history *h, const struct store_filter *filter,
			 size_t tail_bytes)
{
	size_t first = h->count, bytes = 0;

	while (first > 0) {
		const struct txn *t = history_at(h, first - 1);

		bytes += t->bytes;
		if ((bytes > tail_bytes && first < h->count) || !txn_passes(filter, t))
			break;
		first--;
	}
	return first;
}

static int plan_key(struct plan *p, const struct store_filter *filter, const struct kv *kv)
{
	int r;

	if (!store_filter_passes(filter, kv->key, kv->value)) {
		p->omitted++;
		return 0;
	}
	p->keys++;
	p->size += IMAGE_KEY_SIZE;
	r = blobset_add(&p->blobs, kv->key);
	return r < 0 ? r : blobset_add(&p->blobs, kv->value);
}

static int plan_txn(struct plan *p, const struct txn *t)
{
	p->size += IMAGE_TXN_SIZE + (uint64_t)t->count * IMAGE_EVENT_SIZE;
	for (uint32_t i = 0; i < t->count; i++) {
		const struct event *e = &t->events[i];
		int r = blobset_add(&p->blobs, e->key);

		if (r == 0)
			r = blobset_add(&p->blobs, e->value);
		if (r == 0)
			r = blobset_add(&p->blobs, e->prev);
		if (r < 0)
			return r;
	}
	return 0;
}

static int plan_make(struct plan *p, const struct keyspace *ks, const struct store_filter *filter,
		     size_t tail_bytes)
{
	const struct history *h = &ks->history;
	int r = 0;

	p->size = IMAGE_HEADER_SIZE + IMAGE_TRAILER_SIZE;
	p->first_txn = tail_begin(h, filter, tail_bytes);
	for (const struct index_entry *e = ks->index.head[0]; e != NULL && r == 0;
	     e = index_next(e))
		r = plan_key(p, filter, &e->kv);
	for (size_t i = p->first_txn; i < h->count && r == 0; i++)
		r = plan_txn(p, history_at(h, i));
	for (size_t i = 0; i < p->blobs.count; i++)
		p->size += IMAGE_BLOB_SIZE + p->blobs.list[i]->size;
	return r == 0 && p->size > IMAGE_SIZE_MAX ? -EFBIG : r;
}

/* What the file can replay from: all that it holds, or what follows the cut. */
static uint64_t plan_compacted(const struct plan *p, const struct keyspace *ks)
{
	return p->first_txn > 0 ? history_at(&ks->history, p->first_txn - 1)->revision
				: ks->compacted;
}

static void write_header(struct sink *s, const struct plan *p, const struct keyspace *ks,
			 uint64_t now_ms)
{
	uint8_t head[IMAGE_HEADER_SIZE], *at = head;

	at = store_bytes(at, IMAGE_MAGIC, 8);
	at = store_u32(at, IMAGE_VERSION);
	at = store_u32(at, 0);
	at = store_u64(at, p->size);
	at = store_u64(at, ks->current);
	at = store_u64(at, plan_compacted(p, ks));
	at = store_u64(at, ks->used);
	at = store_u64(at, now_ms);
	at = store_u64(at, p->omitted);
	at = store_u32(at, (uint32_t)p->blobs.count);
	at = store_u32(at, (uint32_t)p->keys);
	at = store_u32(at, (uint32_t)(ks->history.count - p->first_txn));
	at = store_u32(at, 0);
	store_u64(at, XXH3_64bits(head, IMAGE_CHECK_AT));
	sink_bytes(s, head, sizeof head);
}

static void write_blobs(struct sink *s, const struct blobset *blobs)
{
	for (size_t i = 0; i < blobs->count; i++) {
		uint8_t size[4];

		store_u32(size, (uint32_t)blobs->list[i]->size);
		sink_bytes(s, size, sizeof size);
		sink_bytes(s, blobs->list[i]->data, blobs->list[i]->size);
	}
}

static void write_keys(struct sink *s, const struct plan *p, const struct keyspace *ks,
		       const struct store_filter *filter)
{
	for (const struct index_entry *e = ks->index.head[0]; e != NULL; e = index_next(e)) {
		uint8_t row[IMAGE_KEY_SIZE], *at = row;

		if (!store_filter_passes(filter, e->kv.key, e->kv.value))
			continue;
		at = store_u32(at, blobset_number(&p->blobs, e->kv.key));
		at = store_u32(at, blobset_number(&p->blobs, e->kv.value));
		at = store_u64(at, e->kv.create_revision);
		at = store_u64(at, e->kv.mod_revision);
		store_u64(at, e->kv.version);
		sink_bytes(s, row, sizeof row);
	}
}

static void write_event(struct sink *s, const struct plan *p, const struct event *e)
{
	uint8_t row[IMAGE_EVENT_SIZE], *at = row;

	at = store_u32(at, blobset_number(&p->blobs, e->key));
	at = store_u32(at, blobset_number(&p->blobs, e->value));
	at = store_u32(at, blobset_number(&p->blobs, e->prev));
	at = store_u64(at, e->create_revision);
	at = store_u64(at, e->version);
	store_u64(at, e->prev_mod_revision);
	sink_bytes(s, row, sizeof row);
}

static void write_txns(struct sink *s, const struct plan *p, const struct history *h)
{
	for (size_t i = p->first_txn; i < h->count; i++) {
		const struct txn *t = history_at(h, i);
		uint8_t row[IMAGE_TXN_SIZE], *at = row;

		at = store_u64(at, t->revision);
		at = store_u64(at, t->time_ms);
		store_u32(at, t->count);
		sink_bytes(s, row, sizeof row);
		for (uint32_t j = 0; j < t->count; j++)
			write_event(s, p, &t->events[j]);
	}
}

static void write_trailer(struct sink *s)
{
	uint8_t check[IMAGE_TRAILER_SIZE];

	store_u64(check, XXH3_64bits_digest(s->hash));
	sink_bytes(s, check, sizeof check);
	sink_flush(s);
}

static struct sink *sink_free(struct sink *s)
{
	if (s != NULL)
		XXH3_freeState(s->hash);
	free(s);
	return NULL;
}
DEFINE_FREEP(struct sink *, sink_free);

static struct sink *sink_new(int fd, const struct store_io *io)
{
	struct sink *s = calloc(1, sizeof *s);

	if (s == NULL)
		return NULL;
	s->fd = fd;
	s->io = io;
	s->hash = XXH3_createState();
	if (s->hash == NULL)
		return sink_free(s);
	XXH3_64bits_reset(s->hash);
	return s;
}

int image_write(const struct keyspace *ks, const struct store_filter *filter, size_t tail_bytes,
		uint64_t now_ms, int fd, const struct store_io *io, struct image_info *ret_info)
{
	_cleanup_(sink_freep) struct sink *s = sink_new(fd, io);
	struct plan p = { 0 };
	int r = s != NULL ? plan_make(&p, ks, filter, tail_bytes) : -ENOMEM;

	if (r == 0) {
		write_header(s, &p, ks, now_ms);
		write_blobs(s, &p.blobs);
		write_keys(s, &p, ks, filter);
		write_txns(s, &p, &ks->history);
		write_trailer(s);
		r = s->error;
	}
	if (r == 0)
		*ret_info = (struct image_info){
			.revision = ks->current,
			.saved_ms = now_ms,
			.omitted = p.omitted,
			.keys = p.keys,
			.txns = ks->history.count - p.first_txn,
			.size = p.size,
		};
	blobset_deinit(&p.blobs);
	return r;
}
