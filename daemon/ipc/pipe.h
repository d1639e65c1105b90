/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pipe: one end of a stream socketpair between two roles, with frames, descriptors, back-pressure
 * and the HELLO that opens it.
 *
 * Frame: u32 size of the body, u16 type, u16 flags (0), u32 id; little endian; then a protobuf body.
 * On input a frame is checked in this order: size cap, known type, allowed from this peer, count of
 * descriptors, pbscan, unpack (into an arena that lives for the handler's call), handler.  A bad one
 * closes the pipe and calls on_closed with the reason; it never ends the process.
 *
 * Output is queued without a limit of its own, because whoever writes data must look at
 * pipe_pending() and hold back (coalesce, or stop reading its own input) above PIPE_HIGH_WATER;
 * on_drained tells when the queue has fallen below PIPE_LOW_WATER again.  Above PIPE_HARD_LIMIT the
 * pipe closes itself: that is a defect of the writer.
 */
#ifndef MESHD_IPC_PIPE_H
#define MESHD_IPC_PIPE_H

#include <stddef.h>
#include <stdint.h>

#include "meshd/ipc.pb-c.h"
#include "message.h"

struct event_base;
struct pipe;

#define PIPE_FRAME_MAX (64u << 20)	/* bytes of one body */
#define PIPE_HIGH_WATER (1u << 20)
#define PIPE_LOW_WATER (256u << 10)
#define PIPE_HARD_LIMIT (256u << 20)
#define PIPE_BATCH (256u << 10)		/* what senders of many items aim at per frame */

/* `body` and everything below it is borrowed for the call.  `fd` is owned by the handler (-1: none). */
typedef void (*pipe_handler)(void *ctx, const ProtobufCMessage *body, int fd);

struct pipe_handler_row {
	enum msg_type type;
	pipe_handler fn;
};

struct pipe_config {
	enum role_id self, peer;
	const struct pipe_handler_row *handlers;	/* borrowed; ends with .fn NULL */
	void (*on_open)(void *ctx);			/* the peer's HELLO has come; may be NULL */
	void (*on_drained)(void *ctx);			/* may be NULL */
	/* The pipe is dead (peer gone: blame false; bad frame: blame true).  Free it from here or later. */
	void (*on_closed)(void *ctx, const char *reason, bool blame);
	void *ctx;			/* of the handlers */
	void *owner;			/* of the three callbacks above; NULL: ctx */
};

/* Takes `fd` (made non-blocking), sends HELLO, starts reading.  0 or negative errno (fd closed). */
int pipe_new(struct event_base *base, int fd, const struct pipe_config *config, struct pipe **ret_pipe);

/* Closes and frees at once; unsent output is lost.  Accepts NULL; safe inside handlers. Returns NULL. */
struct pipe *pipe_free(struct pipe *p);
void pipe_freep(struct pipe **p);

/*
 * Queues one message; `fd` (or -1) is duplicated, the caller keeps its own.
 * 0, -EPIPE (the pipe is closed), -EFBIG, -ENOMEM.  A type that may not go this way is a programmer's error (assert).
 */
int pipe_send(struct pipe *p, enum msg_type type, const ProtobufCMessage *body, int fd);

/* Bytes that wait to be written. */
size_t pipe_pending(const struct pipe *p);
bool pipe_is_open(const struct pipe *p);	/* HELLO has come and nothing broke */

/* Stop and go on reading (source data only, see DESIGN 2: interest and progress are always read). */
void pipe_pause(struct pipe *p);
void pipe_resume(struct pipe *p);

/* Writes what it can without waiting: used before an orderly exit. */
void pipe_flush(struct pipe *p);

/* Gives back what large messages have left in its buffers. Not from a handler of this pipe. */
void pipe_trim(struct pipe *p);

/* A connected stream pair, CLOEXEC. 0 or negative errno. */
int pipe_pair(int ret_fds[2]);

#endif
