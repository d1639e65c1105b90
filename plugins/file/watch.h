/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tells that something may have changed at the places where mesh files come from, by inotify. It
 * says only "look again", a moment after the last of several events, and which files are being
 * written right now; what changed is found by looking. Used by the plugin alone.
 *
 * Where a place cannot be watched (too many watches), it says "look again" every two seconds
 * instead.
 */
#ifndef FILE_WATCH_H
#define FILE_WATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "cleanup.h"
#include "paths.h"

#define WATCH_JOIN_MS 20      /* events closer than this are one change… */
#define WATCH_JOIN_MAX_MS 100 /* …but none waits longer */
#define WATCH_SETTLE_MS 200   /* a file that is written and not closed is left alone for so long */
#define WATCH_POLL_MS 2000    /* without inotify */

struct event_base;
struct watch;

typedef void (*watch_fn)(void *arg);

/* on_change runs from the loop. 0 or negative errno. */
int watch_new(struct event_base *base, watch_fn on_change, void *arg, struct watch **ret_watch);
struct watch *watch_free(struct watch *w); /* accepts NULL, returns NULL */
DEFINE_FREEP(struct watch *, watch_free);

/*
 * Watches these places and no others; copies them. *ret_new: some were not watched before, so the
 * list that they come from may be older than they are: look again. 0 or -ENOMEM.
 */
int watch_set(struct watch *w, const struct path_watch *places, size_t n, bool *ret_new);

/* Somebody writes to this file and has not closed it; on_change will come when that is over. */
bool watch_is_busy(const struct watch *w, const char *path);

/* Some place cannot be watched and is looked at every two seconds. */
bool watch_is_blind(const struct watch *w);

#endif
