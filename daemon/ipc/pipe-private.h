/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of a pipe, shared by pipe.c (life), pipe-in.c (frames read) and pipe-out.c (frames
 * written).  Nobody else includes this.
 */
#ifndef MESHD_IPC_PIPE_PRIVATE_H
#define MESHD_IPC_PIPE_PRIVATE_H

#include "arena.h"
#include "buf.h"
#include "loop.h"
#include "pipe.h"

#define PIPE_HEADER 12
#define PIPE_FRAMES_PER_TURN 64
/* Descriptors received and not yet claimed by a frame, queued and not yet sent. */
#define PIPE_FDS_IN 16
#define PIPE_FDS_OUT 256
/* What one frame may take when unpacked. */
#define PIPE_ARENA_MAX (512u << 20)
/* Buffers above this are given back when empty. */
#define PIPE_KEEP (1u << 20)

enum pipe_state { PIPE_NEW, PIPE_OPEN, PIPE_CLOSED };

struct pipe_out_fd {
	uint64_t offset;	/* of the frame's first byte in the stream */
	int fd;			/* owned */
};

struct pipe {
	struct pipe_config config;
	enum pipe_state state;
	int fd;				/* owned */
	unsigned depth;			/* of callbacks that run: pipe_free() inside them is put off */
	bool freed, paused, was_high;

	struct loop_io reader, writer;
	struct loop_timer later;	/* rest of the input, or on_closed */
	struct event_base *base;	/* borrowed */

	struct buf in;
	size_t in_pos;
	int in_fds[PIPE_FDS_IN];
	unsigned in_n_fds;
	struct arena arena;

	struct buf out;
	size_t out_pos;
	uint64_t out_offset;		/* stream offset of out.data[0] */
	struct pipe_out_fd out_fds[PIPE_FDS_OUT];
	unsigned out_n_fds;
	uint32_t out_id;

	char reason[512];		/* why it is closed */
	bool blame, told;
};

/* Callbacks run between these two; leave() frees when pipe_free() was called meanwhile. True: it is gone. */
void pipe_enter(struct pipe *p);
bool pipe_leave(struct pipe *p);

/* Ends the connection; on_closed follows in the next turn of the loop. Does nothing when closed already. */
void pipe_close(struct pipe *p, bool blame, const char *fmt, ...) _printf_(3, 4);

/* pipe-in.c: a turn of reading, for a readable socket or what was left over. */
void pipe_read(struct pipe *p);
/* pipe-out.c: writes until it would wait. */
void pipe_write(struct pipe *p);

#endif
