/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a server answers around its messages: response headers, trailers, and the body where the answer is not gRPC at
 * all (a proxy's error page). Made into a status for people. Used by call.c, fed by stream.c.
 */
#ifndef GRPC_ANSWER_H
#define GRPC_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#include "status.h"

#define ANSWER_HEADERS_MAX (64 * 1024)	/* of one block, as HTTP/2 counts them (RFC 9113, 6.5.2) */
#define ANSWER_BODY_MAX 2048		/* so much of an error page is looked at */

struct answer {
	bool opened;		/* the response's headers are complete: the next ones are trailers */
	bool foreign;		/* not gRPC: the body is an error page, not messages */
	bool bad_status;	/* a grpc-status that is no number */
	int http;		/* 0: not yet */
	int status;		/* grpc-status; -1: not yet */
	size_t headers;		/* size of the block that is arriving */
	char type[64];		/* content-type, as far as it fits */
	char encoding[32];
	char message[STATUS_TEXT_MAX];
	char *body;		/* owned, of a foreign answer; NULL: none yet */
	size_t body_len;
};

#define ANSWER_INIT { .status = -1 }

void answer_deinit(struct answer *a);

/* A header or a trailer. False: there are too many. */
bool answer_header(struct answer *a, const char *name, size_t name_len, const char *value, size_t len);
/* A block of headers is complete; 1xx is forgotten again. */
void answer_headers_end(struct answer *a);
/* Bytes of an error page. True: enough of them. */
bool answer_body(struct answer *a, const void *data, size_t len);

/* The server has nothing more to say: its status, with words in text. *ret_local: the words are ours. */
int answer_status(const struct answer *a, char *text, size_t size, bool *ret_local);

#endif
