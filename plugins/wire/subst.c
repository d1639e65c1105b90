/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replacement of variables (subst.h).  The address of ${IP} is the one that this machine would use to reach
 * the outside: asked of the kernel's routes (no packet is sent), else the first that is up and not loopback.
 */
#include "subst.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cleanup.h"
#include "utf8.h"

enum { VARIABLE_MAX = 128, VALUE_MAX = 65536 };

static void quote(struct buf *out, const char *name)
{
	buf_putc(out, '\'');
	for (; *name != '\0'; name++)
		buf_putc(out, (unsigned char)*name < ' ' || *name == 0x7f ? '?' : *name);
	buf_putc(out, '\'');
}

static bool usable(const struct sockaddr *sa, char *ret_ip, size_t size)
{
	const struct sockaddr_in *in = (const void *)sa;

	if (sa == NULL || sa->sa_family != AF_INET || ntohl(in->sin_addr.s_addr) >> 24 == 127 ||
	    in->sin_addr.s_addr == 0)
		return false;
	return inet_ntop(AF_INET, &in->sin_addr, ret_ip, (socklen_t)size) != NULL;
}

/* Towards 192.0.2.1 (RFC 5737, never in use): connecting a datagram socket only chooses the route. */
static bool ip_by_route(char *ret_ip, size_t size)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) }, self;
	socklen_t len = sizeof(self);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool ok;

	if (fd < 0)
		return false;
	inet_pton(AF_INET, "192.0.2.1", &to.sin_addr);
	ok = connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0 &&
	     getsockname(fd, (struct sockaddr *)&self, &len) == 0 &&
	     usable((const struct sockaddr *)&self, ret_ip, size);
	close(fd);
	return ok;
}

static bool ip_by_interface(char *ret_ip, size_t size)
{
	struct ifaddrs *list = NULL;
	bool ok = false;

	if (getifaddrs(&list) < 0)
		return false;
	for (const struct ifaddrs *i = list; i != NULL && !ok; i = i->ifa_next) {
		if ((i->ifa_flags & IFF_UP) != 0)
			ok = usable(i->ifa_addr, ret_ip, size);
	}
	freeifaddrs(list);
	return ok;
}

static int append_hostname(const struct subst_env *env, struct buf *out, struct buf *why)
{
	char name[256];

	if (env->hostname != NULL)
		return buf_puts(out, env->hostname);
	if (gethostname(name, sizeof(name)) < 0 || !utf8_is_string(name, strnlen(name, sizeof(name)))) {
		buf_puts(why, "the name of this machine cannot be read; write it in place of ${HOSTNAME}");
		return 1;
	}
	return buf_append(out, name, strnlen(name, sizeof(name)));
}

static int append_ip(const struct subst_env *env, struct buf *out, struct buf *why)
{
	char ip[INET_ADDRSTRLEN];

	if (env->ip != NULL)
		return buf_puts(out, env->ip);
	if (!ip_by_route(ip, sizeof(ip)) && !ip_by_interface(ip, sizeof(ip))) {
		buf_puts(why, "this machine has no IPv4 address but loopback; write one in place of ${IP}");
		return 1;
	}
	return buf_puts(out, ip);
}

static int append_env(const struct subst_env *env, const char *name, struct buf *out, struct buf *why)
{
	const char *value = env->env != NULL ? env->env(name) : getenv(name);

	if (value == NULL) {
		buf_puts(why, "the environment has no variable ");
		quote(why, name);
		buf_puts(why, "; set it for meshd, or write the value itself");
		return 1;
	}
	if (!utf8_is_string(value, strlen(value)) || strlen(value) > VALUE_MAX) {
		buf_puts(why, "the environment's variable ");
		quote(why, name);
		buf_puts(why, " is not text of at most 64 KB; write the value itself");
		return 1;
	}
	return buf_puts(out, value);
}

static int append_variable(const struct subst_env *env, const char *name, struct buf *out, struct buf *why)
{
	if (strcmp(name, "HOSTNAME") == 0)
		return append_hostname(env, out, why);
	if (strcmp(name, "IP") == 0)
		return append_ip(env, out, why);
	if (strncmp(name, "env:", 4) == 0 && name[4] != '\0')
		return append_env(env, name + 4, out, why);
	buf_puts(why, "there is no variable ");
	quote(why, name);
	buf_puts(why, "; known are ${HOSTNAME}, ${IP} and ${env:NAME}");
	return 1;
}

/* `p` is at "${"; the rest of the text behind the variable, or NULL with r in *ret_r. */
static const char *replace_one(const struct subst_env *env, const char *p, struct buf *out, struct buf *why,
			       int *ret_r)
{
	size_t len = strcspn(p + 2, "}");
	char name[VARIABLE_MAX + 1];

	if (p[2 + len] != '}' || len > VARIABLE_MAX) {
		buf_puts(why, "a variable is not closed; write ${HOSTNAME}, ${IP} or ${env:NAME}");
		*ret_r = 1;
		return NULL;
	}
	memcpy(name, p + 2, len);
	name[len] = '\0';
	*ret_r = append_variable(env, name, out, why);
	return *ret_r == 0 ? p + len + 3 : NULL;
}

bool subst_needed(const char *text)
{
	return strstr(text, "${") != NULL;
}

int subst_text(const struct subst_env *env, const char *text, struct buf *out, struct buf *why)
{
	int r = 0;

	while (text != NULL && *text != '\0') {
		if (strncmp(text, "$${", 3) == 0) {
			buf_puts(out, "${");
			text += 3;
		} else if (strncmp(text, "${", 2) == 0) {
			text = replace_one(env, text, out, why, &r);
		} else {
			buf_putc(out, *text++);
		}
	}
	return r != 0 ? r : buf_error(out);
}
