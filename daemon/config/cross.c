/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cross checks (cross.h): one function per rule, one table of them.  Called once by check.c, after the rows
 * of the daemon and of both plugins have been read.
 */
#include "cross.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"

enum { LISTEN_MAX = 256 };	/* addresses that are compared with each other */

static void cross_error(struct load *l, const struct conf_entry *e, const char *fmt, ...) _printf_(3, 4);

static void cross_error(struct load *l, const struct conf_entry *e, const char *fmt, ...)
{
	const struct diag_at at = {
		.file = l->file, .line = e->line, .column = e->column, .path = e->path,
	};
	va_list ap;

	if (diag_has(l->diag, e->path))
		return;
	va_start(ap, fmt);
	diag_vadd(l->diag, &at, fmt, ap);
	va_end(ap);
}

static void check_debounce(struct load *l)
{
	const struct conf_entry *low = conf_find(l->conf, "translator.debounce");
	const struct conf_entry *high = conf_find(l->conf, "translator.max_debounce");

	if (low == NULL || high == NULL || low->num <= high->num)
		return;
	if (high->line > 0)
		cross_error(l, high, "'%s' is below debounce ('%s'); write at least %s", high->text, low->text,
			    low->text);
	else
		cross_error(l, low, "'%s' is above max_debounce ('%s' by default); write at most that, or set both",
			    low->text, high->text);
}

/* Any frontend's key prefix, whether or not its own check() looks at it. */
static void check_prefix(struct load *l)
{
	const struct conf_entry *e = conf_find(l->conf, "frontend.options.prefix");
	size_t len = e != NULL ? strlen(e->text) : 0;

	if (e == NULL || e->type != CONF_STRING)
		return;
	if (e->text[0] != '/')
		cross_error(l, e, "'%.64s' does not begin with '/'; write '/%.64s'", e->text, e->text);
	else if (e->text[len - 1] == '/')
		cross_error(l, e, "'%.64s' ends with '/'; write it without, such as '/apisix'", e->text);
}

/* "ADDRESS/BITS" of `family` (AF_UNSPEC: either), no bit set behind the prefix. */
static const char *cidr_fault(const char *text, int family)
{
	unsigned char addr[16] = { 0 };
	char host[64];
	const char *slash = strchr(text, '/');
	char *end;
	long bits, size;
	int af;

	if (slash == NULL || (size_t)(slash - text) >= sizeof(host))
		return "is not a network; write ADDRESS/BITS, such as 10.0.0.0/8";
	memcpy(host, text, (size_t)(slash - text));
	host[slash - text] = '\0';
	af = strchr(host, ':') != NULL ? AF_INET6 : AF_INET;
	size = af == AF_INET ? 32 : 128;
	if (inet_pton(af, host, addr) != 1)
		return "does not begin with an IP address; write ADDRESS/BITS, such as 10.0.0.0/8";
	if (family != AF_UNSPEC && af != family)
		return family == AF_INET ? "is not an IPv4 network; write one" : "is not an IPv6 network; write one";
	bits = strtol(slash + 1, &end, 10);
	if (slash[1] < '0' || slash[1] > '9' || *end != '\0' || bits > size)
		return size == 32 ? "has no usable length; write 0 to 32 behind the '/'" :
				    "has no usable length; write 0 to 128 behind the '/'";
	for (; bits < size; bits++) {
		if ((addr[bits / 8] >> (7 - bits % 8) & 1) != 0)
			return "has bits set behind its length; write the first address of the network";
	}
	return NULL;
}

static void check_cidr(struct load *l, const char *path, int family)
{
	const struct conf_entry *e = conf_find(l->conf, path);
	const char *fault = e != NULL ? cidr_fault(e->text, family) : NULL;

	if (fault != NULL)
		cross_error(l, e, "'%.64s' %s", e->text, fault);
}

