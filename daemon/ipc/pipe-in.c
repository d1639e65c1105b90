/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reading half of a pipe: bytes and descriptors in, checked frames out to handlers.  Whatever
 * is wrong with a frame closes this pipe with a sentence that names the frame; nothing more.
 */
#include <endian.h>
#include <string.h>
#include <sys/socket.h>

#include "error.h"
#include "fd.h"
#include "pbborrow.h"
#include "pipe-private.h"

struct frame {
	uint32_t size, id;
	uint16_t type, flags;
	const struct msg_info *info;
	const uint8_t *body;
};

static void frame_parse(const uint8_t *h, struct frame *f)
{
	memcpy(&f->size, h, 4);
	memcpy(&f->type, h + 4, 2);
	memcpy(&f->flags, h + 6, 2);
	memcpy(&f->id, h + 8, 4);
	f->size = le32toh(f->size);
	f->type = le16toh(f->type);
	f->flags = le16toh(f->flags);
	f->id = le32toh(f->id);
	f->info = msg_info(f->type);
	f->body = h + PIPE_HEADER;
}

static const struct pipe_handler_row *handler_find(const struct pipe *p, unsigned type)
{
	const struct pipe_handler_row *row = p->config.handlers;

	while (row->fn != NULL && (unsigned)row->type != type)
		row++;
	return row->fn != NULL ? row : NULL;
}

/* What the header alone can tell, before any byte of the body is kept. */
static bool header_ok(struct pipe *p, const struct frame *f)
{
	if (f->size > PIPE_FRAME_MAX)
		pipe_close(p, true, "frame %u of type %u has %u bytes, the limit is %u", f->id, f->type,
			   f->size, PIPE_FRAME_MAX);
	else if (f->flags != 0)
		pipe_close(p, true, "frame %u of type %u has flags 0x%x, they must be 0", f->id, f->type,
			   f->flags);
	else if (f->info == NULL)
		pipe_close(p, true, "frame %u has the unknown type %u", f->id, f->type);
	else if (!msg_allowed(f->type, p->config.peer, p->config.self))
		pipe_close(p, true, "%s may not come from %s", f->info->name, role_name(p->config.peer));
	else if ((p->state == PIPE_NEW) != (f->type == MSG_HELLO))
		pipe_close(p, true, p->state == PIPE_NEW ? "%s came before HELLO" : "a second %s", f->info->name);
	else if (f->type != MSG_HELLO && handler_find(p, f->type) == NULL)
		pipe_close(p, true, "%s has no handler in %s", f->info->name, role_name(p->config.self));
	return p->state != PIPE_CLOSED;
}

/* Takes the frame's descriptor out of the queue: 0, or the pipe is closed. */
static int claim_fd(struct pipe *p, const struct frame *f, int *ret_fd)
{
	if (f->info->fds == 0) {
		*ret_fd = -1;
		return 0;
	}
	if (p->in_n_fds == 0) {
		pipe_close(p, true, "%s came without its descriptor", f->info->name);
		return error_origin(-EPROTO);
	}
	*ret_fd = p->in_fds[0];
	p->in_n_fds--;
	memmove(p->in_fds, p->in_fds + 1, p->in_n_fds * sizeof p->in_fds[0]);
	return 0;
}

static void handle_hello(struct pipe *p, const ProtobufCMessage *body)
{
	const Mesh__Hello *hello = (const Mesh__Hello *)body;

	if (hello->role != p->config.peer)
		pipe_close(p, true, "HELLO from role %u, %s was expected", hello->role,
			   role_name(p->config.peer));
	else if (strcmp(hello->build, MESHD_BUILD) != 0)
		pipe_close(p, true, "the peer is build '%.100s', this is '%s'; restart meshd", hello->build,
			   MESHD_BUILD);
	else if (hello->table_version != msg_table_version())
		pipe_close(p, true, "the peer speaks message table %u, this is %u; restart meshd",
			   hello->table_version, msg_table_version());
	else {
		p->state = PIPE_OPEN;
		if (p->config.on_open != NULL)
			p->config.on_open(p->config.owner);
	}
}

