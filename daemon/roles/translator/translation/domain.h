/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Domains of a virtual host, and who owns them.
 *
 * APISIX looks hosts up by name and falls through to less specific ones; Envoy picks one virtual host
 * and stays there.  A domain becomes a host to look up, or stays host-less, and where the look-up is
 * less exact than Envoy a condition says the rest (TRANSLATION.md 2.1).
 */
#ifndef MESHD_TRANSLATION_DOMAIN_H
#define MESHD_TRANSLATION_DOMAIN_H

#include "job.h"
#include "xds.h"

/* How the port in a Host header counts. */
enum port_mode {
	PORT_KEPT,	/* it is part of the name */
	PORT_IGNORED,
	PORT_OWN,	/* dropped when it is the listener's own */
};

enum domain_class {
	DOMAIN_EXACT,	/* a.b.c */
	DOMAIN_SUFFIX,	/* *.b.c */
	DOMAIN_PREFIX,	/* foo.*: host-less */
	DOMAIN_ANY,	/* *: host-less */
	DOMAIN_NEVER,	/* no Host can match */
};

struct domain {
	enum domain_class class;
	const char *text;	/* as written, in lower case */
	const char *host;	/* EXACT, SUFFIX: for `hosts`; else "" */
	const char *regex;	/* full match of the Host header or of the host; NULL: the look-up says it all */
	const char *var;	/* what the regex is for: "http_host" or "host" */
};

/* exact: the look-up alone is not exact enough here, a condition must say the whole name. */
struct domain domain_parse(struct job *job, const char *text, enum port_mode mode, uint32_t own_port, bool exact);
/* The condition that the domain needs beside its place, or NULL. */
const char *domain_condition(struct job *job, const struct domain *d);

/*
 * What a listener asks for exclusively.  Two claims on one node collide when their parts are equal or
 * one of them is for the whole node.
 */
struct claim {
	const char *node;	/* "host a.b.c", "any", "prefix foo.", "tcp 5432", "out tcp 10.1.2.3 80" */
	const char *part;	/* "" : the whole node */
	const char *claimant;	/* who asks: the listener, and which of its filter chains */
	unsigned rank;		/* of those that collide the lowest has it, then the first by name */
	bool identity;		/* the node is a destination that gets an address identity (DESIGN 5) */
};

struct claim domain_claim(struct job *job, const struct domain *d, const char *claimant);
bool claims_collide(const struct claim *a, const struct claim *b);

#endif
