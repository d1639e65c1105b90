/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The object store's bytes: a key space with its revisions and the newest part of its history, or
 * an older part of the history alone, as one checksummed string.  Written through a sink of 64 KB,
 * so saving needs little memory; read from one buffer, and nothing of it is used before checksum,
 * bounds, order and numbers are verified.
 *
 * Little endian: header (88 bytes: magic, version, flags, size, revisions, counts, checksum of these),
 * blobs (size, bytes, since version 2 a lease if the size says so), keys (key blob, value blob,
 * three numbers), transactions (revision, time, events), XXH3-64 of everything before.  A blob that
 * several places share is written once.
 */
#ifndef STORE_IMAGE_H
#define STORE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "keyspace.h"
#include "note.h"

#define IMAGE_VERSION 2u
#define IMAGE_VERSION_OLDEST 1u
#define IMAGE_SIZE_MAX (1ull << 30)

/* Which values may be written to disk. fn NULL: all. */
struct store_filter {
	bool (*fn)(void *ctx, const struct blob *key, const struct blob *value);
	void *ctx;
};

/* System calls of the writer; tests replace them to see a disk full or broken. */
struct store_io {
	ssize_t (*write)(int fd, const void *data, size_t size);
	int (*sync)(int fd);
};

struct image_info {
	uint64_t revision;
	uint64_t saved_ms;	/* epoch */
	uint64_t omitted;	/* keys that were left out by the filter */
	bool filtered;		/* there was a filter */
	size_t keys, txns, size;
};

bool store_filter_passes(const struct store_filter *filter, const struct blob *key,
			 const struct blob *value);

enum {
	IMAGE_MORE = 1,		/* the writer is not at its end yet */
};

struct image_writer;
struct snapshot;

/* What of a key space is written. */
struct image_scope {
	const struct store_filter *filter;	/* borrowed for the call; NULL: everything passes */
	uint64_t after;		/* history after this revision; what is older is written elsewhere */
	uint64_t last;		/* 0: up to now, and the keys. Else: history up to here and no key */
	uint64_t now_ms;
};

/*
 * Begins to write the key space, as it is now, to fd (borrowed). The history begins behind the
 * newest transaction that holds a value which must not be stored. -ENOMEM, -EFBIG.
 */
int image_writer_new(const struct keyspace *ks, const struct image_scope *scope, int fd,
		     const struct store_io *io, struct image_writer **ret_writer);
struct image_writer *image_writer_free(struct image_writer *w);
DEFINE_FREEP(struct image_writer *, image_writer_free);
/* Writes about `bytes` more. 0: all is written, ret_info is set. IMAGE_MORE, or -errno of write. */
int image_writer_step(struct image_writer *w, size_t bytes, struct image_info *ret_info);
/* What is being written, borrowed. */
const struct snapshot *image_writer_snapshot(const struct image_writer *w);

/*
 * Rebuilds a key space. -EBADMSG: damaged or not of this version, the note says how; -ENOMEM.
 * `limits` as for ks_new().
 */
int image_read(const uint8_t *data, size_t size, const struct history_limits *limits,
	       struct keyspace **ret_ks, struct image_info *ret_info, struct note *note);

/* Puts right the checksums of a changed image: for tests and fuzzing, which would stop at them. */
void image_reseal(uint8_t *data, size_t size);

#endif
