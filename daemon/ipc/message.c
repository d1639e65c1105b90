/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables that messages.def expands to: names, directions, payloads.  Used by pipe.c for every
 * frame and by tests.  Look-ups of what does not exist answer NULL, _ROLE_MAX or false.
 */
#include "message.h"

#include <stddef.h>
#include <string.h>

#include "meshd/ipc.pb-c.h"

#define SET_SUP ROLE_BIT(ROLE_SUPERVISOR)
#define SET_SOURCE ROLE_BIT(ROLE_SOURCE)
#define SET_TRANSLATOR ROLE_BIT(ROLE_TRANSLATOR)
#define SET_FRONTEND ROLE_BIT(ROLE_FRONTEND)
#define SET_CAPTURE ROLE_BIT(ROLE_CAPTURE)
#define SET_SINK (SET_FRONTEND | SET_CAPTURE)
#define SET_ANY (ROLE_BIT(_ROLE_MAX) - 1)
#define SET_WORKER (SET_ANY & ~SET_SUP)

static const struct msg_info infos[_MSG_MAX] = {
#define MSG(name_, no, from_, to_, payload_, snake_, fds_)                                          \
	[no] = {                                                                                    \
		.name = #name_,                                                                     \
		.from = SET_##from_,                                                                \
		.to = SET_##to_,                                                                    \
		.payload = &mesh__##snake_##__descriptor,                                           \
		.fds = fds_,                                                                        \
	},
#include "messages.def"
#undef MSG
};

static const char *const role_names[_ROLE_MAX] = {
	[ROLE_SUPERVISOR] = "supervisor",
	[ROLE_SOURCE] = "source",
	[ROLE_TRANSLATOR] = "translator",
	[ROLE_FRONTEND] = "frontend",
	[ROLE_CAPTURE] = "capture",
	[ROLE_ADMIN] = "admin",
};

const struct msg_info *msg_info(unsigned type)
{
	return type < _MSG_MAX && infos[type].name != NULL ? &infos[type] : NULL;
}

const char *role_name(enum role_id role)
{
	return (unsigned)role < _ROLE_MAX ? role_names[role] : "unknown role";
}

enum role_id role_find(const char *name)
{
	for (unsigned i = 0; i < _ROLE_MAX; i++)
		if (strcmp(role_names[i], name) == 0)
			return (enum role_id)i;
	return _ROLE_MAX;
}

bool msg_allowed(unsigned type, enum role_id from, enum role_id to)
{
	const struct msg_info *info = msg_info(type);

	return info != NULL && (info->from & ROLE_BIT(from)) != 0 && (info->to & ROLE_BIT(to)) != 0;
}

uint32_t msg_table_version(void)
{
	return MESSAGES_VERSION;
}
