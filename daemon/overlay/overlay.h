/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operator's own APISIX (translator.overlay): whole objects, and patches that are merged into what
 * the translation makes.  YAML or JSON:
 *
 *   objects:
 *     - kind: global_rules          # a directory of APISIX
 *       id: metrics
 *       value: {plugins: {prometheus: {}}}
 *   patches:
 *     - match: {kind: routes, virtual_host: shop, route: "checkout*"}
 *       plugins: {limit-count: {count: 100, time_window: 60}}
 *       labels: {team: shop}
 *       set: {timeout: {connect: 1, send: 5, read: 5}}
 *
 * Read by the check (so that a mistake refuses a reload), by the translator and by `meshctl translate`.
 */
#ifndef MESHD_OVERLAY_OVERLAY_H
#define MESHD_OVERLAY_OVERLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "buf.h"

#define OVERLAY_BYTES ((size_t)4 << 20)	/* of one file */
#define OVERLAY_ITEMS 10000		/* objects and patches of all files */

struct overlay;

/* A mistake and its place; line and column from 1. */
typedef void (*overlay_problem_fn)(void *arg, const char *file, unsigned line, unsigned column, const char *text);

/* Reads the files.  0: all is well; 1: mistakes, each told to `fn`, and *ret_overlay holds the rest; -ENOMEM. */
int overlay_load(const char *const *files, size_t n, overlay_problem_fn fn, void *arg, struct overlay **ret_overlay);
struct overlay *overlay_free(struct overlay *o);	/* accepts NULL, returns NULL */
void overlay_freep(struct overlay **o);

/* A whole object; borrowed. */
struct overlay_object {
	const char *key;	/* "global_rules/op-metrics" */
	const char *value;	/* JSON */
	const char *file;
	unsigned line;
	size_t rank;		/* of the file among the others */
};

/* Sorted by key. */
const struct overlay_object *overlay_objects(const struct overlay *o, size_t *ret_n);

/* What a translated object is, for patches; NULL or 0 where it has none. */
struct overlay_subject {
	const char *kind;	/* "routes" or "upstreams" */
	const char *listener, *virtual_host, *route;
	const char *const *clusters;
	size_t n_clusters;
	const char *const *hosts;
	size_t n_hosts;
};

/* May any patch touch this kind? Cheap; for callers that would have to prepare a subject. */
bool overlay_touches(const struct overlay *o, const char *kind);

/* Told what did not work, or what overrides what. */
typedef void (*overlay_note_fn)(void *arg, const char *text);

/* Merges all patches that match, in the order of files and lists. 1: the object changed, 0: it did not. */
int overlay_patch(struct overlay *o, const struct overlay_subject *subject, json_t *object, overlay_note_fn note,
		  void *arg);

/* Appends the places of all patches that match: "FILE:LINE, FILE:LINE". */
void overlay_where(const struct overlay *o, const struct overlay_subject *subject, const json_t *object,
		   struct buf *out);

/* Does the plugin decide who may pass? An object that has one and cannot be said is closed, not opened. */
bool overlay_guards(const char *plugin);

/* How many patches have matched something since the overlay was read, and which have not. */
size_t overlay_used(const struct overlay *o);
void overlay_each_idle(const struct overlay *o, void (*fn)(void *arg, const char *file, unsigned line), void *arg);

/*
 * Merges one patch that stands elsewhere (filter_metadata): {plugins, labels}.  where: for notes.
 * 1: the object changed, 0: it did not.
 */
int overlay_merge(const char *kind, const json_t *patch, const char *where, json_t *object,
		  overlay_note_fn note, void *arg);

#endif
