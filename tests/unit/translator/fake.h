/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A translation for tests, behind translation.h: bodies are text, so a test reads as what it means.
 *
 *   "need endpoint a 500"   a line of a cluster or listener: translation_check() reports it
 *   "bad"                   at the beginning: refused, "it is bad"
 *
 * Cluster NAME becomes upstreams/NAME, listener NAME routes/NAME; the value is the body and the bodies
 * of all that it needs.  Also here: cmocka, and short ways to make resources and frames.
 */
#ifndef TRANSLATOR_FAKE_H
#define TRANSLATOR_FAKE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "accept.h"
#include "cleanup.h"
#include "findings.h"
#include "holds.h"
#include "resource.h"
#include "subscribe.h"
#include "translation.h"
#include "warm.h"

/* How often translation_check() and units ran; zero them at will. */
extern unsigned fake_checks, fake_units;
/* Called when the work on a resource begins: in the check, or in its unit. */
extern void (*fake_on_work)(const struct resource *r, bool check);

/* What the holdings told, as lines "cluster a\n" in the order of telling. */
struct told {
	char active[4096], accepted[4096];
};

extern const struct holds_ops told_ops;		/* arg: struct told */

static inline struct resource *make(enum rt type, const char *name, const char *body)
{
	struct resource *r = NULL;

	assert_int_equal(resource_new(type, name, "1", (const uint8_t *)body, strlen(body), &r), 0);
	return r;
}

/* One frame with resources "name=body" and removed names, each list NULL-terminated (or NULL). */
struct frame {
	Mesh__Resources msg;
	Mesh__ResourceItem items[64];
	Mesh__ResourceItem *pointers[64];
	char texts[8192];
};

void frame_make(struct frame *f, uint64_t update, enum rt type, unsigned flags, const char *const *resources,
		const char *const *removed);

/* A whole update in one frame, then holds_settle(now). */
#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define WHOLE (MESH_UPDATE_FIRST | MESH_UPDATE_LAST)
#define SNAPSHOT (WHOLE | MESH_UPDATE_SNAPSHOT)
struct accept_result update(struct accept *a, struct holds *hs, enum rt type, unsigned flags,
			    const char *const *resources, const char *const *removed, int64_t now_ms);

/* The body of the active or accepted version as a string, "-" if there is none. */
const char *active_of(struct holds *hs, enum rt type, const char *name);
const char *accepted_of(struct holds *hs, enum rt type, const char *name);

#endif
