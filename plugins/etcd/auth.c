/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Users and tokens. A token is "<nonce><mac>.<second>", the first two in hexadecimal: the mac is
 * HMAC-SHA256 over nonce and second with the user's key, cut to 16 bytes. The key comes out of scrypt,
 * so that who sees a token cannot try passwords on it any faster than on a stolen hash.
 */
#include "auth.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

#include "server.h"

#define NONCE_SIZE 8
#define MAC_SIZE 16
#define HEX_SIZE (2 * (NONCE_SIZE + MAC_SIZE))
/* A clock that is a little behind must not end what was issued a moment ago. */
#define CLOCK_SLACK 5

struct auth_token {
	TAILQ_ENTRY(auth_token) by_use, in_bucket;
	struct auth_tokens *bucket; /* borrowed */
	struct auth_user *user;     /* borrowed */
	time_t used_at;             /* monotonic */
	size_t size;
	char text[AUTH_TOKEN_SIZE];
};

static time_t real_now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec;
}

/* ---- passwords ---- */

int auth_read_password(const char *file, struct buf *out)
{
	int r = file_slurp(file, AUTH_PASSWORD_MAX, out);
	const uint8_t *end;

	if (r < 0)
		return r;
	end = out->len > 0 ? memchr(out->data, '\n', out->len) : NULL;
	if (end != NULL)
		out->len = (size_t)(end - out->data);
	if (out->len > 0 && out->data[out->len - 1] == '\r')
		out->len--;
	return out->len > 0 ? 0 : -ENODATA;
}

static bool digest(const void *data, size_t size, uint8_t out[32])
{
	return EVP_Digest(data, size, out, NULL, EVP_sha256(), NULL) == 1;
}

/* The salt makes keys differ between users and between meshes with one password. */
static bool derive_key(const struct auth *a, const struct auth_user *u, const struct buf *password,
		       uint8_t key[32])
{
	char salt[256];
	int n = snprintf(salt, sizeof salt, "meshd token %016" PRIx64 " %s", a->server->ids.cluster,
			 u->name);

	return EVP_PBE_scrypt((const char *)password->data, password->len, (const uint8_t *)salt,
			      (size_t)n, 1 << 13, 8, 1, 64 << 20, key, 32) == 1;
}

static void drop_tokens(struct auth *a, const struct auth_user *u);

static void load_user(struct auth *a, struct auth_user *u)
{
	struct mesh_host *host = a->server->host;
	struct buf password = BUF_INIT;
	int r;

	u->stamp = filestamp_take(u->file);
	r = auth_read_password(u->file, &password);
	drop_tokens(a, u);
	u->usable = r == 0 && digest(password.data, password.len, u->digest) &&
		    derive_key(a, u, &password, u->key);
	if (password.data != NULL)
		OPENSSL_cleanse(password.data, password.cap);
	buf_deinit(&password);
	if (u->usable)
		return;
	mesh_log(host, MESH_ERR, "etcd: user '%s' cannot log in: the password in '%s' cannot be read: "
		 "%s; %s", u->name, u->file, r == -ENODATA ? "it is empty" : strerror(-r),
		 r == -ENODATA ? "write the password into its first line" : file_remedy(r));
}

/* Whose file has changed since it was last tried? */
static void look_at_files(struct auth *a)
{
	if (!second_passed(&a->looked_at, a->now(CLOCK_MONOTONIC)))
		return;
	for (size_t i = 0; i < a->n_users; i++) {
		struct filestamp now = filestamp_take(a->users[i].file);

		if (filestamp_same(&now, &a->users[i].stamp))
			continue;
		load_user(a, &a->users[i]);
		if (a->users[i].usable)
			mesh_log(a->server->host, MESH_INFO, "etcd: read the new password of user '%s'",
				 a->users[i].name);
	}
}

/* ---- the table of tokens ---- */

static struct auth_tokens *bucket_of(struct auth *a, const char *text, size_t size)
{
	uint32_t h = UINT32_C(0x811c9dc5);

	for (size_t i = 0; i < size; i++)
		h = (h ^ (uint8_t)text[i]) * UINT32_C(0x01000193);
	return &a->buckets[(h ^ h >> 16) % AUTH_BUCKETS];
}

static void token_free(struct auth *a, struct auth_token *t)
{
	TAILQ_REMOVE(&a->by_use, t, by_use);
	TAILQ_REMOVE(t->bucket, t, in_bucket);
	a->n_tokens--;
	free(t);
}

static void drop_tokens(struct auth *a, const struct auth_user *u)
{
	struct auth_token *t, *next;

	for (t = TAILQ_FIRST(&a->by_use); t != NULL; t = next) {
		next = TAILQ_NEXT(t, by_use);
		if (t->user == u)
			token_free(a, t);
	}
}

