/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes an object store's image: see image.h.  Takes a snapshot, numbers its blobs and counts
 * (a few milliseconds for 10,000 keys); then writes piece by piece, as much per step as the caller
 * likes.  Called by objects.c; an error of the disk ends it, and the caller removes what was written.
 */
#include "image.h"
#include "image_private.h"

#include <errno.h>
#include <stdlib.h>
#include <xxhash.h>

#include "blobset.h"
#include "codec.h"
#include "snapshot.h"

struct sink {
	int fd, error;
	const struct store_io *io;
	XXH3_state_t *hash;
	uint64_t written;	/* bytes taken so far */
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
	s->written += size;
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

struct image_writer {
	struct sink *sink;		/* owned */
	struct snapshot snapshot;
	struct blobset blobs;
	uint64_t size;			/* of the whole image */
	size_t phase, item;		/* what comes next */
};

static int plan_txn(struct image_writer *w, const struct txn *t)
{
	w->size += IMAGE_TXN_SIZE + (uint64_t)t->count * IMAGE_EVENT_SIZE;
	for (uint32_t i = 0; i < t->count; i++) {
		const struct event *e = &t->events[i];
		int r = blobset_add(&w->blobs, e->key);

		if (r == 0)
			r = blobset_add(&w->blobs, e->value);
		if (r == 0)
			r = blobset_add(&w->blobs, e->prev);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Numbers the blobs, and counts what the header must know. */
static int plan(struct image_writer *w)
{
	const struct snapshot *s = &w->snapshot;
	int r = 0;

	w->size = IMAGE_HEADER_SIZE + IMAGE_TRAILER_SIZE + (uint64_t)s->n_kvs * IMAGE_KEY_SIZE;
	for (size_t i = 0; i < s->n_kvs && r == 0; i++) {
		r = blobset_add(&w->blobs, s->kvs[i].key);
		if (r == 0)
			r = blobset_add(&w->blobs, s->kvs[i].value);
	}
	for (size_t i = 0; i < s->n_txns && r == 0; i++)
		r = plan_txn(w, s->txns[i]);
	for (size_t i = 0; i < w->blobs.count; i++)
		w->size += IMAGE_BLOB_SIZE + w->blobs.list[i]->size +
			   (w->blobs.list[i]->leased ? sizeof(uint64_t) : 0);
	return r == 0 && w->size > IMAGE_SIZE_MAX ? -EFBIG : r;
}

static void write_header(struct image_writer *w, size_t item)
{
	const struct snapshot *s = &w->snapshot;
	uint8_t head[IMAGE_HEADER_SIZE], *at = head;

	at = store_bytes(at, IMAGE_MAGIC, 8);
	at = store_u32(at, IMAGE_VERSION);
	at = store_u32(at, s->filtered ? IMAGE_FILTERED : 0);
	at = store_u64(at, w->size);
	at = store_u64(at, s->current);
	at = store_u64(at, s->compacted);
	at = store_u64(at, s->used);
	at = store_u64(at, s->saved_ms);
	at = store_u64(at, s->n_left_out);
	at = store_u32(at, (uint32_t)w->blobs.count);
	at = store_u32(at, (uint32_t)s->n_kvs);
	at = store_u32(at, (uint32_t)s->n_txns);
	at = store_u32(at, 0);
	store_u64(at, XXH3_64bits(head, IMAGE_CHECK_AT));
	sink_bytes(w->sink, head, sizeof head);
}

static void write_blob(struct image_writer *w, size_t item)
{
	const struct blob *b = w->blobs.list[item];
	uint8_t size[4], lease[8];

	store_u32(size, (uint32_t)b->size | (b->leased ? IMAGE_BLOB_LEASED : 0));
	sink_bytes(w->sink, size, sizeof size);
	sink_bytes(w->sink, b->data, b->size);
	store_u64(lease, (uint64_t)blob_lease(b));
	sink_bytes(w->sink, lease, b->leased ? sizeof lease : 0);
}

static void write_key(struct image_writer *w, size_t item)
{
	const struct kv *kv = &w->snapshot.kvs[item];
	uint8_t row[IMAGE_KEY_SIZE], *at = row;

	at = store_u32(at, blobset_number(&w->blobs, kv->key));
	at = store_u32(at, blobset_number(&w->blobs, kv->value));
	at = store_u64(at, kv->create_revision);
	at = store_u64(at, kv->mod_revision);
	store_u64(at, kv->version);
	sink_bytes(w->sink, row, sizeof row);
}

static void write_event(struct image_writer *w, const struct event *e)
{
	uint8_t row[IMAGE_EVENT_SIZE], *at = row;

	at = store_u32(at, blobset_number(&w->blobs, e->key));
	at = store_u32(at, blobset_number(&w->blobs, e->value));
	at = store_u32(at, blobset_number(&w->blobs, e->prev));
	at = store_u64(at, e->create_revision);
	at = store_u64(at, e->version);
	store_u64(at, e->prev_mod_revision);
	sink_bytes(w->sink, row, sizeof row);
}

static void write_txn(struct image_writer *w, size_t item)
{
	const struct txn *t = w->snapshot.txns[item];
	uint8_t row[IMAGE_TXN_SIZE], *at = row;

	at = store_u64(at, t->revision);
	at = store_u64(at, t->time_ms);
	store_u32(at, t->count);
	sink_bytes(w->sink, row, sizeof row);
	for (uint32_t i = 0; i < t->count; i++)
		write_event(w, &t->events[i]);
}

static void write_trailer(struct image_writer *w, size_t item)
{
	uint8_t check[IMAGE_TRAILER_SIZE];

	store_u64(check, XXH3_64bits_digest(w->sink->hash));
	sink_bytes(w->sink, check, sizeof check);
	sink_flush(w->sink);
}

static size_t count_one(const struct image_writer *w)
{
	return 1;
}

static size_t count_blobs(const struct image_writer *w)
{
	return w->blobs.count;
}

static size_t count_keys(const struct image_writer *w)
{
	return w->snapshot.n_kvs;
}

static size_t count_txns(const struct image_writer *w)
{
	return w->snapshot.n_txns;
}

/* The image from its first byte to its last. */
static const struct phase {
	size_t (*count)(const struct image_writer *w);
	void (*item)(struct image_writer *w, size_t item);
} phases[] = {
	{ count_one, write_header },
	{ count_blobs, write_blob },
	{ count_keys, write_key },
	{ count_txns, write_txn },
	{ count_one, write_trailer },
};

static struct sink *sink_free(struct sink *s)
{
	if (s != NULL)
		XXH3_freeState(s->hash);
	free(s);
	return NULL;
}

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

struct image_writer *image_writer_free(struct image_writer *w)
{
	if (w == NULL)
		return NULL;
	sink_free(w->sink);
	blobset_deinit(&w->blobs);
	snapshot_deinit(&w->snapshot);
	free(w);
	return NULL;
}

int image_writer_new(const struct keyspace *ks, const struct image_scope *scope, int fd,
		     const struct store_io *io, struct image_writer **ret_writer)
{
	_cleanup_(image_writer_freep) struct image_writer *w = calloc(1, sizeof *w);
	int r;

	if (w == NULL)
		return -ENOMEM;
	w->sink = sink_new(fd, io);
	r = w->sink != NULL ? snapshot_take(&w->snapshot, ks, scope) : -ENOMEM;
	if (r == 0)
		r = plan(w);
	if (r < 0)
		return r;
	*ret_writer = TAKE(w);
	return 0;
}

static void writer_info(const struct image_writer *w, struct image_info *ret_info)
{
	const struct snapshot *s = &w->snapshot;

	*ret_info = (struct image_info){
		.revision = s->current,
		.saved_ms = s->saved_ms,
		.omitted = s->n_left_out,
		.filtered = s->filtered,
		.keys = s->n_kvs,
		.txns = s->n_txns,
		.size = w->size,
	};
}

int image_writer_step(struct image_writer *w, size_t bytes, struct image_info *ret_info)
{
	uint64_t from = w->sink->written;

	while (w->phase < ARRAY_SIZE(phases)) {
		const struct phase *p = &phases[w->phase];

		if (w->item >= p->count(w)) {
			w->phase++;
			w->item = 0;
			continue;
		}
		if (w->sink->written - from >= bytes)
			return IMAGE_MORE;
		p->item(w, w->item++);
		if (w->sink->error != 0)
			return w->sink->error;
	}
	writer_info(w, ret_info);
	return 0;
}

const struct snapshot *image_writer_snapshot(const struct image_writer *w)
{
	return &w->snapshot;
}
