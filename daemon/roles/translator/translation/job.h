/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the translation of one unit works with: the mesh to read, an arena that lives as long as the
 * job, and the output.  Handed down everywhere, so that no file keeps a state of its own.
 *
 * Allocation from the job never returns NULL to its callers' string code: it gives "" and marks the
 * job as failed; the unit is then thrown away as a whole.
 */
#ifndef MESHD_TRANSLATION_JOB_H
#define MESHD_TRANSLATION_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

#include "arena.h"
#include "buf.h"
#include "notes.h"
#include "out.h"
#include "translation.h"
#include "uses.h"

struct coverage;
struct apisix;
struct claim;
struct provenance;

/* What a route must know of a cluster. */
struct cluster_facts {
	bool exists;
	bool hashes;			/* ring hash or Maglev: a route's hash_policy has an effect */
	bool original;			/* it goes to where the client was going (ORIGINAL_DST) */
	bool subsets;			/* a route's metadata_match has an effect */
	bool h2;			/* all requests are sent over HTTP/2 */
	bool grpc_apart;		/* gRPC is sent over HTTP/2, all else over HTTP/1.1: a variant for each */
	int64_t connect_ms;
	uint32_t requests_max;		/* at once; UINT32_MAX: any number */
	uint32_t connections_max;	/* the same for TCP */
	uint32_t drop;			/* this share of requests, in millionths */
};

struct job_ops {
	struct resource *(*find)(void *arg, enum rt type, const char *name);	/* borrowed */
	struct cluster_facts (*facts)(void *arg, const char *cluster);
	int (*each)(void *arg, enum rt type, int (*fn)(struct resource *r, void *fn_arg), void *fn_arg);
	/* Is there an object for the secret, to be presented to upstreams? */
	bool (*presented)(void *arg, const char *secret);
	/* Who owns what is claimed: NULL: the claimant; else the name of another. */
	const char *(*owner)(void *arg, const struct claim *claim);
};

/* A growing list of strings in the arena. */
struct strs {
	const char **list;
	size_t n, cap;
};

struct job {
	const struct translation_options *options;
	const struct coverage *coverage;
	struct apisix *apisix;		/* what is enabled there, and what it takes */
	struct shells *shells;		/* NULL: none are kept */
	const struct job_ops *ops;
	void *arg;
	struct arena *arena;		/* one of the next two */
	struct arena *lasting;		/* as long as the job */
	struct arena *passing;		/* NULL: there is none */
	struct out *out;
	struct uses uses;
	struct provenance *made;	/* of the object at work; NULL: nobody asks */
	const struct strs *clusters;	/* NULL: not asked for */
	unsigned n_trials;		/* of regexes: backtrack.c */
	bool failed;			/* out of memory */
};

/*
 * Between the two, what is allocated lasts until the second one: for parts of a large resource that are
 * done one after another.
 */
void job_part_begin(struct job *job);
void job_part_end(struct job *job);
/* Allocates what outlives the part from here on; the arena to go back to. */
struct arena *job_last(struct job *job);

/* Zeroed room for n elements, or NULL with `failed` set. */
void *job_alloc(struct job *job, size_t n, size_t size);
const char *job_str(struct job *job, const char *s, size_t len);
const char *job_printf(struct job *job, const char *fmt, ...) _printf_(2, 3);
/* The strings one after another; NULL ends the list. For what is made for every route: much cheaper than printf. */
const char *job_concat(struct job *job, const char *first, ...) __attribute__((sentinel));
/* What the buffer holds, as a string of the arena; the buffer is emptied. */
const char *job_take(struct job *job, struct buf *b);
void strs_add(struct job *job, struct strs *strs, const char *s);
/* Room for one more element of a list in the arena. */
bool job_grow(struct job *job, void **list, size_t n, size_t *cap, size_t size);

void job_note(struct job *job, const struct path *at, enum behaviour b, const char *fmt, ...) _printf_(4, 5);

/* The path at `at`, copied into the arena so that it outlives the caller. */
const struct path *path_keep(struct job *job, const struct path *at);

/* What this unit knows of a resource; the first time marks the dependency. NULL: out of memory. */
struct use *job_use(struct job *job, enum rt type, const char *name);
/*
 * The active resource, and a mark that this unit depends on it. On a cluster: on all of it, while those who ask for
 * its facts depend on these alone.
 */
struct resource *job_find(struct job *job, enum rt type, const char *name);
struct cluster_facts job_facts(struct job *job, const char *cluster);
/*
 * The same job with notes of its own, which are dropped: for reading what another unit reports on. What is read
 * counts as read by this one when job_unhush() ends it.
 */
void job_hush(const struct job *job, struct out *scratch, struct job *ret_quiet);
void job_unhush(struct job *job, struct out *scratch, const struct job *quiet);
/* Stands for the set of all clusters where a resource's name is expected; no resource is called that. */
#define CLUSTERS_ALL ""
/* Stands for all of a cluster, put before its name. */
#define CLUSTER_WHOLE "\001"
/* Can the secret be presented to upstreams? The unit is done again when that changes, not when the secret does. */
bool job_presented(struct job *job, const char *secret);
/* Stands for that, put before the secret's name. */
#define SECRET_PRESENTED "\001"
/* The names of all clusters, sorted; the unit is done again when one comes or goes, not when one changes. */
const struct strs *job_clusters(struct job *job);

/* Decodes into the arena. NULL: malformed (noted at `at` when that is not NULL) or out of memory. */
ProtobufCMessage *job_decode(struct job *job, const ProtobufCMessageDescriptor *desc, const uint8_t *data,
			     size_t size, const struct path *at);
/* The message in an Any if it is of this type, else NULL (nothing is noted). */
ProtobufCMessage *job_any(struct job *job, const void *any, const ProtobufCMessageDescriptor *desc);

/* Makes sure that the cluster has this variant; the upstream's id, in the arena. */
const char *job_upstream(struct job *job, const char *cluster, const struct variant *v);
void upstream_id(char ret_id[], const char *cluster, const char *variant_text);

#endif