/* Leaves at most `max`; those at the end were used least recently. */
static void drop_old_tokens(struct auth *a, size_t max)
{
	time_t now = a->now(CLOCK_MONOTONIC);
	struct auth_token *t;

	while ((t = TAILQ_LAST(&a->by_use, auth_tokens)) != NULL &&
	       (now - t->used_at >= AUTH_TOKEN_SECONDS || a->n_tokens > max))
		token_free(a, t);
}

static struct auth_token *token_find(struct auth *a, const char *text, size_t size)
{
	struct auth_token *t;

	TAILQ_FOREACH(t, bucket_of(a, text, size), in_bucket)
		if (t->size == size && CRYPTO_memcmp(t->text, text, size) == 0)
			return t;
	return NULL;
}

/* Without memory the token still works, it is just not prolonged. */
static void token_note(struct auth *a, struct auth_user *u, const char *text, size_t size)
{
	struct auth_token *t = calloc(1, sizeof *t);

	drop_old_tokens(a, AUTH_MAX_TOKENS - 1);
	if (t == NULL)
		return;
	t->bucket = bucket_of(a, text, size);
	t->user = u;
	t->used_at = a->now(CLOCK_MONOTONIC);
	t->size = size;
	memcpy(t->text, text, size);
	TAILQ_INSERT_HEAD(&a->by_use, t, by_use);
	TAILQ_INSERT_HEAD(t->bucket, t, in_bucket);
	a->n_tokens++;
}

/* ---- their text ---- */

