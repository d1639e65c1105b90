/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands that every process of meshd answers in the same way: help, version, log, log set.
 */
#ifndef MESHD_CTL_BUILTIN_H
#define MESHD_CTL_BUILTIN_H

#include "reply.h"

/* Ends with .fn NULL; asked after the handlers of the role. */
extern const struct ctl_handler ctl_builtin_handlers[];

#endif
