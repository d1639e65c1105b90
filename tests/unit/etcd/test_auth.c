/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Users and tokens, with a clock of our own: logins, expiry, what a restart and a new password do, and
 * that the wire says what etcd says.
 */
#include "auth.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "client.h"
#include "server.h"
#include "unit.h"

static time_t mono, wall;

static time_t fake_now(clockid_t clock)
{
	return clock == CLOCK_REALTIME ? wall : mono;
}

struct fixture {
	char file[2][64];
	char options[4][96];
	const char *list[5];
	struct fakehost *host;
	struct server *server;
	int port;
};

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void start(struct fixture *f)
{
	f->host = fakehost_new(&mesh_plugin, f->list);
	f->port = fakehost_listen(f->host, 0);
	f->server = fakehost_start(f->host);
	f->server->auth.now = fake_now;
	fakehost_set(f->host, "/apisix/routes/r1", "{}");
	fakehost_allow(f->host, false);
}

static int setup(void **state)
{
	static const char *const names[] = { "a6", "other" };
	struct fixture *f = calloc(1, sizeof *f);

	mono = 1000;
	wall = 1800000000;
	for (int i = 0; i < 2; i++) {
		snprintf(f->file[i], sizeof f->file[i], "/tmp/test_auth.%d.%d", (int)getpid(), i);
		write_file(f->file[i], i == 0 ? "a6pw\nsecond line\n" : "secret\r\n");
		snprintf(f->options[2 * i], sizeof f->options[0], "users[].name=%s", names[i]);
		snprintf(f->options[2 * i + 1], sizeof f->options[0], "users[].password_file=%s",
			 f->file[i]);
	}
	for (int i = 0; i < 4; i++)
		f->list[i] = f->options[i];
	start(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	fakehost_free(f->host);
	unlink(f->file[0]);
	unlink(f->file[1]);
	free(f);
	return 0;
}

static struct bytes text(const char *s)
{
	return (struct bytes){ .data = (const uint8_t *)s, .size = strlen(s) };
}

static int login(struct fixture *f, const char *name, const char *password, char token[AUTH_TOKEN_SIZE],
		 const char *error)
{
	struct apierr err;
	int r = auth_login(&f->server->auth, -1, text(name), text(password), token, &err);

	if (r < 0)
		assert_string_equal(err.text, error);
	return r;
}

static const char *user_of(struct fixture *f, const char *token)
{
	return auth_user(&f->server->auth, token, strlen(token));
}

static void knows_its_users(void **state)
{
	static const char wrong[] = "etcdserver: authentication failed, invalid user ID or password";
	struct fixture *f = *state;
	char token[AUTH_TOKEN_SIZE], second[AUTH_TOKEN_SIZE];

	assert_int_equal(login(f, "a6", "a6pw", token, ""), 0);
	assert_string_equal(user_of(f, token), "a6");
	assert_int_equal(login(f, "other", "secret", second, ""), 0);
	assert_string_equal(user_of(f, second), "other");
	assert_string_not_equal(token, second);
	assert_int_equal(login(f, "a6", "secret", token, wrong), -EPROTO);
	assert_int_equal(login(f, "a6", "a6pw\n", token, wrong), -EPROTO);
	assert_int_equal(login(f, "a6", "", token, wrong), -EPROTO);
	assert_int_equal(login(f, "nobody", "a6pw", token, wrong), -EPROTO);
	assert_int_equal(login(f, "", "a6pw", token, "etcdserver: user name is empty"), -EPROTO);
	assert_null(strstr(fakehost_log(f->host), "nobody"));
}

static void tokens_end_unless_used(void **state)
{
	struct fixture *f = *state;
	char token[AUTH_TOKEN_SIZE];

	login(f, "a6", "a6pw", token, "");
	for (int i = 0; i < 10; i++) {
		mono += AUTH_TOKEN_SECONDS - 1;
		wall += AUTH_TOKEN_SECONDS - 1;
		assert_non_null(user_of(f, token));
	}
	mono += AUTH_TOKEN_SECONDS;
	wall += AUTH_TOKEN_SECONDS;
	assert_null(user_of(f, token));
}

static void forged_tokens_are_refused(void **state)
{
	struct fixture *f = *state;
	char token[AUTH_TOKEN_SIZE], changed[AUTH_TOKEN_SIZE + 8];

	login(f, "a6", "a6pw", token, "");
	for (size_t i = 0; i < strlen(token); i++) {
		memcpy(changed, token, sizeof token);
		changed[i] = changed[i] == '1' ? '2' : '1';
		assert_null(user_of(f, changed));
	}
	snprintf(changed, sizeof changed, "%s0", token);
	assert_null(user_of(f, changed));
	changed[strlen(token) - 1] = '\0';
	assert_null(user_of(f, changed));
	assert_null(user_of(f, "jAzLJmhNkszBwxAK.648"));
	assert_null(user_of(f, "."));
}

/* A worker that was killed knows no token any more, but what was issued lately is still good. */
static void tokens_survive_a_restart(void **state)
{
	struct fixture *f = *state;
	char token[AUTH_TOKEN_SIZE];

	login(f, "a6", "a6pw", token, "");
	fakehost_free(f->host);
	start(f);
	mono += 1;
	wall += AUTH_TOKEN_SECONDS - 1;
	assert_string_equal(user_of(f, token), "a6");
	fakehost_free(f->host);
	start(f);
	wall += 1;
	assert_null(user_of(f, token));
	wall -= AUTH_TOKEN_SECONDS + 100;
	assert_null(user_of(f, token)); /* from the future */
}

static void a_new_password_ends_tokens(void **state)
{
	struct fixture *f = *state;
	char token[AUTH_TOKEN_SIZE], other[AUTH_TOKEN_SIZE];

	login(f, "a6", "a6pw", token, "");
	login(f, "other", "secret", other, "");
	write_file(f->file[0], "changed");
	mono += 1;
	assert_null(user_of(f, token));
	assert_non_null(user_of(f, other));
	assert_non_null(strstr(fakehost_log(f->host), "new password of user 'a6'"));
	assert_int_equal(login(f, "a6", "changed", token, ""), 0);
	unlink(f->file[0]);
	mono += 1;
	assert_null(user_of(f, token));
	assert_non_null(strstr(fakehost_log(f->host), "No such file"));
	assert_int_equal(login(f, "a6", "changed", token, "etcdserver: authentication failed, invalid user ID or "
			       "password"), -EPROTO);
}

static void keeps_a_bounded_number(void **state)
{
	struct fixture *f = *state;
	char token[AUTH_TOKEN_SIZE], first[AUTH_TOKEN_SIZE];

	login(f, "a6", "a6pw", first, "");
	for (int i = 0; i < AUTH_MAX_TOKENS + 10; i++)
		login(f, "a6", "a6pw", token, "");
	assert_int_equal(f->server->auth.n_tokens, AUTH_MAX_TOKENS);
	/* Not prolonged any more, but good for its first 300 s. */
	assert_non_null(user_of(f, first));
}

/* ---- guessing ---- */

static void bounds_each_peer_alone(void **state)
{
	struct guesses g = { .peers = { { .wrong = 0 } } };

	for (int i = 0; i < GUESS_BURST; i++) {
		assert_true(guess_allowed(&g, 1, 1000));
		guess_wrong(&g, 1, 1000);
	}
	assert_false(guess_allowed(&g, 1, 1000 + GUESS_SECONDS - 1));
	assert_true(guess_allowed(&g, 2, 1000));
	assert_true(guess_allowed(&g, 1, 1000 + GUESS_SECONDS));
	guess_wrong(&g, 1, 1000 + GUESS_SECONDS);
	assert_false(guess_allowed(&g, 1, 1000 + 2 * GUESS_SECONDS - 1));
	assert_true(guess_allowed(&g, 1, 1000 + 2 * GUESS_SECONDS));
	guess_wrong(&g, 1, 1000 + 100 * GUESS_SECONDS); /* all was forgiven, no credit was gained */
	for (int i = 1; i < GUESS_BURST; i++)
		guess_wrong(&g, 1, 1000 + 100 * GUESS_SECONDS);
	assert_false(guess_allowed(&g, 1, 1000 + 100 * GUESS_SECONDS));
}

/* One peer more than there is room for. */
static void forgets_the_oldest_peer(void **state)
{
	struct guesses g = { .peers = { { .wrong = 0 } } };

	for (int i = 0; i < GUESS_BURST; i++) {
		guess_wrong(&g, 2000, 1001);
		guess_wrong(&g, 1000, 1000);
	}
	for (uint64_t i = 0; i < GUESS_PEERS - 1; i++)
		guess_wrong(&g, i, 1002);
	assert_true(guess_allowed(&g, 1000, 1002));
	assert_false(guess_allowed(&g, 2000, 1002));
}

static void slows_down_who_guesses(void **state)
{
	static const char wrong[] = "etcdserver: authentication failed, invalid user ID or password";
	struct fixture *f = *state;
	char token[AUTH_TOKEN_SIZE];

	for (int i = 0; i < GUESS_BURST; i++)
		assert_int_equal(login(f, "a6", "guess", token, wrong), -EPROTO);
	assert_int_equal(login(f, "a6", "a6pw", token, wrong), -EPROTO);
	assert_non_null(strstr(fakehost_log(f->host), "an unknown peer has tried 10 wrong passwords"));
	mono += GUESS_SECONDS;
	assert_int_equal(login(f, "a6", "a6pw", token, ""), 0);
}

/* ---- on the wire ---- */

static void post(struct client *c, const char *path, const char *token, const char *body)
{
	char head[512];

	snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n%s%s%s\r\n", path,
		 strlen(body), token != NULL ? "Authorization: " : "", token != NULL ? token : "",
		 token != NULL ? "\r\n" : "");
	client_clear(c);
	client_send(c, head);
	client_send(c, body);
}

