/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads an object store's image: see image.h.  Called by objects.c at start, and by fuzzing.
 * The bytes may be anything: every count is held against the bytes that are left, every number
 * against its neighbours, and the first contradiction ends the reading with a sentence.
 */
#include "image.h"
#include "image_private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <xxhash.h>

#include "codec.h"
#include "keyspace_private.h"

struct image_head {
	uint64_t size, current, compacted, used, saved_ms, omitted;
	uint32_t n_blobs, n_keys, n_txns;
	bool filtered;
};

struct image {
	struct reader in;
	struct image_head head;
	struct blob **blobs;	/* owned, as are the references */
	size_t n_blobs;		/* read so far */
	struct note *note;
};

static int image_bad(struct image *im, const char *what)
{
	note_add(im->note, "the object store's file is damaged: %s", what);
	return -EBADMSG;
}

static void image_deinit(struct image *im)
{
	for (size_t i = 0; i < im->n_blobs; i++)
		blob_unref(im->blobs[i]);
	free(im->blobs);
}

static void head_fields(struct reader in, struct image_head *h)
{
	h->size = read_u64(&in);
	h->current = read_u64(&in);
	h->compacted = read_u64(&in);
	h->used = read_u64(&in);
	h->saved_ms = read_u64(&in);
	h->omitted = read_u64(&in);
	h->n_blobs = read_u32(&in);
	h->n_keys = read_u32(&in);
	h->n_txns = read_u32(&in);
}

static int read_head(struct image *im, const uint8_t *data, size_t size)
{
	struct image_head *h = &im->head;

	if (size < IMAGE_HEADER_SIZE + IMAGE_TRAILER_SIZE)
		return image_bad(im, "it is too short");
	if (memcmp(data, IMAGE_MAGIC, 8) != 0)
		return image_bad(im, "it does not begin like one");
	if (fetch_u32(data + 8) < IMAGE_VERSION_OLDEST || fetch_u32(data + 8) > IMAGE_VERSION) {
		note_add(im->note,
			 "the object store's file is of version %" PRIu32 ", this meshd reads %u",
			 fetch_u32(data + 8), IMAGE_VERSION);
		return -EBADMSG;
	}
	if (fetch_u64(data + IMAGE_CHECK_AT) != XXH3_64bits(data, IMAGE_CHECK_AT))
		return image_bad(im, "its header's checksum is wrong");
	head_fields((struct reader){ .at = data + 16, .end = data + IMAGE_CHECK_AT }, h);
	h->filtered = (fetch_u32(data + IMAGE_FLAGS_AT) & IMAGE_FILTERED) != 0;
	if (h->size != size)
		return image_bad(im, "it is not as long as its header says");
	if (fetch_u64(data + size - IMAGE_TRAILER_SIZE) !=
	    XXH3_64bits(data, size - IMAGE_TRAILER_SIZE))
		return image_bad(im, "its checksum is wrong");
	if (h->current >= REVISION_LIMIT || h->used >= REVISION_LIMIT || h->current > h->used ||
	    h->compacted > h->current)
		return image_bad(im, "its revisions contradict each other");
	return 0;
}

static int read_blob(struct image *im)
{
	uint32_t word = read_u32(&im->in), size = word & ~IMAGE_BLOB_LEASED;
	const uint8_t *data = read_bytes(&im->in, size);
	int64_t lease = word != size ? (int64_t)read_u64(&im->in) : 0;
	struct blob *b;

	if (data == NULL || im->in.bad || size > BLOB_SIZE_MAX)
		return image_bad(im, "a value runs over its end");
	b = blob_new_leased(data, size, lease);
	if (b == NULL)
		return -ENOMEM;
	im->blobs[im->n_blobs++] = b;
	return 0;
}

static int read_blobs(struct image *im)
{
	int r = 0;

	if (!read_fits(&im->in, im->head.n_blobs, IMAGE_BLOB_SIZE))
		return image_bad(im, "it counts more values than it holds");
	im->blobs = calloc((size_t)im->head.n_blobs + 1, sizeof(struct blob *));
	if (im->blobs == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < im->head.n_blobs && r == 0; i++)
		r = read_blob(im);
	return r;
}

/* NULL for IMAGE_NONE and for a number that is not there. */
static struct blob *image_blob(const struct image *im, uint32_t number)
{
	return number < im->n_blobs ? im->blobs[number] : NULL;
}

static int read_key(struct image *im, struct keyspace *ks)
{
	struct kv kv;
	int r;

	kv.key = image_blob(im, read_u32(&im->in));
	kv.value = image_blob(im, read_u32(&im->in));
	kv.create_revision = read_u64(&im->in);
	kv.mod_revision = read_u64(&im->in);
	kv.version = read_u64(&im->in);
	if (kv.key == NULL || kv.value == NULL)
		return image_bad(im, "a key names a value that is not there");
	r = ks_load_kv(ks, &kv);
	return r == -EINVAL ? image_bad(im, "a key is there twice or has impossible numbers") : r;
}

