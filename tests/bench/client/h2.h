/* SPDX-License-Identifier: Apache-2.0 */
/*
 * As much HTTP/2 as a gRPC client of a bench needs: literal headers, windows opened wide once (no
 * run moves 2 GB over one connection), acknowledgements.  Faster than a library, so the measured
 * server is the slow end.  Frames: RFC 9113; prefix of messages: gRPC over HTTP/2.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define H2_REQUEST_MAX 4096

struct h2 {
	int fd;
	uint8_t *in;	/* owned: bytes of an incomplete frame */
	size_t size, room;
	void *arg;
	void (*on_data)(void *arg, const uint8_t *data, size_t size);
	void (*on_end)(void *arg);	/* a stream has ended (its trailers came) */
};

/* Sends the preface on a connected socket; the h2 is zeroed but for its callbacks and arg. */
void h2_start(struct h2 *h, int fd);
void h2_stop(struct h2 *h);
/* Reads once and calls back; dies when the server closes or resets. */
void h2_read(struct h2 *h);
/* One request with one message; a half-open stream unless `end`. */
void h2_request(struct h2 *h, uint32_t stream, const char *path, const uint8_t *message,
		size_t size, bool end);

/* Writers of protobuf: each returns the end of what it wrote. */
uint8_t *pb_varint(uint8_t *out, uint64_t value);
uint8_t *pb_bytes(uint8_t *out, unsigned field, const void *data, size_t size);
/* Reads a varint and moves *p; stops at end. */
uint64_t pb_read(const uint8_t **p, const uint8_t *end);
