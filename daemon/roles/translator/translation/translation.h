/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The translation: from the resources of one mesh to APISIX objects, incrementally.
 *
 * It is pure: it reads resources through one function, writes objects and findings through another,
 * keeps no clock, no file and no socket, and its output depends on the set of resources alone, never on
 * the order in which they came.  The translator role drives it with every change; `meshctl translate`
 * drives it once.
 *
 * Work is cut into units: one per listener (its routes and stream routes) and one per cluster (its
 * upstreams).  translation_changed() marks what a changed resource touches; translation_run() does the
 * marked units and puts out the difference only.  An endpoint change touches one cluster's unit.
 */
#ifndef MESHD_TRANSLATION_H
#define MESHD_TRANSLATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <meshd/plugin.h>

#include "resource.h"

struct translation;

/* Ports of APISIX's own listeners, to which captured connections are steered (INBOUND.md). */
struct translation_ports {
	uint16_t http;		/* plaintext HTTP */
	uint16_t stream;	/* plain TCP, the stream subsystem */
	uint16_t proxied;	/* HTTP with the PROXY protocol, behind mesh TLS */
	uint16_t tls;		/* stream, ends TLS: TCP behind it */
	uint16_t strict;	/* stream, ends TLS and sends a PROXY header on */
	uint16_t permissive;	/* the same, behind a look at whether TLS is spoken */
};

#define TRANSLATION_PORTS_DEFAULT \
	{ .http = 9080, .stream = 9100, .proxied = 9081, .tls = 9101, .strict = 9102, .permissive = 9104 }

struct identities;
struct overlay;

/* Fields that were there, by what became of them. */
struct cover_counts {
	size_t translated;	/* used, or read by code */
	size_t reported;	/* have a finding */
	size_t unknown;		/* are in no table */
};

struct translation_options {
	bool capture;			/* routes carry address identities (DESIGN 5); off: hosts alone decide */
	struct identities *identities;	/* borrowed; NULL: the default networks, remembered nowhere */
	struct translation_ports ports;	/* all zero: the defaults */
	/* Enabled in APISIX, NULL at the end; borrowed while translation_new() runs. NULL: APISIX 3.18's defaults. */
	const char *const *apisix_plugins;
	unsigned skip;			/* features that are left out: bits of feature.h */
	struct overlay *overlay;	/* borrowed; NULL: none. It learns which of its patches match */
	struct cover_counts *counts;	/* borrowed, counted up; NULL: nobody asks */
	bool provenance;		/* routes name all that they are made from: provenance.h */
	bool no_closure;		/* only for the test which shows that without it the order is lost */
};

/* A resource (and a field of it, "" for the whole) that an object was made from. */
struct translation_origin {
	enum rt type;
	const char *name;
	const char *field;	/* "virtual_hosts[0].routes[2]" */
};

/* The listener of APISIX that a captured destination is steered to. */
enum address_target {
	ADDRESS_HTTP = 0,
	ADDRESS_STREAM,
	ADDRESS_STRICT,		/* mesh TLS only */
	ADDRESS_PERMISSIVE,	/* mesh TLS or plaintext */
	ADDRESS_TLS,		/* mesh TLS with TCP in it */
	_ADDRESS_MAX,
};
const char *address_target_name(enum address_target target);

/*
 * What capture is to know of a destination (destination.h): the local address in its place.  Those with any port
 * ("… 0") or a whole family ("0.0.0.0/0") stand for what no other destination names.
 */
struct translation_address {
	const char *destination;
	const char *identity;
	enum address_target target;
};

struct translation_ops {
	/* The active resource of that name, or NULL. Borrowed until the call that asked returns. */
	struct resource *(*find)(void *arg, enum rt type, const char *name);
	/* All active ones of a type, any order. */
	int (*each)(void *arg, enum rt type, int (*fn)(struct resource *r, void *fn_arg), void *fn_arg);

	/* An object that is new or whose bytes changed. Key without the prefix: "routes/NAME". */
	void (*put)(void *arg, const char *key, const uint8_t *value, size_t size);
	void (*del)(void *arg, const char *key);
	/* While capture is on: a destination is there or has changed; NULL: it is gone. May be NULL. */
	void (*address)(void *arg, const char *destination, const struct translation_address *a);
	/* Replaces all findings about this resource that the translation reported before; n = 0 clears. */
	void (*findings)(void *arg, enum rt type, const char *name, const struct mesh_finding *findings, size_t n);
};

int translation_new(const struct translation_options *options, const struct translation_ops *ops, void *arg,
		    struct translation **ret_translation);
struct translation *translation_free(struct translation *t);
void translation_freep(struct translation **t);

/* As given; borrowed as long as the translation lives. */
const struct translation_options *translation_options(const struct translation *t);

/* A resource was added, replaced or removed (find() already gives the new state). 0 or -ENOMEM. */
int translation_changed(struct translation *t, enum rt type, const char *name);

/* What is waiting: cheap (endpoints, clusters) and dear for APISIX (routes: its router is rebuilt). */
struct translation_pending {
	size_t clusters, listeners;
};
struct translation_pending translation_pending(const struct translation *t);

enum {
	TRANSLATION_CLUSTERS = 1 << 0,
	TRANSLATION_LISTENERS = 1 << 1,
	TRANSLATION_ALL = 3,
};

/*
 * Does marked units of the given kinds, at most `max_units` (0: all), sorted by name; puts and dels what
 * differs.  Listener units may add or drop upstream variants: the clusters concerned are done in the same call,
 * so that a published route never names an upstream that is not there.
 * Returns 0 done, 1 more to do, or -ENOMEM.
 */
int translation_run(struct translation *t, unsigned kinds, size_t max_units);

/* Puts every object again (the receiver lost them): marks all units and forgets what was put. */
int translation_replay(struct translation *t);

/* Every object: key, size of its value, what it was made from. Sorted by key. fn non-zero ends the walk. */
typedef int (*translation_object_fn)(const char *key, size_t size,
				     const struct translation_origin *origins, size_t n_origins, void *arg);
int translation_objects(const struct translation *t, translation_object_fn fn, void *arg);

/* Every address that capture is to know, in any order. fn non-zero ends the walk. */
int translation_addresses(const struct translation *t, int (*fn)(const struct translation_address *a, void *arg),
			  void *arg);

/*
 * What a resource must fulfil to be accepted, and what it asks for (TRANSLATION.md 9.1; XDS.md 4.2).
 * 0; 1 refused, with the reason in `ret_why` (to be NACKed by name); -ENOMEM.  `need` (may be NULL) is called
 * for every resource that this one names and that must be subscribed to (RDS, EDS, SDS, ECDS); timeout_ms is
 * its initial_fetch_timeout (-1: default, 0: for ever).
 */
typedef void (*translation_need_fn)(void *arg, enum rt type, const char *name, int64_t timeout_ms);
int translation_check(const struct resource *r, translation_need_fn need, void *arg, char *ret_why,
		      size_t why_size);

#endif
