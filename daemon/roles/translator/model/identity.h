/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Address identities (DESIGN 5): for each destination one local address, by which a stock APISIX
 * tells where a captured connection was going.
 *
 * An identity is a hash of the destination in the network of its kind.  Where two destinations meet,
 * the second steps on to the next free address, and that is remembered: as long as the destination is
 * wanted, over restarts (the owner stores what `changed` tells and loads it again), and for a day after
 * it was wanted last, in which nobody else gets the address.  What is new is assigned together and in
 * order, so the first assignment of a set does not depend on how it arrived.
 *
 * The first addresses of a network and its last five are never given: network and broadcast-like
 * ones, those for destinations that nobody knows, and those of capture's self-test.
 */
#ifndef MESHD_MODEL_IDENTITY_H
#define MESHD_MODEL_IDENTITY_H

#include "destination.h"

#define IDENTITY_KEEP_S (24 * 3600)

struct identity_nets {
	struct cidr outbound4, inbound4, ip6;
};

/* The defaults of capture.identities. */
#define IDENTITY_OUTBOUND4 "127.64.0.0/10"
#define IDENTITY_INBOUND4 "198.19.0.0/16"
#define IDENTITY_IP6 "fd6d:6573:6864::/64"

struct identity {
	const char *destination;	/* destination_print() */
	const char *address;		/* as nginx writes it in $server_addr */
	int64_t released;		/* seconds since 1970; 0: it is wanted */
};

struct identities_options {
	struct identity_nets nets;
	int64_t (*clock)(void);		/* seconds since 1970; NULL: it is always 0 (offline) */
	/* An identity was given, taken back or wanted again: to be stored before it is used. NULL: not stored. */
	void (*changed)(void *arg, const struct identity *id);
	void *arg;
};

struct identities;

int identities_new(const struct identities_options *options, struct identities **ret_identities);
struct identities *identities_free(struct identities *ids);	/* accepts NULL, returns NULL */
/* The default networks, no clock, no store. 0 or -ENOMEM. */
int identities_new_plain(struct identities **ret_identities);

/*
 * From the store, before anything is wanted; a later one for the same destination replaces the earlier.
 * 0; 1: not taken (no identity, or one outside of the networks of today); -ENOMEM.
 */
int identities_load(struct identities *ids, const struct identity *id);

/* One more, one less that wants the destination. What is new waits for identities_settle(). 0 or -ENOMEM. */
int identities_want(struct identities *ids, const char *destination);
void identities_drop(struct identities *ids, const char *destination);
/* Gives addresses to what is new and takes them from what nobody wants any more. 0 or -ENOMEM. */
int identities_settle(struct identities *ids);
/* What was loaded and is wanted by nobody is released too: all that there is has been seen. */
void identities_sweep(struct identities *ids);

/* The address of a wanted destination that is settled; NULL: its network is full. Borrowed. */
const char *identities_find(const struct identities *ids, const char *destination);

/* All that is to be stored, in any order; fn non-zero ends the walk and is returned. */
int identities_each(const struct identities *ids, int (*fn)(const struct identity *id, void *arg), void *arg);
size_t identities_count(const struct identities *ids);

/* The address for destinations that nobody knows (CAPTURE.md 3), and that of the self-test. */
void identity_rest(const struct identity_nets *nets, bool inbound, bool v6, char ret_text[CIDR_TEXT]);
void identity_test(const struct identity_nets *nets, bool inbound, bool v6, char ret_text[CIDR_TEXT]);

#endif
