/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Base64 (RFC 4648). etcd's JSON API carries every key and value in it, so the encoder is the hot
 * path of the frontend. Two decoders: one with the exact verdict of etcd's gateway (Go's
 * encoding/base64), one as forgiving as the proto3 JSON mapping asks.
 */
#ifndef WIRE_BASE64_H
#define WIRE_BASE64_H

#include <stddef.h>

#include "buf.h"

/* Length of the padded text for len bytes. */
static inline size_t base64_encoded_len(size_t len)
{
	return (len / 3 + (len % 3 != 0)) * 4;
}

/* Writes base64_encoded_len(len) characters to out, no NUL behind. */
void base64_encode_to(char *out, const void *data, size_t len);

/* Appends the padded standard encoding of data to out. Returns 0 or -ENOMEM (sticky, see buf.h). */
int base64_encode(struct buf *out, const void *data, size_t len);

/*
 * Appends the bytes of a padded text in the standard alphabet. CR and LF are skipped and unused
 * bits of the last character are ignored, as Go's StdEncoding does. Returns 0, -ENOMEM, or -EBADMSG
 * with *ret_bad set to N of Go's "illegal base64 data at input byte N"; out is then unchanged.
 */
int base64_decode(struct buf *out, const char *text, size_t len, size_t *ret_bad);

/*
 * As base64_decode(), but takes the standard or the URL alphabet, with or without padding, and
 * skips white space (folded YAML scalars). Rule: proto3 JSON mapping, type bytes.
 */
int base64_decode_lenient(struct buf *out, const char *text, size_t len, size_t *ret_bad);

#endif
