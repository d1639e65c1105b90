/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See h2.h.
 */
#include "h2.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "link.h"

#define HEAD 9
#define READ_SIZE (16 * 1024)

enum { DATA = 0, HEADERS = 1, RST_STREAM = 3, SETTINGS = 4, PING = 6, GOAWAY = 7, WINDOW_UPDATE = 8 };
enum { ACK = 1, END_STREAM = 1, END_HEADERS = 4, PADDED = 8 };

static uint8_t *put_u32(uint8_t *out, uint32_t v)
{
	for (int shift = 24; shift >= 0; shift -= 8)
		*out++ = (uint8_t)(v >> shift);
	return out;
}

static uint32_t get_u32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint8_t *put_head(uint8_t *out, size_t size, int type, int flags, uint32_t stream)
{
	put_u32(out, (uint32_t)size << 8 | (uint32_t)type);
	out[4] = (uint8_t)flags;
	return put_u32(out + 5, stream);
}

void h2_start(struct h2 *h, int fd)
{
	uint8_t out[128], *p = out;

	h->fd = fd;
	memcpy(p, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24);
	p = put_head(p + 24, 6, SETTINGS, 0, 0);
	*p++ = 0;
	*p++ = 4;	/* SETTINGS_INITIAL_WINDOW_SIZE */
	p = put_u32(p, 0x7fffffff);
	p = put_head(p, 4, WINDOW_UPDATE, 0, 0);
	p = put_u32(p, 0x7fffffff - 65535);
	link_write(fd, out, (size_t)(p - out));
}

void h2_stop(struct h2 *h)
{
	close(h->fd);
	free(h->in);
	*h = (struct h2){ .fd = -1 };
}

static void on_data_frame(struct h2 *h, const uint8_t *p, size_t size, int flags)
{
	if ((flags & PADDED) && size > 0) {
		size -= (size_t)p[0] < size ? (size_t)p[0] + 1 : size;
		p++;
	}
	h->on_data(h->arg, p, size);
}

static void on_ack(struct h2 *h, const uint8_t *p, size_t size, int type, int flags)
{
	uint8_t out[HEAD + 8];

	if (flags & ACK)
		return;
	size = type == PING && size == 8 ? 8 : 0;
	memcpy(put_head(out, size, type, ACK, 0), p, size);
	link_write(h->fd, out, HEAD + size);
}

static void on_frame(struct h2 *h, const uint8_t *head, const uint8_t *p, size_t size)
{
	int type = head[3], flags = head[4];

	errno = 0;
	if (type == GOAWAY || type == RST_STREAM)
		die("the server ended %s %u", type == GOAWAY ? "the connection," : "stream", get_u32(head + 5));
	if (type == SETTINGS || type == PING)
		on_ack(h, p, size, type, flags);
	if (type == DATA)
		on_data_frame(h, p, size, flags);
	if (type == HEADERS && (flags & END_STREAM))
		h->on_end(h->arg);
}

static void read_some(struct h2 *h)
{
	ssize_t n;

	if (h->room < h->size + READ_SIZE) {
		h->room = h->size + READ_SIZE;
		h->in = realloc(h->in, h->room);
		if (h->in == NULL)
			die("no memory");
	}
	n = read(h->fd, h->in + h->size, h->room - h->size);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n < 0)
		die("cannot read");
	if (n == 0)
		die("the server closed a gRPC connection");
	h->size += (size_t)n;
}

void h2_read(struct h2 *h)
{
	size_t at = 0;

	read_some(h);
	while (h->size - at >= HEAD) {
		size_t size = get_u32(h->in + at) >> 8;

		if (h->size - at - HEAD < size)
			break;
		on_frame(h, h->in + at, h->in + at + HEAD, size);
		at += HEAD + size;
	}
	memmove(h->in, h->in + at, h->size - at);
	h->size -= at;
}

static uint8_t *put_header(uint8_t *out, const char *name, const char *value)
{
	size_t n = strlen(name), v = strlen(value);

	*out++ = 0;	/* literal, not indexed, new name */
	*out++ = (uint8_t)n;
	out = mempcpy(out, name, n);
	*out++ = (uint8_t)v;
	return mempcpy(out, value, v);
}

static uint8_t *put_headers(uint8_t *out, uint32_t stream, const char *path)
{
	uint8_t *p = out + HEAD;

	p = put_header(p, ":method", "POST");
	p = put_header(p, ":scheme", "http");
	p = put_header(p, ":path", path);
	p = put_header(p, ":authority", "127.0.0.1");
	p = put_header(p, "content-type", "application/grpc");
	p = put_header(p, "te", "trailers");
	put_head(out, (size_t)(p - out - HEAD), HEADERS, END_HEADERS, stream);
	return p;
}

void h2_request(struct h2 *h, uint32_t stream, const char *path, const uint8_t *message,
		size_t size, bool end)
{
	uint8_t out[H2_REQUEST_MAX], *p;

	errno = 0;
	if (size > H2_REQUEST_MAX - 512)
		die("a message of %zu bytes is too long", size);
	p = put_headers(out, stream, path);
	p = put_head(p, size + 5, DATA, end ? END_STREAM : 0, stream);
	*p++ = 0;	/* not compressed */
	p = put_u32(p, (uint32_t)size);
	p = mempcpy(p, message, size);
	link_write(h->fd, out, (size_t)(p - out));
}

uint8_t *pb_varint(uint8_t *out, uint64_t value)
{
	for (; value > 127; value >>= 7)
		*out++ = (uint8_t)(value | 128);
	*out++ = (uint8_t)value;
	return out;
}

uint8_t *pb_bytes(uint8_t *out, unsigned field, const void *data, size_t size)
{
	out = pb_varint(out, (uint64_t)field << 3 | 2);
	out = pb_varint(out, size);
	return mempcpy(out, data, size);
}

uint64_t pb_read(const uint8_t **p, const uint8_t *end)
{
	uint64_t value = 0;

	for (int shift = 0; *p < end && shift < 64; shift += 7) {
		uint8_t byte = *(*p)++;

		value |= (uint64_t)(byte & 127) << shift;
		if (byte < 128)
			break;
	}
	return value;
}
