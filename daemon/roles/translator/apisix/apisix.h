/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Would APISIX 3.18 take this object?  A data plane that refuses one only logs it and keeps what it
 * had (TRANSLATION.md 0.20); a plugin that is not enabled there is silently not run (0.21); a regex
 * that does not compile is silently false (0.7b).  So every object is checked here before it is
 * published: by the translation, and for the objects and patches of overlay files.
 *
 * Pure and without a tree: one pass over the JSON text, no allocation while nothing is wrong.
 */
#ifndef MESHD_APISIX_H
#define MESHD_APISIX_H

#include <stddef.h>
#include <stdint.h>

#include "buf.h"

struct apisix;

/*
 * plugins: the names that are enabled in APISIX's `plugins`, NULL at the end; NULL: those that
 * APISIX 3.18 enables by itself.  For stream routes its default `stream_plugins` count.  Copied.
 * 0 or -ENOMEM.
 */
int apisix_new(const char *const *plugins, struct apisix **ret_apisix);
struct apisix *apisix_free(struct apisix *a);
DEFINE_FREEP(struct apisix *, apisix_free);

/* Why an object is refused. */
struct apisix_error {
	char path[256];		/* "plugins.limit-count.count", "nodes[3].port"; "" for the whole object */
	char reason[512];	/* what is wrong and what would be right, for people */
};

/*
 * kind: the folder of the key ("routes", "upstreams", "plugin_metadata", ...), id: the rest of it.
 * 0: APISIX takes it; 1: it does not, *ret_error says why (untouched else).
 * The rules are those of apisix/schema_def.lua and of each plugin's check_schema(), 3.18.0; stricter
 * only where APISIX takes what then fails on every request (an unknown balancer, a regex that PCRE
 * does not compile, an id that differs from the key).
 */
int apisix_check(struct apisix *a, const char *kind, const char *id, const uint8_t *json, size_t size,
		 struct apisix_error *ret_error);

/*
 * What stands in for an object that is refused, so that nothing passes that should not: a route keeps
 * its match and answers 503 (403 where its plugins say who may pass; those may give up conditions,
 * rather than be open), an upstream keeps its id and has no nodes.  Appended to `out`; the status, 0
 * for an upstream, in *ret_status.  1: nothing can stand in, leave it out.
 */
int apisix_stand_in(struct apisix *a, const char *kind, const char *id, const uint8_t *json, size_t size,
		    struct buf *out, unsigned *ret_status);

/* Is the plugin enabled for HTTP routes (stream: for stream routes)? */
int apisix_plugin_enabled(const struct apisix *a, const char *name, int stream);

#endif
