/* SPDX-License-Identifier: Apache-2.0 */
/* An open-addressed set of blob pointers: see blobset.h.  Only blobset_add() can fail. */
#include "blobset.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

void blobset_deinit(struct blobset *s)
{
	free(s->list);
	free(s->slots);
	*s = (struct blobset){ 0 };
}

/* The slot that holds the blob, or the free one where it belongs. */
static size_t blobset_slot(const struct blobset *s, const struct blob *b)
{
	size_t i = (size_t)(((uint64_t)(uintptr_t)b >> 4) * 0x9e3779b97f4a7c15u >> 20) &
		   (s->n_slots - 1);

	while (s->slots[i] != 0 && s->list[s->slots[i] - 1] != b)
		i = (i + 1) & (s->n_slots - 1);
	return i;
}

/* At most half full. */
static int blobset_grow(struct blobset *s)
{
	struct blobset grown = { .n_slots = s->n_slots > 0 ? s->n_slots * 2 : 256,
				 .count = s->count };

	if (s->count * 2 < s->n_slots)
		return 0;
	if (s->count >= UINT32_MAX / 4)
		return -EFBIG;
	grown.slots = calloc(grown.n_slots, sizeof grown.slots[0]);
	grown.list = reallocarray(s->list, grown.n_slots / 2, sizeof(struct blob *));
	if (grown.list != NULL)
		s->list = grown.list;
	if (grown.slots == NULL || grown.list == NULL) {
		free(grown.slots);
		return -ENOMEM;
	}
	for (size_t i = 0; i < s->count; i++)
		grown.slots[blobset_slot(&grown, s->list[i])] = (uint32_t)i + 1;
	free(s->slots);
	*s = grown;
	return 0;
}

int blobset_add(struct blobset *s, struct blob *b)
{
	size_t slot;
	int r;

	if (b == NULL)
		return 0;
	r = blobset_grow(s);
	if (r < 0)
		return r;
	slot = blobset_slot(s, b);
	if (s->slots[slot] != 0)
		return 0;
	s->list[s->count++] = b;
	s->slots[slot] = (uint32_t)s->count;
	return 0;
}

uint32_t blobset_number(const struct blobset *s, const struct blob *b)
{
	size_t slot;

	if (b == NULL)
		return UINT32_MAX;
	slot = blobset_slot(s, b);
	assert(s->slots[slot] != 0);
	return s->slots[slot] - 1;
}
