/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The destinations of a listener while capture is on: its own addresses, and the networks and ports
 * within them that its filter chains tell apart.  Each is claimed and gets an identity (DESIGN 5).
 *
 * A listener that takes what was redirected (use_original_dst) stands for every address: those ports
 * that its chains name, and any other.
 */
#ifndef MESHD_TRANSLATION_REACH_H
#define MESHD_TRANSLATION_REACH_H

#include "destination.h"
#include "domain.h"
#include "job.h"
#include "xds.h"

/* Who has a destination that several listeners name, as Envoy finds the listener first. */
enum reach_rank {
	REACH_OWN = 0,		/* it is the listener's address */
	REACH_CHAIN,		/* a network within a wildcard address */
	REACH_ORIGINAL,		/* of a listener that takes what was redirected */
	REACH_ALIAS,		/* an address that a virtual host of a wildcard listener names */
};

struct reach {
	struct destination d;
	const char *text;	/* destination_print() */
	enum reach_rank rank;
};

struct reaches {
	struct reach *list;	/* in the arena; sorted by text, none twice */
	size_t n, cap;
	uint16_t own_port;	/* the one that connections are redirected to; 0: it is no such listener */
};

/* More destinations than this of one listener are left out, with a finding. */
#define REACH_MAX 2000

void reach_read(struct job *job, const xds_listener *listener, const struct path *root, struct reaches *ret_reaches);

/* Any port of this machine: what no chain names goes to its service as it did. */
bool reach_unknown(const struct destination *d);

/* The claim of a destination; an alias gets no identity of its own, nor do unknown ones. */
struct claim reach_claim(const struct reach *reach, const char *listener);

/*
 * The destination that a domain of a virtual host names, if it is an IP address within a wider one of the
 * listener's (*ret_class).  False: it is none.
 */
bool reach_alias(struct job *job, const struct reaches *reaches, const char *domain, struct reach *ret_alias,
		 const struct reach **ret_class);

/* The filter chains that are for a destination: by port, then by the smallest network (Envoy's first two levels). */
struct chain_set {
	size_t *list;		/* positions, in the arena; the default chain is not in it */
	size_t n;
};
struct chain_set reach_chains(struct job *job, const xds_listener *listener, const struct destination *d);

/* A range of a match; false: it is none (the acceptance check has said so). */
bool reach_range(const Envoy__Config__Core__V3__CidrRange *range, struct cidr *ret_cidr);

#endif