/* Calls the handler with a complete frame.  True: go on with the next. */
static bool frame_handle(struct pipe *p, const struct frame *f)
{
	ProtobufCMessage *body = NULL;
	struct pbscan_error err;
	int fd = -1, r;

	if (claim_fd(p, f, &fd) < 0)
		return false;
	/* The bytes stay in the buffer until the handler is done. */
	r = pbborrow_unpack(f->info->payload, f->body, f->size, &p->arena, &body, &err);
	if (r < 0) {
		fd_close(fd);
		if (r == -ENOMEM)
			pipe_close(p, true, "%s (%u bytes) is too large to unpack", f->info->name, f->size);
		else
			pipe_close(p, true, "%s, frame %u: byte %zu, field '%s': %s", f->info->name, f->id,
				   err.offset, err.path, err.text);
		arena_reset(&p->arena);
		return false;
	}
	pipe_enter(p);
	if (f->type == MSG_HELLO)
		handle_hello(p, body);
	else
		handler_find(p, f->type)->fn(p->config.ctx, body, fd);
	if (pipe_leave(p))
		return false;
	arena_reset(&p->arena);
	return p->state != PIPE_CLOSED && !p->paused;
}

enum step { STEP_FRAME, STEP_MORE, STEP_END };

/* One frame out of the buffer; STEP_MORE: it needs more bytes; STEP_END: closed, paused or freed. */
static enum step frame_next(struct pipe *p)
{
	size_t have = p->in.len - p->in_pos;
	struct frame f;

	if (have < PIPE_HEADER)
		return STEP_MORE;
	frame_parse(p->in.data + p->in_pos, &f);
	if (!header_ok(p, &f))
		return STEP_END;
	if (have - PIPE_HEADER < f.size)
		return STEP_MORE;
	p->in_pos += PIPE_HEADER + f.size;
	return frame_handle(p, &f) ? STEP_FRAME : STEP_END;
}

static void take_fds(struct pipe *p, struct msghdr *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof fd);
			if (p->in_n_fds < PIPE_FDS_IN)
				p->in_fds[p->in_n_fds++] = fd;
			else
				fd_close(fd);
		}
	}
}

/* Makes room at the end of the buffer: what the current frame lacks, within reason. */
static int make_room(struct pipe *p)
{
	size_t have, want = 64u << 10;

	if (p->in_pos == p->in.len && p->in.cap > PIPE_KEEP)
		buf_deinit(&p->in);
	else if (p->in_pos > 0)
		buf_consume(&p->in, p->in_pos);
	p->in_pos = 0;
	have = p->in.len;
	/* Doubling follows what has really come, so a lying size costs nothing. */
	return error_trace(buf_reserve(&p->in, MAX(want, MIN(have, PIPE_FRAME_MAX))));
}

/* 1: something came; 0: nothing now; negative: the pipe is closed. */
static int receive(struct pipe *p)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int) * PIPE_FDS_IN)];
	} control;
	struct msghdr msg = { .msg_control = &control, .msg_controllen = sizeof control.space };
	struct iovec iov;
	ssize_t n;

	if (make_room(p) < 0) {
		pipe_close(p, false, "out of memory for %zu bytes of input", p->in.len);
		return -1;
	}
	iov = (struct iovec){ .iov_base = p->in.data + p->in.len, .iov_len = p->in.cap - p->in.len };
	msg.msg_iov = &iov;
	msg.msg_iovlen = 1;
	do
		n = recvmsg(p->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n > 0) {
		p->in.len += (size_t)n;
		take_fds(p, &msg);
	}
	if (n < 0 && errno != ECONNRESET)
		pipe_close(p, false, "cannot read: %s", strerror(errno));
	else if (n <= 0)
		pipe_close(p, n == 0 && p->in.len > 0, "the peer %s",
			   n == 0 && p->in.len > 0 ? "went away inside a frame" : "is gone");
	else if ((msg.msg_flags & MSG_CTRUNC) != 0)
		pipe_close(p, true, "more descriptors at once than the limit of %d", PIPE_FDS_IN);
	return p->state == PIPE_CLOSED ? -1 : 1;
}

/* Between frames no descriptor may be left; inside one, at most its own. */
static bool fds_ok(struct pipe *p)
{
	if (p->in_n_fds > (p->in.len > p->in_pos ? 1U : 0U))
		pipe_close(p, true, "%u descriptors came that no frame claims", p->in_n_fds);
	return p->state != PIPE_CLOSED;
}

void pipe_read(struct pipe *p)
{
	unsigned frames = 0;

	if (p->paused || p->state == PIPE_CLOSED)
		return;
	pipe_enter(p);
	while (frames < PIPE_FRAMES_PER_TURN) {
		enum step step = frame_next(p);

		if (step == STEP_END)
			break;
		if (step == STEP_FRAME) {
			frames++;
			continue;
		}
		if (!fds_ok(p) || receive(p) <= 0)
			break;
	}
	if (frames == PIPE_FRAMES_PER_TURN && !p->freed && p->state != PIPE_CLOSED)
		loop_timer_set(&p->later, 0);
	pipe_leave(p);
}
