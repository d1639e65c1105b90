/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the ADS client share.
 *
 * ads.c is the public face, stream.c the stream's life, variant.h with sotw.c and delta.c what the two protocols differ
 * in, response.[ch] reads, deliver.c hands on to the host, answer.c comes back with the verdict, type.c remembers per
 * type, state.c, report.c and words.c tell the operator.
 */
#ifndef ADS_PRIVATE_H
#define ADS_PRIVATE_H

#include "ads.h"
#include "backoff.h"
#include "names.h"
#include "response.h"
#include "table.h"
#include "variant.h"

#define PENDING_MAX ((size_t)1 << 20)	/* bytes of requests that the server has not taken */

struct event;

/* A response that was handed over and has no verdict yet. */
struct answer {
	uint64_t id;		/* of the update; 0: there is none */
	unsigned stream;	/* number of the stream that it came on */
	bool snapshot;
	size_t changed;		/* bodies and removals that were handed over */
	char *version, *nonce;	/* owned */
	struct table changes;	/* what becomes of the accepted ones when the verdict is good */
};

struct ads_type {
	struct ads_type *next;
	char *url;		/* owned */
	const char *word;	/* "Cluster"; the end of url */
	bool wildcard;
	struct names *wanted;	/* one reference */

	/* of the present stream */
	bool asked, sent_wildcard, named;	/* named: a request with names was sent */
	struct names *sent;	/* one reference */
	char *nonce;		/* owned: of the newest response; NULL: none */

	/* of all streams */
	char *version;		/* owned: of the response that was accepted last; NULL: none */
	struct table accepted;
	struct answer answer;
	uint32_t mark;		/* of the response at hand, see struct entry */
	bool again;		/* to be asked for again, for warming */
	bool mixed;		/* a refused response was used in part: what is held is of no one version */

	/* for the operator */
	int64_t acked, nacked;
	char *reason;		/* owned: of the last refusal */
	char *fault;		/* owned: what is wrong with the newest response; NULL: nothing */
	struct table absent;	/* names that the server has not, with its words as the version */
	bool report;		/* absent or fault have changed */
	int64_t logged;		/* when the last refusal was logged */
	int64_t empty_logged;	/* when it was said that none is left */
};

/* The message that is being handed over, or waits for its turn. */
struct delivery {
	const uint8_t *data;	/* NULL: there is none */
	size_t size;
	uint8_t *owned;		/* the message, when it outlives the call-back */
	struct response response;
	struct ads_type *type;	/* NULL: it waits */
	struct pb_cursor at;
	unsigned flags;		/* of the next call of the host */
};

struct own {
	struct own *next;
	size_t n;
	struct mesh_resource *resources;	/* owned, with all they point to */
};

struct ads {
	struct mesh_host *host;		/* borrowed, like the next */
	struct grpc_channel *channel;
	const struct ads_owner *owner;
	void *arg;
	char *origin;			/* owned */
	enum ads_api api;
	const struct variant *variant;
	struct ads_type *types;		/* owned, in the order in which they were first named */

	/* stream.c */
	bool started, node_sent, open, drained, paused;
	bool occupied;			/* the last end was struct ads_owner's `occupied` */
	struct grpc_call *call;		/* owned; NULL: none */
	unsigned stream;		/* number of the present or last one */
	struct backoff backoff;
	struct event *retry, *flush, *again, *turn;	/* owned */

	/* deliver.c */
	bool busy;			/* the host wants no more for now */
	uint64_t last_id;
	struct delivery delivery;
	struct own *own;		/* owned queue */

	/* state.c */
	int64_t since;			/* open: since when; else when it was asked */
	int64_t next_at;		/* when the next attempt is due; 0: now */
	char *peer;			/* owned: of the present stream */
	char *trouble;			/* owned: how the last stream ended, with the remedy; NULL: it did not */
	char *said;			/* owned: the trouble that was logged last */
	char *told;			/* owned: the detail that the host knows */
	bool told_open;
	uint64_t responses, streams;
	int64_t strange_logged, trouble_logged, open_logged;
	int64_t news_since;		/* of the troubles counted in `news` */
	unsigned news;			/* how many were logged since */
};

/* ---- stream.c ---- */
int stream_init(struct ads *ads);
void stream_deinit(struct ads *ads);
void stream_open(struct ads *ads);			/* unless it is open */
void stream_close(struct ads *ads);			/* without trying again */
void stream_soon(struct ads *ads);			/* sends what has changed in the next turn */
void stream_again(struct ads *ads);			/* sends the types marked `again`, a little later */
void stream_turn(struct ads *ads);			/* goes on delivering in the next turn */
void stream_wake(struct ads *ads);			/* ends a pause, if it may end */
void stream_broken(struct ads *ads, const char *why);	/* a rule was broken: ends it and tries again later */
/* One request; the node is added to the first of the stream. */
void stream_send(struct ads *ads, struct buf *request);

/* ---- type.c ---- */
struct ads_type *type_find(const struct ads *ads, struct span url);
struct ads_type *type_get(struct ads *ads, const char *url);	/* made when it is new; NULL: no memory */
void types_free(struct ads *ads);
int type_want(struct ads *ads, struct ads_type *t, const struct mesh_subscription *s);
void type_stream_ended(struct ads_type *t);
void type_forget(struct ads_type *t);			/* all that was accepted, and the answer that is due */
bool type_wants(const struct ads_type *t, const char *name);
void type_sent(struct ads_type *t);	/* a request that named what is wanted now */
/* Sends the first request of this stream, or what has changed since the last; false: nothing was due. */
bool type_flush(struct ads *ads, struct ads_type *t);
int text_set(char **text, const void *value, size_t size);

/* ---- deliver.c ---- */
int deliver_message(struct ads *ads, const uint8_t *data, size_t size);	/* as grpc_call_ops.message */
void deliver_run(struct ads *ads);
void deliver_stream_ended(struct ads *ads);	/* what has begun is finished, what waits is dropped */
void deliver_drop(struct ads *ads);		/* everything */
void own_free(struct own *own);

/* ---- batch.c: one call of the host ---- */
int batch_send(struct ads *ads, struct delivery *d);	/* 0 more to do, 1 that was the last; negative errno */

/* ---- answer.c ---- */
void answer_drop(struct answer *a);
void answer_settle(struct ads *ads, struct ads_type *t, bool accepted, const char *detail);
/* The answer to a response that was not handed over. */
void answer_refuse(struct ads *ads, struct ads_type *t, const struct response *r, const char *why);
void answer_stranger(struct ads *ads, const struct response *r);

/* ---- state.c ---- */
int64_t time_epoch(void);
void state_tell(struct ads *ads);
bool seldom(int64_t *last, int64_t seconds);	/* true at most once in so many seconds */

/* ---- report.c ---- */
void report_absent(struct ads_type *t, struct span name, const char *why);
void report_present(struct ads_type *t, struct span name);
void report_type(struct ads *ads, struct ads_type *t);

/* ---- words.c ---- */
const char *status_remedy(const struct ads *ads, const struct grpc_status *status);

#endif