static void take_token(struct client *c, char token[AUTH_TOKEN_SIZE])
{
	const char *in = client_until(c, "\"}");
	const char *p = strstr(in, "\"raft_term\":\"2\"},\"token\":\"");

	assert_non_null(strstr(in, "HTTP/1.1 200 OK\r\n"));
	assert_non_null(p);
	snprintf(token, AUTH_TOKEN_SIZE, "%.*s", (int)strcspn(p + 26, "\""), p + 26);
}

#define RANGE "{\"key\":\"L2FwaXNpeC8=\",\"range_end\":\"L2FwaXNpeDA=\"}"

static void speaks_as_etcd_does(void **state)
{
	struct fixture *f = *state;
	char token[AUTH_TOKEN_SIZE];
	struct client c;

	client_connect(&c, fakehost_base(f->host), f->port);
	post(&c, "/v3/kv/range", NULL, RANGE);
	assert_non_null(strstr(client_until(&c, "0\r\nGrpc"), "HTTP/1.1 400 Bad Request\r\n"));
	client_until(&c, "{\"error\":\"etcdserver: user name is empty\",\"message\":\"etcdserver: user name is "
			 "empty\",\"code\":3}");
	post(&c, "/v3/auth/authenticate", NULL, "{\"name\":\"a6\",\"password\":\"WRONG\"}");
	assert_non_null(strstr(client_until(&c, "0\r\nGrpc"), "HTTP/1.1 400 Bad Request\r\n"));
	client_until(&c, "9e\r\n{\"error\":\"etcdserver: authentication failed, invalid user ID or password\"");
	post(&c, "/v3/kv/range", "X.648", RANGE);
	assert_non_null(strstr(client_until(&c, "0\r\nGrpc"), "HTTP/1.1 401 Unauthorized\r\n"));
	client_until(&c, "{\"error\":\"etcdserver: invalid auth token\",\"message\":\"etcdserver: invalid auth "
			 "token\",\"code\":16}");
	post(&c, "/v3/auth/authenticate", NULL, "{\"name\":\"a6\",\"password\":\"a6pw\"}");
	take_token(&c, token);
	post(&c, "/v3/kv/range", token, RANGE);
	client_until(&c, "\"count\":\"1\"}");
	post(&c, "/v3/watch", token, "{\"create_request\":{\"key\":\"L2FwaXNpeC8=\"}}");
	client_until(&c, "\"created\":true");
	client_close(&c);
}

