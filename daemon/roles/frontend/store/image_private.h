/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes and places in an object store's image, shared by its writer and its reader. */
#ifndef STORE_IMAGE_PRIVATE_H
#define STORE_IMAGE_PRIVATE_H

#include <stdint.h>

#define IMAGE_MAGIC "MESHDOBJ"
#define IMAGE_HEADER_SIZE 88u
#define IMAGE_FLAGS_AT 12u
#define IMAGE_FILTERED 1u		/* a filter was in force */
#define IMAGE_CHECK_AT 80u		/* XXH3-64 of the header's bytes before it */
#define IMAGE_TRAILER_SIZE 8u
#define IMAGE_BLOB_SIZE 4u		/* and the bytes */
#define IMAGE_BLOB_LEASED (1u << 31)	/* in the size: 8 bytes with a lease follow */
#define IMAGE_KEY_SIZE 32u
#define IMAGE_TXN_SIZE 20u		/* and the events */
#define IMAGE_EVENT_SIZE 36u
#define IMAGE_NONE UINT32_MAX		/* in the place of a blob's number */

#endif
