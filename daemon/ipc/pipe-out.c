/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writing half of a pipe: one buffer of packed frames, and for each descriptor the place in the
 * stream of the frame that it rides with.  A write never crosses such a place, so a descriptor
 * always leaves with the first byte of its frame.
 */
#include <assert.h>
#include <endian.h>
#include <string.h>
#include <sys/socket.h>

#include "error.h"
#include "fd.h"
#include "pipe-private.h"

size_t pipe_pending(const struct pipe *p)
{
	return p->out.len - p->out_pos;
}

/* Sends up to the next place where a descriptor rides, or from there one chunk with it. */
static ssize_t send_chunk(struct pipe *p)
{
	uint64_t at = p->out_offset + p->out_pos;
	struct iovec iov = { .iov_base = p->out.data + p->out_pos, .iov_len = pipe_pending(p) };
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { .space = { 0 } };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	unsigned next = 0;

	if (p->out_n_fds > 0 && p->out_fds[0].offset == at) {
		struct cmsghdr *c = &control.align;

		msg.msg_control = &control;
		msg.msg_controllen = sizeof control.space;
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &p->out_fds[0].fd, sizeof(int));
		next = 1;
	}
	if (p->out_n_fds > next)
		iov.iov_len = MIN(iov.iov_len, (size_t)(p->out_fds[next].offset - at));
	return sendmsg(p->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* n bytes have left. */
static void sent(struct pipe *p, size_t n)
{
	if (p->out_n_fds > 0 && p->out_fds[0].offset == p->out_offset + p->out_pos) {
		fd_close(p->out_fds[0].fd);
		p->out_n_fds--;
		memmove(p->out_fds, p->out_fds + 1, p->out_n_fds * sizeof p->out_fds[0]);
	}
	p->out_pos += n;
	if (p->out_pos < p->out.len && p->out_pos < PIPE_KEEP)
		return;
	p->out_offset += p->out_pos;
	buf_consume(&p->out, p->out_pos);
	p->out_pos = 0;
	if (p->out.len == 0 && p->out.cap > PIPE_KEEP)
		buf_deinit(&p->out);
}

static void tell_drained(struct pipe *p)
{
	if (!p->was_high || pipe_pending(p) >= PIPE_LOW_WATER)
		return;
	p->was_high = false;
	if (p->config.on_drained == NULL)
		return;
	pipe_enter(p);
	p->config.on_drained(p->config.owner);
	pipe_leave(p);
}

/* Writes until it would wait or everything is out. */
static void drain(struct pipe *p)
{
	while (p->state != PIPE_CLOSED && pipe_pending(p) > 0) {
		ssize_t n = send_chunk(p);

		if (n < 0 && errno == EINTR)
			continue;
		/* ETOOMANYREFS: descriptors in flight; the peer will take them. */
		if (n < 0 && (errno == EAGAIN || errno == ETOOMANYREFS))
			break;
		if (n < 0) {
			int r = errno;

			if (r == EPIPE || r == ECONNRESET) {
				/* What the peer said before it went is still to be read; EOF follows. */
				loop_io_set(&p->writer, false);
				if (p->paused)
					pipe_close(p, false, "the peer is gone");
				else
					loop_timer_set(&p->later, 0);
				return;
			}
			pipe_close(p, false, "cannot write: %s", strerror(r));
			return;
		}
		sent(p, (size_t)n);
	}
	if (p->state != PIPE_CLOSED)
		loop_io_set(&p->writer, pipe_pending(p) > 0);
}

void pipe_write(struct pipe *p)
{
	drain(p);
	if (p->state != PIPE_CLOSED)
		tell_drained(p);
}

void pipe_flush(struct pipe *p)
{
	if (p->state != PIPE_CLOSED)
		drain(p);
}

static int queue_fd(struct pipe *p, int fd, uint64_t offset)
{
	int copy;

	if (fd < 0)
		return 0;
	if (p->out_n_fds == PIPE_FDS_OUT)
		return error_origin(-EFBIG);
	copy = fd_dup(fd, 3);
	if (copy < 0)
		return error_trace(copy);
	p->out_fds[p->out_n_fds++] = (struct pipe_out_fd){ .offset = offset, .fd = copy };
	return 0;
}

static void put_header(uint8_t *h, size_t size, enum msg_type type, uint32_t id)
{
	uint32_t size_le = htole32((uint32_t)size), id_le = htole32(id);
	uint16_t type_le = htole16((uint16_t)type), flags = 0;

	memcpy(h, &size_le, 4);
	memcpy(h + 4, &type_le, 2);
	memcpy(h + 6, &flags, 2);
	memcpy(h + 8, &id_le, 4);
}

static int append_frame(struct pipe *p, enum msg_type type, const ProtobufCMessage *body, size_t size, int fd)
{
	size_t at = p->out.len;
	int r;

	if (buf_reserve(&p->out, PIPE_HEADER + size) < 0) {
		p->out.failed = false; /* what is queued is whole; only this frame is refused */
		return error_origin(-ENOMEM);
	}
	r = queue_fd(p, fd, p->out_offset + at);
	if (r < 0)
		return error_trace(r);
	put_header(p->out.data + at, size, type, ++p->out_id);
	protobuf_c_message_pack(body, p->out.data + at + PIPE_HEADER);
	p->out.len = at + PIPE_HEADER + size;
	return 0;
}

#define PIPE_AT_ONCE (PIPE_BATCH / 4)

int pipe_send(struct pipe *p, enum msg_type type, const ProtobufCMessage *body, int fd)
{
	const struct msg_info *info = msg_info(type);
	size_t size;
	int r;

	assert(info != NULL && msg_allowed(type, p->config.self, p->config.peer));
	assert(body->descriptor == info->payload && info->fds == (fd >= 0 ? 1U : 0U));
	if (p->state == PIPE_CLOSED)
		return error_origin(-EPIPE);
	size = protobuf_c_message_get_packed_size(body);
	if (size > PIPE_FRAME_MAX)
		return error_origin(-EFBIG);
	if (pipe_pending(p) + size > PIPE_HARD_LIMIT) {
		pipe_close(p, false, "output limit of %u bytes reached at %s", PIPE_HARD_LIMIT, info->name);
		return error_origin(-EPIPE);
	}
	r = append_frame(p, type, body, size, fd);
	if (r < 0)
		return error_trace(r);
	p->was_high = p->was_high || pipe_pending(p) >= PIPE_HIGH_WATER;
	/* Large ones go at once, so that the peer begins while the next one is made, and in warm memory. */
	if (pipe_pending(p) >= PIPE_AT_ONCE)
		drain(p);
	else
		loop_io_set(&p->writer, true);
	return 0;
}
