/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the plugin kuma share: kuma.c is its life, options.c its options, identity.c who we are to the
 * control plane, dataplane.c the resource that it is to register, words.c what the operator should do about an error.
 */
#ifndef KUMA_KUMA_H
#define KUMA_KUMA_H

#include "hds.h"
#include "setup.h"

#define KUMA_MESH_MAX 63
#define KUMA_NAME_MAX 253

/* Who we are; borrowed from the configuration but for the name, which may be the machine's. */
struct identity {
	const char *mesh;
	char name[KUMA_NAME_MAX + 1];
	char id[KUMA_MESH_MAX + KUMA_NAME_MAX + 2];	/* "MESH.NAME" */
	const char *cluster, *metadata;			/* of the section `node`; NULL: none */
	const char *dataplane_file;			/* NULL: the Dataplane is there already */
	const char *const *features;			/* owned list of borrowed words */
	size_t n_features;
	const char *learned;				/* metadata from /bootstrap, a JSON object; NULL: none */
};

struct kuma {
	struct mesh_host *host;		/* borrowed */
	struct setup setup;
	struct grpc_channel *channel;	/* owned */
	struct ads *ads;		/* owned */
	struct hds *hds;		/* owned; NULL: not wanted */
	bool ask_first;			/* POST /bootstrap comes before the first stream */
	struct grpc_call *asking;	/* owned; NULL: not */
	struct event *again;		/* owned: asks again */
	struct buf body, learned;	/* owned: of the answer; what came of it */
	char *told;			/* owned: what was said last of it */
	struct identity identity;
	struct buf node;		/* owned: the encoded Node of this stream */
	char *origin;			/* owned */
	int64_t occupied_at;		/* monotonic milliseconds: since when our place is taken; 0: it is not */
};

/* ---- options.c ---- */
extern const struct mesh_opt kuma_options[];
void kuma_check(const struct mesh_host_ops *ops, const struct mesh_conf *conf, struct mesh_diag *diag);

/* ---- identity.c ---- */

/* Reads who we are. 0, -ENOMEM, or -EINVAL with the option that is wrong and why. */
int identity_read(const struct mesh_host_ops *ops, const struct mesh_conf *conf, struct identity *ret_identity,
		  const char **ret_option, char *why, size_t why_size);
void identity_deinit(struct identity *id);

/*
 * Appends the encoded Node; reads the Dataplane's file anew. 0, or a negative errno with the reason in `why`; -ENOMEM
 * without.
 */
int identity_put(const struct identity *id, struct buf *out, char *why, size_t why_size);

/* ---- ask.c ---- */

/* Asks /bootstrap, as often as it takes, then starts the stream. 0 or -ENOMEM. */
int ask_start(struct kuma *k);
void ask_stop(struct kuma *k);

/* ---- words.c ---- */

/* What to do about this end of a stream; NULL: nothing particular to Kuma. */
const char *kuma_remedy(const struct grpc_status *status);
/* Does it say that another stream of this Dataplane is open? */
bool kuma_is_occupied(const struct grpc_status *status);

#endif