static void to_hex(const uint8_t *data, size_t size, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < size; i++) {
		out[2 * i] = digits[data[i] >> 4];
		out[2 * i + 1] = digits[data[i] & 15];
	}
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool from_hex(const char *text, size_t size, uint8_t *out)
{
	for (size_t i = 0; i < size; i++) {
		int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static bool sign(const struct auth_user *u, const uint8_t nonce[NONCE_SIZE], int64_t issued,
		 uint8_t mac[MAC_SIZE])
{
	uint8_t data[NONCE_SIZE + 8], full[EVP_MAX_MD_SIZE];
	unsigned size = 0;

	memcpy(data, nonce, NONCE_SIZE);
	for (int i = 0; i < 8; i++)
		data[NONCE_SIZE + i] = (uint8_t)((uint64_t)issued >> (56 - 8 * i));
	if (HMAC(EVP_sha256(), u->key, sizeof u->key, data, sizeof data, full, &size) == NULL)
		return false;
	memcpy(mac, full, MAC_SIZE);
	return true;
}

static bool parse_second(const char *text, size_t size, int64_t *ret)
{
	*ret = 0;
	for (size_t i = 0; i < size; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		*ret = *ret * 10 + (text[i] - '0');
	}
	return size > 0 && size < 16;
}

/* A token that is not in the table: from before this process was started, or forged. */
static struct auth_user *verify(struct auth *a, const char *text, size_t size)
{
	uint8_t bytes[NONCE_SIZE + MAC_SIZE], mac[MAC_SIZE];
	int64_t issued, age;

	if (size <= HEX_SIZE + 1 || size > HEX_SIZE + 17 || text[HEX_SIZE] != '.' ||
	    !from_hex(text, sizeof bytes, bytes) ||
	    !parse_second(text + HEX_SIZE + 1, size - HEX_SIZE - 1, &issued))
		return NULL;
	age = a->now(CLOCK_REALTIME) - issued;
	if (age < -CLOCK_SLACK || age >= AUTH_TOKEN_SECONDS)
		return NULL;
	for (size_t i = 0; i < a->n_users; i++)
		if (a->users[i].usable && sign(&a->users[i], bytes, issued, mac) &&
		    CRYPTO_memcmp(mac, bytes + NONCE_SIZE, MAC_SIZE) == 0)
			return &a->users[i];
	return NULL;
}

static int issue(struct auth *a, struct auth_user *u, char ret_token[AUTH_TOKEN_SIZE])
{
	uint8_t bytes[NONCE_SIZE + MAC_SIZE];
	int64_t now = a->now(CLOCK_REALTIME);
	int n;

	if (RAND_bytes(bytes, NONCE_SIZE) != 1 || !sign(u, bytes, now, bytes + NONCE_SIZE))
		return -EIO;
	to_hex(bytes, sizeof bytes, ret_token);
	n = snprintf(ret_token + HEX_SIZE, AUTH_TOKEN_SIZE - HEX_SIZE, ".%" PRId64, now);
	token_note(a, u, ret_token, HEX_SIZE + (size_t)n);
	return 0;
}

/* ---- what requests need ---- */

static struct auth_user *find_user(struct auth *a, struct bytes name)
{
	for (size_t i = 0; i < a->n_users; i++)
		if (strlen(a->users[i].name) == name.size &&
		    memcmp(a->users[i].name, name.data, name.size) == 0)
			return &a->users[i];
	return NULL;
}

/* The same work for a name that there is not. */
static struct auth_user *check_password(struct auth *a, struct bytes name, struct bytes password)
{
	static const uint8_t nobody[32];
	struct auth_user *u = find_user(a, name);
	bool known = u != NULL && u->usable;
	uint8_t given[32];
	bool right = digest(password.data, password.size, given) &&
		     CRYPTO_memcmp(given, known ? u->digest : nobody, sizeof given) == 0;

	return known && right ? u : NULL;
}

static int refuse_login(struct auth *a, struct apierr *err)
{
	if (loglimit_allow(&a->server->log, LOG_BAD_LOGIN))
		mesh_log(a->server->host, MESH_WARN, "etcd: refused a login with a wrong name or "
			 "password; compare the client's with frontend.options.users");
	return apierr_set(err, ERR_BAD_LOGIN);
}

static int refuse_guesser(struct auth *a, const char *who, struct apierr *err)
{
	if (loglimit_allow(&a->server->log, LOG_GUESSES))
		mesh_log(a->server->host, MESH_WARN, "etcd: %s has tried %d wrong passwords and gets only one "
			 "try each %d s now, also with the right one; compare the client's with "
			 "frontend.options.users", who, GUESS_BURST, GUESS_SECONDS);
	return apierr_set(err, ERR_BAD_LOGIN);
}

int auth_login(struct auth *a, int fd, struct bytes name, struct bytes password,
	       char ret_token[AUTH_TOKEN_SIZE], struct apierr *err)
{
	time_t now = a->now(CLOCK_MONOTONIC);
	char who[PEER_NAME_SIZE];
	struct auth_user *u;
	uint64_t peer;

	if (!auth_enabled(a))
		return apierr_set(err, ERR_AUTH_OFF);
	if (name.size == 0)
		return apierr_set(err, ERR_NO_USER);
	peer = peer_name(&a->server->peers, fd, who);
	if (!guess_allowed(&a->guesses, peer, now))
		return refuse_guesser(a, who, err);
	look_at_files(a);
	u = check_password(a, name, password);
	if (u == NULL) {
		guess_wrong(&a->guesses, peer, now);
		return refuse_login(a, err);
	}
	return issue(a, u, ret_token) < 0 ? apierr_set(err, ERR_NO_MEMORY) : 0;
}

const char *auth_user(struct auth *a, const void *token, size_t size)
{
	struct auth_token *t;
	struct auth_user *u;

	look_at_files(a);
	drop_old_tokens(a, AUTH_MAX_TOKENS);
	if (size >= AUTH_TOKEN_SIZE)
		return NULL;
	t = token_find(a, token, size);
	if (t != NULL) {
		t->used_at = a->now(CLOCK_MONOTONIC);
		TAILQ_REMOVE(&a->by_use, t, by_use);
		TAILQ_INSERT_HEAD(&a->by_use, t, by_use);
		return t->user->name;
	}
	u = verify(a, token, size);
	if (u == NULL)
		return NULL;
	token_note(a, u, token, size);
	return u->name;
}

/* ---- life ---- */

int auth_init(struct auth *a, struct server *s)
{
	const struct mesh_host_ops *ops = s->host->ops;
	const struct mesh_conf *conf = ops->options(s->host);
	size_t n = MIN(ops->conf_count(conf, "users[].name"), (size_t)AUTH_MAX_USERS);

	a->server = s;
	a->now = real_now;
	TAILQ_INIT(&a->by_use);
	for (size_t i = 0; i < AUTH_BUCKETS; i++)
		TAILQ_INIT(&a->buckets[i]);
	a->users = calloc(n, sizeof *a->users);
	if (a->users == NULL && n > 0)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		a->users[i].name = ops->conf_str(conf, "users[].name", i);
		a->users[i].file = ops->conf_str(conf, "users[].password_file", i);
		load_user(a, &a->users[i]);
	}
	a->n_users = n;
	return 0;
}

void auth_deinit(struct auth *a)
{
	while (a->users != NULL && !TAILQ_EMPTY(&a->by_use))
		token_free(a, TAILQ_FIRST(&a->by_use));
	if (a->users != NULL)
		OPENSSL_cleanse(a->users, a->n_users * sizeof *a->users);
	free(TAKE(a->users));
	a->n_users = 0;
}
