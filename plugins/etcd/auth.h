/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Users with passwords and the tokens that they get for them, as etcd's Auth service: Authenticate
 * answers with a bare token, which requests then carry. A token is good for 300 s after its last use.
 *
 * Tokens are signed with a key made from the user's password. So one that was issued within the last
 * 300 s is still good after the worker was killed, and all of a user's end when the password changes.
 * A known state of all tokens is kept only to prolong them, in a table of bounded size.
 *
 * Password files are read at start and again when they have changed, looked at when somebody logs in
 * or comes with a token. A user whose file cannot be read cannot log in; it is logged once.
 */
#ifndef ETCD_AUTH_H
#define ETCD_AUTH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <time.h>

#include "apierr.h"
#include "filestamp.h"
#include "guess.h"
#include "message.h"

struct server;
struct auth_token;

#define AUTH_MAX_USERS 64
#define AUTH_MAX_TOKENS 4096
#define AUTH_TOKEN_SECONDS 300
#define AUTH_TOKEN_SIZE 96      /* text with its NUL */
#define AUTH_PASSWORD_MAX 1024  /* bytes */

struct auth_user {
	const char *name, *file;    /* borrowed from the host's options */
	struct filestamp stamp;     /* of the file as it was last tried */
	bool usable;                /* the two below are set */
	uint8_t digest[32];         /* of the password */
	uint8_t key[32];            /* signs this user's tokens */
};

TAILQ_HEAD(auth_tokens, auth_token);
#define AUTH_BUCKETS 256

struct auth {
	struct server *server;      /* borrowed */
	struct auth_user *users;    /* owned */
	size_t n_users;
	struct auth_tokens by_use;  /* owned; the most recently used first */
	struct auth_tokens buckets[AUTH_BUCKETS];
	size_t n_tokens;
	struct guesses guesses;     /* of passwords */
	int64_t looked_at;          /* second of the last look at the files */
	time_t (*now)(clockid_t clock); /* seconds; tests replace it */
};

/* Reads the users from the host's options and their files. Returns 0 or -ENOMEM. */
int auth_init(struct auth *a, struct server *s);
void auth_deinit(struct auth *a);

/* Are there any users? */
static inline bool auth_enabled(const struct auth *a)
{
	return a->n_users > 0;
}

/* Checks a password in constant time. `fd` is the socket of who tries (-1: unknown); who has guessed
 * too often is refused as with a wrong one. Returns 0 with a token, or -EPROTO with *err. */
int auth_login(struct auth *a, int fd, struct bytes name, struct bytes password,
	       char ret_token[AUTH_TOKEN_SIZE], struct apierr *err);

/* The name of the user whom the token was given to, or NULL: not one of ours, or too old. Being used
 * prolongs it. */
const char *auth_user(struct auth *a, const void *token, size_t size);

/* The password in a file: its first line. Returns 0, a negative errno, or -ENODATA: it is empty. */
int auth_read_password(const char *file, struct buf *out);

#endif
