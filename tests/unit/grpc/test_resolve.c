/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names: addresses as they are, a hosts file, and a nameserver of the test's own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <event2/dns.h>
#include <event2/dns_struct.h>

#include "resolve.h"
#include "world.h"

static struct fixture {
	struct grpc_host host;
	struct evdns_server_port *nameserver;
	unsigned questions;
	bool mute;
	char hosts[64], conf[64];
	/* The last answer. */
	unsigned answers;
	char addresses[512];	/* "1.2.3.4:80 …" */
	char why[512];
} f;

static void write_file(const char *path, const char *text)
{
	FILE *stream = fopen(path, "w");

	fputs(text, stream);
	fclose(stream);
}

/* both.test has addresses of both kinds, four.test of one, gone.test does not exist, slow.test has IPv4 in time. */
static void on_question(struct evdns_server_request *request, void *arg)
{
	static const uint8_t v4[] = { 10, 0, 0, 1, 10, 0, 0, 2 }, v6[16] = { 0xfd, [15] = 1 };
	const struct evdns_server_question *q = request->questions[0];
	bool six = q->type == EVDNS_TYPE_AAAA;

	f.questions++;
	if (f.mute || (six && strcasecmp(q->name, "slow.test") == 0)) {
		evdns_server_request_drop(request);
		return;
	}
	if (!six && strncasecmp(q->name, "gone", 4) != 0)
		evdns_server_request_add_a_reply(request, q->name, 2, v4, 10);
	if (six && strcasecmp(q->name, "both.test") == 0)
		evdns_server_request_add_aaaa_reply(request, q->name, 1, v6, 10);
	evdns_server_request_respond(request, strncasecmp(q->name, "gone", 4) == 0 ? DNS_ERR_NOTEXIST : 0);
}

static void start_nameserver(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	socklen_t size = sizeof a;
	char text[64];

	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &size), 0);
	f.nameserver = evdns_add_server_port_with_base(f.host.base, fd, 0, on_question, NULL);
	snprintf(text, sizeof text, "nameserver 127.0.0.1:%u\noptions timeout:1 attempts:1\n", ntohs(a.sin_port));
	write_file(f.conf, text);
}

static int setup(void **state)
{
	memset(&f, 0, sizeof f);
	grpc_host_init(&f.host);
	snprintf(f.hosts, sizeof f.hosts, "/tmp/meshd-hosts.%d", (int)getpid());
	snprintf(f.conf, sizeof f.conf, "/tmp/meshd-resolv.%d", (int)getpid());
	write_file(f.hosts, "# 9.9.9.9 cp\n127.0.0.2 other cp.mesh CP # cp\n\nnonsense cp\n127.0.0.3\tcp\r\n::2 cp\n");
	start_nameserver();
	resolve_hosts_file = f.hosts;
	resolve_conf_file = f.conf;
	return 0;
}

static int teardown(void **state)
{
	evdns_close_server_port(f.nameserver);
	grpc_host_deinit(&f.host);
	unlink(f.hosts);
	unlink(f.conf);
	return 0;
}

static void on_resolved(void *arg, const struct address *addresses, size_t n, const char *why)
{
	f.answers++;
	f.addresses[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		char text[INET6_ADDRSTRLEN];
		size_t used = strlen(f.addresses);

		address_text(&addresses[i], text, sizeof text);
		snprintf(f.addresses + used, sizeof f.addresses - used, "%s:%u ", text,
			 ntohs(addresses[i].any.sa_family == AF_INET ? addresses[i].v4.sin_port
								      : addresses[i].v6.sin6_port));
	}
	snprintf(f.why, sizeof f.why, "%s", why != NULL ? why : "");
}

static void ask(const char *name, int64_t timeout_ms)
{
	int64_t until = now_ms() + 20000;
	struct resolution *r;

	f.answers = 0;
	assert_int_equal(resolve_start(f.host.base, name, 80, timeout_ms, on_resolved, NULL, &r), 0);
	assert_int_equal(f.answers, 0);	/* never at once */
	while (f.answers == 0 && now_ms() < until)
		event_base_loop(f.host.base, EVLOOP_ONCE);
	assert_int_equal(f.answers, 1);
}

static void expect(const char *name, const char *addresses)
{
	ask(name, 5000);
	if (strcmp(f.addresses, addresses) != 0)
		fail_msg("%s: '%s' %s", name, f.addresses, f.why);
}

static void test_files(void **state)
{
	expect("192.0.2.1", "192.0.2.1:80 ");
	expect("fd00::1", "fd00::1:80 ");
	expect("cp", "127.0.0.2:80 127.0.0.3:80 ::2:80 ");
	expect("cp.mesh", "127.0.0.2:80 ");
	expect("localhost", "127.0.0.1:80 ::1:80 ");
	assert_int_equal(f.questions, 0);
	/* The file counts as it is now. */
	write_file(f.hosts, "127.0.0.9 cp\n");
	expect("cp", "127.0.0.9:80 ");
}

static void test_nameserver(void **state)
{
	expect("both.test", "10.0.0.1:80 10.0.0.2:80 fd00::1:80 ");
	expect("four.test", "10.0.0.1:80 10.0.0.2:80 ");
	expect("gone.test", "");
	assert_non_null(strstr(f.why, "does not exist"));
	/* One kind of address is enough after a second. */
	expect("slow.test", "10.0.0.1:80 10.0.0.2:80 ");
	assert_true(f.questions >= 8);
}

static void test_no_answer(void **state)
{
	f.mute = true;
	ask("four.test", 300);
	assert_string_equal(f.addresses, "");
	assert_non_null(strstr(f.why, "no nameserver"));
	write_file(f.conf, "# none\nnameserver 300.300.300.300\n");
	ask("four.test", 300);
	assert_non_null(strstr(f.why, "no nameserver"));
	ask("a..b", 300);
	assert_string_equal(f.addresses, "");
}

static void test_cancel(void **state)
{
	struct resolution *r;

	assert_null(resolve_cancel(NULL));
	assert_int_equal(resolve_start(f.host.base, "both.test", 80, 5000, on_resolved, NULL, &r), 0);
	resolve_cancel(r);
	assert_int_equal(resolve_start(f.host.base, "cp", 80, 5000, on_resolved, NULL, &r), 0);
	resolve_cancel(r);
	assert_int_equal(resolve_start(f.host.base, "both.test", 80, 5000, on_resolved, NULL, &r), 0);
	while (f.questions < 1)
		event_base_loop(f.host.base, EVLOOP_ONCE);
	resolve_cancel(r);
	for (int i = 0; i < 20; i++)
		event_base_loop(f.host.base, EVLOOP_NONBLOCK);
	assert_int_equal(f.answers, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nameserver, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_answer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cancel, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
