/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How errors travel: 0 is success, a negative errno means that the callee cannot go on and is
 * passed up unchanged, a positive value is an outcome that the callee's header names.
 *
 * The three macros say which of these a line does and give the value back.  In builds without
 * NDEBUG and with MESHD_TRACE_ERRORS=1 in the environment each also prints file and line to
 * standard error, so that an error can be followed through the layers; otherwise they cost nothing.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <errno.h>

/* Prints one step; not for callers. Keeps errno, returns r. */
int error_step(int r, const char *step, const char *file, int line);

#ifdef NDEBUG
#define error_step_(r, step) (r)
#else
#define error_step_(r, step) error_step((r), (step), __FILE__, __LINE__)
#endif

/* The error begins here (a system call, a check of our own). */
#define error_origin(r) error_step_((r), "origin")

/* Somebody else's negative errno is passed up. */
#define error_trace(r) error_step_((r), "trace")

/* A positive outcome that nobody here can handle becomes -ENOTRECOVERABLE; others stay. */
#define error_fold(r)                                                  \
	__extension__({                                                \
		int error_fold_ = (r);                                 \
		error_step_(error_fold_ > 0 ? -ENOTRECOVERABLE : error_fold_, "fold"); \
	})

#endif
