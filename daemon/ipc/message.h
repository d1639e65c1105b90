/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Roles and messages: the vocabulary of the pipes, generated from messages.def.
 */
#ifndef MESHD_IPC_MESSAGE_H
#define MESHD_IPC_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

enum role_id {
	ROLE_SUPERVISOR = 0,
	ROLE_SOURCE,
	ROLE_TRANSLATOR,
	ROLE_FRONTEND,
	ROLE_CAPTURE,
	ROLE_ADMIN,
	_ROLE_MAX,
};

/* Sets of roles, for directions. */
#define ROLE_BIT(role) (1u << (role))

enum msg_type {
#define MSG(name, no, from, to, payload, snake, fds) MSG_##name = no,
#include "messages.def"
#undef MSG
	_MSG_MAX = 64,
};

struct msg_info {
	const char *name;
	uint32_t from, to;			/* sets of roles */
	const ProtobufCMessageDescriptor *payload;
	unsigned fds;
};

/* NULL for a number that is not in messages.def. */
const struct msg_info *msg_info(unsigned type);

/* "source", "translator", …; NULL-safe for any number ("role 9"). */
const char *role_name(enum role_id role);

/* _ROLE_MAX if there is no such role. */
enum role_id role_find(const char *name);

/* May `from` send `type` to `to`? */
bool msg_allowed(unsigned type, enum role_id from, enum role_id to);

/* Version of messages.def, for HELLO. */
uint32_t msg_table_version(void);

#endif