static int read_keys(struct image *im, struct keyspace *ks)
{
	int r = 0;

	if (!read_fits(&im->in, im->head.n_keys, IMAGE_KEY_SIZE))
		return image_bad(im, "it counts more keys than it holds");
	for (uint32_t i = 0; i < im->head.n_keys && r == 0; i++)
		r = read_key(im, ks);
	return r;
}

static bool event_sane(const struct event *e, uint64_t revision)
{
	if (e->key == NULL || e->key->size == 0 || e->key->size > KS_KEY_MAX)
		return false;
	if (e->value == NULL && e->prev == NULL)
		return false;
	if ((e->prev != NULL) != (e->prev_mod_revision != 0) || e->prev_mod_revision >= revision)
		return false;
	if (e->version < (e->value != NULL && e->prev != NULL ? 2u : 1u))
		return false;
	return e->create_revision != 0 &&
	       e->create_revision <= (e->prev != NULL ? e->prev_mod_revision : revision);
}

/* In key order, each key once: the walks into the past rely on nothing else. */
static bool events_ordered(const struct txn *t, uint32_t i)
{
	const struct blob *a, *b = t->events[i].key;

	if (i == 0)
		return true;
	a = t->events[i - 1].key;
	return bytes_compare(a->data, a->size, b->data, b->size) < 0;
}

static int read_event(struct image *im, struct txn *t, uint32_t i)
{
	struct event *e = &t->events[i];

	e->key = blob_ref(image_blob(im, read_u32(&im->in)));
	e->value = blob_ref(image_blob(im, read_u32(&im->in)));
	e->prev = blob_ref(image_blob(im, read_u32(&im->in)));
	e->create_revision = read_u64(&im->in);
	e->version = read_u64(&im->in);
	e->prev_mod_revision = read_u64(&im->in);
	if (!event_sane(e, t->revision) || !events_ordered(t, i))
		return image_bad(im, "an event contradicts itself");
	return 0;
}

static int read_txn(struct image *im, struct keyspace *ks)
{
	uint64_t revision = read_u64(&im->in), time_ms = read_u64(&im->in);
	uint32_t count = read_u32(&im->in);
	_cleanup_(txn_unrefp) struct txn *t = NULL;
	int r = 0;

	if (!read_fits(&im->in, count, IMAGE_EVENT_SIZE))
		return image_bad(im, "it counts more events than it holds");
	t = txn_new(revision, time_ms, count);
	if (t == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < count && r == 0; i++)
		r = read_event(im, t, i);
	if (r < 0)
		return r;
	txn_seal(t);
	r = ks_load_txn(ks, TAKE(t));
	return r == -EINVAL ? image_bad(im, "its transactions are out of order") : r;
}

static int read_txns(struct image *im, struct keyspace *ks)
{
	int r = 0;

	if (!read_fits(&im->in, im->head.n_txns, IMAGE_TXN_SIZE))
		return image_bad(im, "it counts more transactions than it holds");
	for (uint32_t i = 0; i < im->head.n_txns && r == 0; i++)
		r = read_txn(im, ks);
	return r;
}

static int read_body(struct image *im, struct keyspace *ks)
{
	int r;

	ks->current = im->head.current;
	ks->compacted = im->head.compacted;
	ks->used = im->head.used;
	r = read_blobs(im);
	if (r == 0)
		r = read_keys(im, ks);
	if (r == 0)
		r = read_txns(im, ks);
	if (r == 0 && im->in.at != im->in.end)
		r = image_bad(im, "it holds more than it counts");
	return r;
}

int image_read(const uint8_t *data, size_t size, const struct history_limits *limits,
	       struct keyspace **ret_ks, struct image_info *ret_info, struct note *note)
{
	_cleanup_(ks_freep) struct keyspace *ks = NULL;
	struct image im = { .note = note };
	int r;

	r = read_head(&im, data, size);
	if (r < 0)
		return r;
	r = ks_new(limits, &ks);
	if (r < 0)
		return r;
	im.in = (struct reader){ .at = data + IMAGE_HEADER_SIZE,
				 .end = data + size - IMAGE_TRAILER_SIZE };
	r = read_body(&im, ks);
	image_deinit(&im);
	if (r < 0)
		return r;
	*ret_info = (struct image_info){
		.revision = im.head.current,
		.saved_ms = im.head.saved_ms,
		.omitted = im.head.omitted,
		.filtered = im.head.filtered,
		.keys = im.head.n_keys,
		.txns = im.head.n_txns,
		.size = size,
	};
	*ret_ks = TAKE(ks);
	return 0;
}

void image_reseal(uint8_t *data, size_t size)
{
	if (size < IMAGE_HEADER_SIZE + IMAGE_TRAILER_SIZE)
		return;
	store_u64(data + 16, size);
	store_u64(data + IMAGE_CHECK_AT, XXH3_64bits(data, IMAGE_CHECK_AT));
	store_u64(data + size - IMAGE_TRAILER_SIZE, XXH3_64bits(data, size - IMAGE_TRAILER_SIZE));
}