/* Who is known by the uid needs no token, but one that is given must be good. */
static void uids_need_no_token(void **state)
{
	struct fixture *f = *state;
	struct client c;

	fakehost_allow(f->host, true);
	client_connect(&c, fakehost_base(f->host), f->port);
	post(&c, "/v3/kv/range", NULL, RANGE);
	client_until(&c, "\"count\":\"1\"}");
	post(&c, "/v3/kv/range", "X.648", RANGE);
	client_until(&c, "etcdserver: invalid auth token");
	client_close(&c);
}

/* All who guess here are one local user; another socket does not help. */
static void knows_who_guesses(void **state)
{
	struct fixture *f = *state;
	char token[AUTH_TOKEN_SIZE], line[64];
	struct client c;

	for (int i = 0; i <= GUESS_BURST; i++) {
		client_connect(&c, fakehost_base(f->host), f->port);
		post(&c, "/v3/auth/authenticate", NULL, i < GUESS_BURST ? "{\"name\":\"a6\",\"password\":\"x\"}"
			      : "{\"name\":\"a6\",\"password\":\"a6pw\"}");
		client_until(&c, "authentication failed, invalid user ID or password");
		client_close(&c);
	}
	snprintf(line, sizeof line, "uid %u has tried", (unsigned)getuid());
	assert_non_null(strstr(fakehost_log(f->host), line));
	assert_int_equal(login(f, "a6", "a6pw", token, ""), 0); /* somebody else */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(knows_its_users, setup, teardown),
		cmocka_unit_test_setup_teardown(tokens_end_unless_used, setup, teardown),
		cmocka_unit_test_setup_teardown(forged_tokens_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(tokens_survive_a_restart, setup, teardown),
		cmocka_unit_test_setup_teardown(a_new_password_ends_tokens, setup, teardown),
		cmocka_unit_test_setup_teardown(keeps_a_bounded_number, setup, teardown),
		cmocka_unit_test(bounds_each_peer_alone),
		cmocka_unit_test(forgets_the_oldest_peer),
		cmocka_unit_test_setup_teardown(slows_down_who_guesses, setup, teardown),
		cmocka_unit_test_setup_teardown(knows_who_guesses, setup, teardown),
		cmocka_unit_test_setup_teardown(speaks_as_etcd_does, setup, teardown),
		cmocka_unit_test_setup_teardown(uids_need_no_token, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
