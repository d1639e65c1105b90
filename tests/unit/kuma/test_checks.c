/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Health checks for the control plane: what is looked at, what the results mean, and the report. The workload is a
 * socket of the test's, answered by hand.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "checks_private.h"
#include "envoy/service_health_v3.pb-c.h"
#include "pbwrite.h"

static struct world {
	struct mesh_host host;	/* first */
	struct mesh_host_ops ops;
	struct event_base *loop;
	struct checks *checks;
	int listener;
	unsigned port;
	const char *answer;	/* NULL: the connection is closed */
	struct event *accept;
} w;

static struct event_base *op_loop(struct mesh_host *host)
{
	return ((struct world *)host)->loop;
}

static void op_log(struct mesh_host *host, enum mesh_level level, const char *fmt, va_list ap)
{
	(void)host;
	(void)level;
	(void)fmt;
	(void)ap;
}

static void on_request(evutil_socket_t peer, short what, void *arg)
{
	char request[1024];
	ssize_t n = read(peer, request, sizeof request - 1);

	(void)what;
	(void)arg;
	request[n > 0 ? n : 0] = '\0';
	if (w.answer != NULL && n > 0) {
		assert_non_null(strstr(request, "GET /ready HTTP/1.1\r\nHost: app\r\n"));
		assert_int_equal(write(peer, w.answer, strlen(w.answer)), strlen(w.answer));
	}
	close(peer);
}

static void on_accept(evutil_socket_t fd, short what, void *arg)
{
	int peer = accept(fd, NULL, NULL);

	(void)what;
	(void)arg;
	assert_true(peer >= 0);
	event_base_once(w.loop, peer, EV_READ, on_request, NULL, NULL);
}

static int set_up(void **state)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof a;

	(void)state;
	memset(&w, 0, sizeof w);
	w.ops = (struct mesh_host_ops){ .size = sizeof w.ops, .loop = op_loop, .log = op_log };
	w.host.ops = &w.ops;
	w.loop = event_base_new();
	w.checks = checks_new(&w.host);
	w.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(w.listener, (struct sockaddr *)&a, len), 0);
	assert_int_equal(getsockname(w.listener, (struct sockaddr *)&a, &len), 0);
	w.port = ntohs(a.sin_port);
	w.accept = event_new(w.loop, w.listener, EV_READ | EV_PERSIST, on_accept, NULL);
	return 0;
}

static void work(void)
{
	listen(w.listener, 8);
	event_add(w.accept, NULL);
}

static int tear_down(void **state)
{
	(void)state;
	checks_free(w.checks);
	event_free(w.accept);
	close(w.listener);
	event_base_free(w.loop);
	return 0;
}

/* ---- specifiers ---- */

static void put_endpoint(struct buf *out, const char *address, unsigned port)
{
	_cleanup_(buf_deinit) struct buf socket_address = BUF_INIT, a = BUF_INIT, e = BUF_INIT;

	buf_put_text(&socket_address, 2, address);
	buf_put_int(&socket_address, 3, port);
	buf_put_bytes(&a, 1, socket_address.data, socket_address.len);
	buf_put_bytes(&e, 1, a.data, a.len);
	buf_put_bytes(out, 2, e.data, e.len);
}

static void put_threshold(struct buf *out, unsigned field, unsigned value)
{
	_cleanup_(buf_deinit) struct buf v = BUF_INIT;

	buf_put_int(&v, 1, value);
	buf_put_bytes(out, field, v.data, v.len);
}

/* Cluster `name` at that address, checked by HTTP with path "/ready" or by TCP. */
static void put_cluster(struct buf *out, const char *name, const char *address, unsigned port, const char *path)
{
	_cleanup_(buf_deinit) struct buf body = BUF_INIT, check = BUF_INIT, how = BUF_INIT, locality = BUF_INIT;

	buf_put_text(&body, 1, name);
	put_threshold(&check, 4, 2);
	put_threshold(&check, 5, 1);
	if (path != NULL)
		buf_put_text(&how, 2, path);
	else
		(void)buf_append(&how, "\x0a\x03\x0a\x01x", 5);
	buf_put_bytes(&check, path != NULL ? 8 : 9, how.data, how.len);
	buf_put_bytes(&body, 2, check.data, check.len);
	put_endpoint(&locality, address, port);
	buf_put_bytes(&body, 3, locality.data, locality.len);
	buf_put_bytes(out, 1, body.data, body.len);
}

static void take(const struct buf *specifier)
{
	char why[400] = "";

	assert_int_equal(checks_take(w.checks, specifier->data, specifier->len, why, sizeof why), 0);
}

