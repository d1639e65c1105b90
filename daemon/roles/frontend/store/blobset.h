/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers the blobs that an image writer meets, by identity: what is shared gets one number.
 * Borrows the blobs. Used by image_write.c while it saves.
 */
#ifndef STORE_BLOBSET_H
#define STORE_BLOBSET_H

#include "blob.h"

struct blobset {
	struct blob **list;	/* owned array, borrowed blobs, by number */
	uint32_t *slots;	/* owned hash table: number + 1, 0 = free; a power of two */
	size_t count, n_slots;
};

void blobset_deinit(struct blobset *s);
/* Adds it unless it is there; NULL is ignored. -ENOMEM, -EFBIG. */
int blobset_add(struct blobset *s, struct blob *b);
/* Its number; UINT32_MAX for NULL. It must be there. */
uint32_t blobset_number(const struct blobset *s, const struct blob *b);

#endif
