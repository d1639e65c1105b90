/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the rules of virtual hosts to published routes: the lists in which order matters, each with
 * its hosts, priorities and closure (TRANSLATION.md 2.1 to 2.3).
 */
#ifndef MESHD_TRANSLATION_ROUTES_H
#define MESHD_TRANSLATION_ROUTES_H

#include "scope.h"

/* The routes of a scope that are found by host; each virtual host is a list of its own. */
void routes_hosted(struct job *job, const struct scope *scope);

/*
 * The one list without hosts: virtual hosts for "foo.*", longest first, then the one for "*".  It
 * spans all listeners while hosts alone decide.
 */
struct hostless {
	struct job *job;
	struct hostless_entry *entries;		/* in the arena */
	size_t n, cap;
	const struct path *first;		/* of any scope, by listener's name; NULL: there is none */
	const struct scope *scope;		/* whose list it is; NULL: that of all listeners */
};

/* While capture is on: a list of the scope's own, since its conditions tell its requests from all others. */
void routes_hostless(struct job *job, const struct scope *scope);

/* Collects what a scope has for that list. */
void hostless_add(struct hostless *list, const struct scope *scope);
void hostless_write(struct hostless *list);

#endif
