/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `meshctl explain` in the running translator: the active resources are translated once more, apart
 * and in slices, and the answer is read from that.  The role's own work comes first.
 */
#ifndef MESHD_TRANSLATOR_ASKING_H
#define MESHD_TRANSLATOR_ASKING_H

#include "reply.h"
#include "translation.h"

struct holds;
struct asking;

#define ASKING_MAX 4	/* questions at a time; more are refused, with the remedy */

struct asking_list {
	struct asking *first;	/* owned */
	size_t n;
};

struct event_base;

/* argv[0] is the command.  Options and prefix are borrowed as long as the list lives. */
void asking_start(struct asking_list *list, struct event_base *base, const struct holds *holds,
		  const struct translation_options *options, const char *prefix, struct ctl_reply *reply, int argc,
		  char *const *argv);
/* Ends all questions without an answer. */
void asking_end(struct asking_list *list);

#endif