/* The report as "name=1 other=2". */
static const char *report(void)
{
	static char text[1000];
	_cleanup_(buf_deinit) struct buf out = BUF_INIT;
	Envoy__Service__Health__V3__HealthCheckRequestOrEndpointHealthResponse *m;
	int n = 0;

	checks_report(w.checks, &out);
	m = envoy__service__health__v3__health_check_request_or_endpoint_health_response__unpack(NULL, out.len,
												 out.data);
	assert_non_null(m);
	text[0] = '\0';
	for (size_t i = 0; i < m->endpoint_health_response->n_cluster_endpoints_health; i++) {
		const Envoy__Service__Health__V3__ClusterEndpointsHealth *c =
			m->endpoint_health_response->cluster_endpoints_health[i];

		for (size_t k = 0; k < c->n_locality_endpoints_health; k++)
			n += snprintf(text + n, sizeof text - (size_t)n, "%s%s=%d", n > 0 ? " " : "", c->cluster_name,
				      c->locality_endpoints_health[k]->endpoints_health[0]->health_status);
	}
	envoy__service__health__v3__health_check_request_or_endpoint_health_response__free_unpacked(m, NULL);
	return text;
}

/* Runs the loop until the report is this one, ten seconds at most. */
static void await(const char *wanted)
{
	time_t end = time(NULL) + 10;

	while (strcmp(report(), wanted) != 0 && time(NULL) < end)
		event_base_loop(w.loop, EVLOOP_ONCE);
	assert_string_equal(report(), wanted);
}

/* ---- tests ---- */

static void test_tcp(void **state)
{
	_cleanup_(buf_deinit) struct buf s = BUF_INIT;
	char words[400];

	(void)state;
	put_cluster(&s, "app", "127.0.0.1", w.port, NULL);
	take(&s);
	assert_string_equal(report(), "app=0");
	await("app=2");
	checks_words(w.checks, words, sizeof words);
	assert_string_equal(words, "1 checked, 1 of them unhealthy: app");
	work();
	await("app=1");
	checks_words(w.checks, words, sizeof words);
	assert_string_equal(words, "1 checked, none of them unhealthy");
}

static void test_http(void **state)
{
	_cleanup_(buf_deinit) struct buf s = BUF_INIT;

	(void)state;
	work();
	w.answer = "HTTP/1.1 200 OK\r\n\r\n";
	put_cluster(&s, "app", "127.0.0.1", w.port, "/ready");
	take(&s);
	await("app=1");
	w.answer = "HTTP/1.1 503 No\r\n\r\n";
	await("app=2");
	w.answer = "hello\r\n";
	take(&s);
	assert_string_equal(report(), "app=2");
	w.answer = "HTTP/1.1 200 OK\r\n\r\n";
	await("app=1");
}

/* One bad result after good ones is not enough: the threshold is two. */
static void test_threshold(void **state)
{
	_cleanup_(buf_deinit) struct buf s = BUF_INIT;
	struct check *c;

	(void)state;
	work();
	put_cluster(&s, "app", "127.0.0.1", w.port, "/ready");
	w.answer = "HTTP/1.1 200 OK\r\n\r\n";
	take(&s);
	await("app=1");
	c = w.checks->list[0];
	w.answer = "HTTP/1.1 500 No\r\n\r\n";
	while (c->last)
		event_base_loop(w.loop, EVLOOP_ONCE);
	assert_string_equal(report(), "app=1");
	while (c->in_row < 2)
		event_base_loop(w.loop, EVLOOP_ONCE);
	assert_string_equal(report(), "app=2");
}

/* The proxy is us; another machine's address, a bad path and a name are never asked. */
static void test_not_asked(void **state)
{
	_cleanup_(buf_deinit) struct buf s = BUF_INIT;

	(void)state;
	put_cluster(&s, "kuma:envoy:admin", "127.0.0.1", 9901, "/ready");
	put_cluster(&s, "system_envoy_admin", "127.0.0.1", 9901, "/ready");
	put_cluster(&s, "far", "198.51.100.1", 80, NULL);
	put_cluster(&s, "name", "localhost", 80, NULL);
	put_cluster(&s, "path", "127.0.0.1", w.port, "/a b\r\nX: y");
	put_cluster(&s, "port", "127.0.0.1", 70000, NULL);
	take(&s);
	assert_string_equal(report(), "kuma:envoy:admin=1 system_envoy_admin=1 far=0 name=0 path=0 port=0");
	for (size_t i = 0; i < w.checks->n; i++)
		assert_false(w.checks->list[i]->asked);
	assert_int_equal(checks_interval(w.checks), 1000);
}

static void test_bad(void **state)
{
	static const uint8_t cut[] = { 0x0a, 0x7f, 0x0a };
	_cleanup_(buf_deinit) struct buf s = BUF_INIT, many = BUF_INIT;
	char why[400] = "";

	(void)state;
	put_cluster(&s, "far", "198.51.100.1", 80, NULL);
	take(&s);
	assert_int_equal(checks_take(w.checks, cut, sizeof cut, why, sizeof why), -EBADMSG);
	assert_true(why[0] != '\0');
	for (int i = 0; i < CHECKS_MAX + 1; i++)
		put_cluster(&many, "x", "198.51.100.1", 80, NULL);
	assert_int_equal(checks_take(w.checks, many.data, many.len, why, sizeof why), -EBADMSG);
	assert_non_null(strstr(why, "1001 endpoints"));
	assert_string_equal(report(), "far=0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_tcp, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_http, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_threshold, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_not_asked, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bad, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
