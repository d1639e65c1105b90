/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The answering side of a control connection: a role fills tables row by row and ends the reply.
 * The reply may be ended later than the handler's return (meshctl watch), but must be ended; a
 * client that goes away ends it too (on_gone).
 */
#ifndef MESHD_CTL_REPLY_H
#define MESHD_CTL_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "meshd/ctl.pb-c.h"

struct event_base;
struct ctl_reply;

typedef void (*ctl_fn)(void *ctx, struct ctl_reply *reply, int argc, char **argv);

/* argv[0] is the command's name, or its first word ("log" of "log set"); the table of commands.c has checked the
 * number of arguments.  argv is borrowed for the call. A list of handlers ends with .fn NULL. */
struct ctl_handler {
	const char *command;
	ctl_fn fn;
};

/*
 * Answers `request` on `fd` (taken) with the handler of its command; used by worker.c and the supervisor.  What
 * every process answers alike (help, version, log) needs no handler.  0 (also when the request was refused), or
 * negative errno: no memory or descriptor; the connection is closed then.
 */
int ctl_serve(struct event_base *base, int fd, const uint8_t *request, size_t size,
	      const struct ctl_handler *handlers, void *ctx);

/* Starts a table.  `columns` is a NULL-terminated list; rows that follow have as many cells. */
void ctl_table(struct ctl_reply *r, const char *name, const char *const *columns);
/* Cells of the current row, in order; ctl_row_end() closes the row. Strings are copied. */
void ctl_text(struct ctl_reply *r, const char *text);		/* NULL: empty */
void ctl_num(struct ctl_reply *r, int64_t num);
void ctl_flag(struct ctl_reply *r, bool flag);
void ctl_json(struct ctl_reply *r, const char *json, size_t len);
void ctl_row_end(struct ctl_reply *r);

/* A sentence, or lines, for people, printed after the tables (stderr if the exit code is not 0). */
void ctl_message(struct ctl_reply *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Tells the client to ask these roles and to join their tables (supervisor only). */
void ctl_ask(struct ctl_reply *r, uint32_t roles);
/* Ends and frees the reply once it is written.  exit: 0 done, 1 refused or failed, 2 usage. */
void ctl_end(struct ctl_reply *r, unsigned exit);

/* Closes every connection of this loop, before it is freed. Handlers hear nothing of it. */
void ctl_close_all(struct event_base *base);

/* Called once if the client goes away before ctl_end(); the reply is freed afterwards. */
void ctl_on_gone(struct ctl_reply *r, void (*fn)(void *arg), void *arg);

#endif
