/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Typed senders, one per row of messages.def: msg_send_RESOURCES(pipe, &resources, -1).  They are
 * pipe_send() with the payload's type checked by the compiler; see there for the results.
 */
#ifndef MESHD_IPC_SEND_H
#define MESHD_IPC_SEND_H

#include "pipe.h"

#define MSG(name, no, from, to, payload, snake, fds)                                           \
	static inline int msg_send_##name(struct pipe *p, const Mesh__##payload *body, int fd) \
	{                                                                                      \
		return pipe_send(p, MSG_##name, &body->base, fd);                              \
	}
#include "messages.def"
#undef MSG

#endif
