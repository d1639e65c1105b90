/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Doing the work of one unit and putting out what differs; what the translation consists of.
 */
#ifndef MESHD_TRANSLATION_UNIT_H
#define MESHD_TRANSLATION_UNIT_H

#include "apisix.h"
#include "coverage.h"
#include "graph.h"

struct translation {
	struct translation_options options;
	struct translation_ops ops;
	void *arg;
	struct coverage *coverage;	/* owned */
	struct apisix *apisix;		/* owned; what APISIX takes */
	struct graph graph;
	size_t overlay_used;		/* patches that had matched when the overlay's unit was done */
	struct shells shells;		/* of the upstreams that are out */
	struct buf text;		/* of the upstream that is being refreshed */
	struct arena arena;		/* of the unit that is being done */
	struct arena objects;		/* that it gives, until they are put out */
	struct arena passing;		/* of a part of it that is done and forgotten: job.h */
	struct arena facts_arena;	/* of a cluster that is looked at meanwhile */
	struct identities *own_identities;	/* owned; when the driver has none of its own */
	bool failed;			/* out of memory where nothing could be returned */
};

/* Looks at what a unit's change means for others: facts of a cluster, claims of a listener. */
int unit_scan(struct translation *t, struct unit *unit);
/* Translates, compares, puts and dels, keeps. On -ENOMEM the unit stays as it was. */
int unit_do(struct translation *t, struct unit *unit);

/*
 * refresh.c: does a unit of which nothing but a plain assignment has changed. 1: done; 0: it must be translated;
 * -ENOMEM.
 */
int unit_refresh(struct translation *t, struct unit *unit);

/* report.c: hands on the notes about every resource that was touched, and frees what is no more. */
int report_touched(struct translation *t);

#endif
