/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resources without the parts that a reader does not look at, cut out while they are still encoded:
 * decoding a large route configuration costs most of what is done with it.
 */
#ifndef MESHD_TRANSLATION_SKIM_H
#define MESHD_TRANSLATION_SKIM_H

#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

/*
 * Copies an encoded RouteConfiguration without VirtualHost.routes to `to`, which has `size` bytes, and
 * returns the length of the copy. Malformed bytes stay malformed.
 */
size_t skim_routes(const uint8_t *data, size_t size, uint8_t *to);

/* Where the first n virtual hosts lie in it, whole, in their order. */
void skim_vhosts(const uint8_t *data, size_t size, ProtobufCBinaryData *ret_vhosts, size_t n);

#endif
