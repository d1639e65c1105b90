/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of plugins; see plugins.h.  A plugin that acts in several phases stands at the first in
 * which it can change what becomes of a request.
 */
#include "plugins.h"

#include <string.h>

#include "cleanup.h"

enum { REWRITE, ACCESS, RESPONSE, LOG };

static const char *const phases[] = { "rewrite", "access", "response", "log" };

static const struct plugin_order rows[] = {
	{ "api-breaker", ACCESS, 1005 },	  { "basic-auth", REWRITE, 2520 },
	{ "brotli", RESPONSE, 996 },		  { "client-control", REWRITE, 22000 },
	{ "consumer-restriction", ACCESS, 2400 }, { "cors", REWRITE, 4000 },
	{ "csrf", ACCESS, 2980 },		  { "fault-injection", REWRITE, 11000 },
	{ "file-logger", LOG, 399 },		  { "forward-auth", ACCESS, 2002 },
	{ "grpc-web", ACCESS, 505 },		  { "gzip", RESPONSE, 995 },
	{ "hmac-auth", REWRITE, 2530 },		  { "http-logger", LOG, 410 },
	{ "ip-restriction", ACCESS, 3000 },	  { "jwt-auth", REWRITE, 2510 },
	{ "key-auth", REWRITE, 2500 },		  { "limit-conn", ACCESS, 1003 },
	{ "limit-count", ACCESS, 1002 },	  { "limit-req", ACCESS, 1001 },
	{ "mocking", ACCESS, 10900 },		  { "openid-connect", REWRITE, 2599 },
	{ "opentelemetry", REWRITE, 12009 },	  { "prometheus", LOG, 500 },
	{ "proxy-mirror", REWRITE, 1010 },	  { "proxy-rewrite", REWRITE, 1008 },
	{ "real-ip", REWRITE, 23000 },		  { "redirect", REWRITE, 900 },
	{ "referer-restriction", ACCESS, 2990 },  { "request-id", REWRITE, 12015 },
	{ "request-validation", REWRITE, 2800 },  { "response-rewrite", RESPONSE, 899 },
	{ "serverless-post-function", ACCESS, -2000 }, { "serverless-pre-function", ACCESS, 10000 },
	{ "skywalking", REWRITE, 12010 },	  { "tcp-logger", LOG, 405 },
	{ "traffic-split", ACCESS, 966 },	  { "ua-restriction", ACCESS, 2999 },
	{ "uri-blocker", REWRITE, 2900 },	  { "workflow", ACCESS, 1006 },
	{ "zipkin", REWRITE, 12011 },
};

const struct plugin_order *plugin_order(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (strcmp(rows[i].name, name) == 0)
			return &rows[i];
	return NULL;
}

const char *plugin_phase(unsigned phase)
{
	return phases[phase];
}

int plugin_compare(const char *a, const char *b)
{
	const struct plugin_order *x = plugin_order(a), *y = plugin_order(b);

	if (x == NULL || y == NULL)
		return x == y ? strcmp(a, b) : x == NULL ? 1 : -1;
	if (x->phase != y->phase)
		return x->phase < y->phase ? -1 : 1;
	if (x->priority != y->priority)
		return x->priority > y->priority ? -1 : 1;
	return strcmp(a, b);
}
