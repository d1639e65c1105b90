/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The translation without a daemon: put resources in, run once, read objects and findings as lines of
 * JSON.  For `meshctl translate` and for tests; the output depends on the set of resources alone.
 */
#ifndef MESHD_TRANSLATION_OFFLINE_H
#define MESHD_TRANSLATION_OFFLINE_H

#include "buf.h"
#include "translation.h"

struct offline;

/* options may be NULL. 0 or -ENOMEM. */
int offline_new(const struct translation_options *options, struct offline **ret_offline);
struct offline *offline_free(struct offline *o);	/* accepts NULL, returns NULL */
void offline_freep(struct offline **o);

enum {
	OFFLINE_DUPLICATE = 1,	/* the one that came first stays */
	OFFLINE_REFUSED = 2,	/* not acceptable */
};

/* Adds a resource (a reference is taken). The positive outcomes have become findings. Or -ENOMEM. */
int offline_add(struct offline *o, struct resource *r);
/* Takes a resource out again; for tests of changes. */
int offline_remove(struct offline *o, enum rt type, const char *name);
/* Translates all that changed. 0 or -ENOMEM. */
int offline_run(struct offline *o);
/* The same in pieces: at most so many units. 0 done, 1 more to do, or -ENOMEM. */
int offline_step(struct offline *o, size_t max_units);

/* Resources that were added, borrowed. NULL: not there. */
struct resource *offline_resource(const struct offline *o, enum rt type, const char *name);
/* Sorted by name; an array to be freed with free(). 0 or -ENOMEM. */
int offline_sorted(const struct offline *o, enum rt type, struct resource ***ret_list, size_t *ret_n);
/* The value of an object by its key ("routes/ID"), borrowed until the next run. NULL: not there. */
const uint8_t *offline_object(const struct offline *o, const char *key, size_t *ret_size);
/* Every object, in any order; fn non-zero ends the walk and is returned. */
int offline_each_object(const struct offline *o,
			int (*fn)(const char *key, const uint8_t *value, size_t size, void *arg), void *arg);

/* Appends {"key":PREFIX/KIND/ID,"value":{…}} lines, sorted by key. prefix: "/apisix". */
int offline_objects(const struct offline *o, const char *prefix, struct buf *out);
/* While capture is on: appends {"destination","identity","target"} lines, sorted by destination. */
int offline_addresses(const struct offline *o, struct buf *out);
/* Appends {"severity","type","name","field","behaviour","reason"} lines, sorted by type, name, field. */
int offline_findings(const struct offline *o, struct buf *out);

struct offline_counts {
	size_t puts, dels, reports;	/* calls since the last question */
};
struct offline_counts offline_counts(struct offline *o);
struct translation *offline_translation(struct offline *o);	/* borrowed */

#endif