static void check_networks(struct load *l)
{
	size_t n = conf_count(l->conf, "capture.skip_cidrs");

	check_cidr(l, "capture.identities.outbound4", AF_INET);
	check_cidr(l, "capture.identities.inbound4", AF_INET);
	check_cidr(l, "capture.identities.ip6", AF_INET6);
	for (size_t i = 0; i < n; i++) {
		char path[64];

		snprintf(path, sizeof(path), "capture.skip_cidrs[%zu]", i);
		check_cidr(l, path, AF_UNSPEC);
	}
}

/* nginx cannot have an HTTP and a stream listener on one port. */
static void check_ports(struct load *l)
{
	const struct conf_entry *http = conf_find(l->conf, "capture.http_port");
	const struct conf_entry *stream = conf_find(l->conf, "capture.stream_port");
	const struct conf_entry *e = stream != NULL && stream->line > 0 ? stream : http;

	if (http != NULL && stream != NULL && http->num == stream->num)
		cross_error(l, e, "port %lld is that of both APISIX's HTTP and its TCP listener; give each its own",
			    (long long)http->num);
}

/* Two listeners on one address: the second could not be bound. */
static void check_listeners(struct load *l)
{
	const struct conf_entry *admin = conf_find(l->conf, "admin.listen");
	size_t n = MIN(conf_count(l->conf, "frontend.options.listen"), (size_t)LISTEN_MAX);

	for (size_t i = 0; i < n; i++) {
		char path[64];
		const struct conf_entry *e;

		snprintf(path, sizeof(path), "frontend.options.listen[%zu]", i);
		e = conf_find(l->conf, path);
		if (e == NULL)
			continue;
		if (admin != NULL && strcmp(admin->text, e->text) == 0)
			cross_error(l, admin, "'%s' is also an address of the frontend; write another port",
				    admin->text);
		for (size_t k = 0; k < i; k++) {
			const char *other = conf_strf(l->conf, "", "frontend.options.listen[%zu]", k);

			if (strcmp(other, e->text) == 0)
				cross_error(l, e, "'%s' stands twice; remove one", e->text);
		}
	}
}

/* Is it set to something that would have to do something? */
static bool asks_for_more(const struct conf_entry *e)
{
	static const char *const nothing[] = { "", "{}", "[]", "false", "off" };

	for (size_t i = 0; i < ARRAY_SIZE(nothing); i++)
		if (strcmp(e->text, nothing[i]) == 0)
			return false;
	return true;
}

/* Options whose part of meshd does not exist yet: better refused than taken and without effect. */
static void check_unsupported(struct load *l)
{
	static const struct {
		const char *path, *what;
	} rows[] = {
		{ "capture.enabled", "capturing traffic" },
		{ "proxy.manage", "managing APISIX" },
		{ "admin.listen", "serving metrics and health" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct conf_entry *e = conf_find(l->conf, rows[i].path);

		if (e != NULL && asks_for_more(e))
			cross_error(l, e, "%s is not supported by this version of meshd; remove the line",
				    rows[i].what);
	}
}

/* capture.exempt_user is the proxy's user unless something else is said. */
static void complete_exempt_user(struct load *l)
{
	const struct conf_entry *user = conf_find(l->conf, "proxy.user");
	struct conf_entry e;
	int r;

	if (user == NULL || conf_find(l->conf, "capture.exempt_user") != NULL)
		return;
	e = *user;
	e.path = (char *)"capture.exempt_user";
	r = conf_add(l->conf, &e);
	if (r < 0)
		l->error = r;
}

void cross_check(struct load *l)
{
	static void (*const rules[])(struct load *l) = {
		check_debounce,	 check_prefix,	    check_networks,	  check_ports,
		check_listeners, check_unsupported, complete_exempt_user,
		check_overlays,
	};

	for (size_t i = 0; i < ARRAY_SIZE(rules) && l->error == 0; i++)
		rules[i](l);
}
