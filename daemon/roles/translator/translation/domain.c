/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads domains; see domain.h.  Called when a listener's claims are collected and again when its
 * routes are written.  Memory is the only thing that can fail.
 */
#include "domain.h"

#include <stdlib.h>
#include <string.h>

#include "expr.h"

static const char *lower(struct job *job, const char *text)
{
	char *copy = (char *)(uintptr_t)job_str(job, text, strlen(text));

	for (char *p = copy; *p != '\0'; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p | 0x20);
	return copy;
}

/* Length without a ":port" at the end; an IPv6 address keeps its brackets. */
static size_t port_start(const char *text)
{
	const char *colon = strrchr(text, ':');

	if (colon == NULL || colon[1] == '\0' || colon[1 + strspn(colon + 1, "0123456789")] != '\0')
		return strlen(text);
	if (text[0] == '[' && (colon == text || colon[-1] != ']'))
		return strlen(text);
	return (size_t)(colon - text);
}

/* Of ":port". */
static uint32_t port_number(const char *text)
{
	return (uint32_t)strtoul(text + 1, NULL, 10);
}

/* What APISIX takes in `hosts` (TRANSLATION.md 0.4). */
static bool host_legal(const char *host)
{
	const char *p = host[0] == '*' ? host + 1 : host;

	return *p != '\0' && p[strspn(p, "abcdefghijklmnopqrstuvwxyz0123456789-._[]:")] == '\0';
}

/* What may stand behind the name in a Host header. */
static const char *port_regex(struct job *job, enum port_mode mode, uint32_t own_port)
{
	if (mode == PORT_IGNORED)
		return "(?::\\d*)?";
	return mode == PORT_OWN ? job_printf(job, "(?::%u)?", own_port) : "";
}

/*
 * With the own port taken off, Envoy sees "foo.x" for "foo.x:80" but keeps other ports, which may be
 * all that the star stands for.
 */
static struct domain domain_wild(struct job *job, struct domain d, enum port_mode mode,
				 uint32_t own_port)
{
	const char *rest = ".+";

	size_t len = strlen(d.text);

	d.class = strcmp(d.text, "*") == 0 ? DOMAIN_ANY : DOMAIN_PREFIX;
	if (d.class == DOMAIN_ANY)
		return d;
	if (mode == PORT_OWN)
		rest = job_printf(job, "(?!:%u\\z).+", own_port);
	d.var = mode == PORT_IGNORED ? "host" : "http_host";
	d.regex = job_printf(job, "\\A%s%s\\z", regex_quote(job, job_str(job, d.text, len - 1)),
			     rest);
	return d;
}

/*
 * Exact and suffix domains.  With ports ignored the look-up is exact enough, except for a name with
 * a dot at its end (nginx strips it) and for "*-x", which APISIX would match with nothing for the star.
 */
static struct domain domain_named(struct job *job, struct domain d, enum port_mode mode,
				  uint32_t own_port, bool exact)
{
	size_t name = port_start(d.text);
	bool has_port = name < strlen(d.text);
	bool dotted = name > 1 && d.text[name - 1] == '.';
	const char *head = d.text[0] == '*' ? ".+" : "";
	const char *rest = d.text + (d.text[0] == '*');

	d.class = d.text[0] == '*' ? DOMAIN_SUFFIX : DOMAIN_EXACT;
	if (has_port && (mode == PORT_IGNORED ||
			 (mode == PORT_OWN && port_number(d.text + name) == own_port))) {
		d.class = DOMAIN_NEVER;
		return d;
	}
	d.host = job_str(job, d.text, name - dotted);
	d.var = "http_host";
	if (mode != PORT_IGNORED || dotted || exact)
		d.regex = job_printf(job, "\\A%s%s%s\\z", head, regex_quote(job, rest),
				     has_port ? "" : port_regex(job, mode, own_port));
	else if (d.class == DOMAIN_SUFFIX && d.text[1] != '.')
		d.regex = job_printf(job, "\\A.+%s%s\\z", regex_quote(job, rest),
				     port_regex(job, mode, own_port));
	if (!host_legal(d.host)) {
		/* Not to be looked up: among the host-less ones, with the whole name as condition. */
		d.class = DOMAIN_PREFIX;
		d.host = "";
		d.regex = job_printf(job, "\\A%s%s%s\\z", head, regex_quote(job, rest),
				     has_port ? "" : port_regex(job, mode, own_port));
	}
	return d;
}

struct domain domain_parse(struct job *job, const char *text, enum port_mode mode,
			   uint32_t own_port, bool exact)
{
	struct domain d = { .class = DOMAIN_NEVER, .text = lower(job, text), .host = "" };
	size_t len = strlen(d.text);

	if (len == 0)
		return d;
	if (d.text[len - 1] == '*')
		return domain_wild(job, d, mode, own_port);
	return domain_named(job, d, mode, own_port, exact);
}

const char *domain_condition(struct job *job, const struct domain *d)
{
	return d->regex != NULL ? expr_op(job, d->var, "~*", d->regex) : NULL;
}

struct claim domain_claim(struct job *job, const struct domain *d, const char *claimant)
{
	struct claim claim = { .part = "", .claimant = claimant };

	if (d->class == DOMAIN_EXACT || d->class == DOMAIN_SUFFIX) {
		claim.node = job_printf(job, "host %s", d->host);
		claim.part = d->regex != NULL ? d->text : "";
	} else {
		claim.node = job_printf(job, "any %s", d->text);
	}
	return claim;
}

bool claims_collide(const struct claim *a, const struct claim *b)
{
	if (strcmp(a->node, b->node) != 0)
		return false;
	return a->part[0] == '\0' || b->part[0] == '\0' || strcmp(a->part, b->part) == 0;
}
