/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Comparing, naming and copying of upstream variants; see variant.h.  Fails only by running out of
 * memory.
 */
#include "variant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *text_of(const char *s)
{
	return s != NULL ? s : "";
}

char *variant_text(const struct variant *v)
{
	char *text;

	if (asprintf(&text, "%d|%d|%u|%u|%lld|%s|%s|%s%s%s%s%s%s%s", v->stream, v->pass_node, v->retries,
		     v->retry_timeout_ms, (long long)v->idle_ms, text_of(v->upstream_host),
		     text_of(v->hash_on), text_of(v->hash_key), v->grpc ? "|grpc" : "",
		     v->subset != NULL ? "|subset=" : "", text_of(v->subset), v->udp ? "|udp" : "",
		     v->original != NULL ? "|to=" : "", text_of(v->original)) < 0)
		return NULL;
	return text;
}

int variant_compare(const struct variant *a, const struct variant *b)
{
	int r;

	if (a->stream != b->stream)
		return a->stream ? 1 : -1;
	if (a->retries != b->retries)
		return a->retries < b->retries ? -1 : 1;
	if (a->retry_timeout_ms != b->retry_timeout_ms)
		return a->retry_timeout_ms < b->retry_timeout_ms ? -1 : 1;
	if (a->idle_ms != b->idle_ms)
		return a->idle_ms < b->idle_ms ? -1 : 1;
	if (a->pass_node != b->pass_node)
		return a->pass_node ? 1 : -1;
	if ((r = strcmp(text_of(a->upstream_host), text_of(b->upstream_host))) != 0)
		return r;
	if ((r = strcmp(text_of(a->hash_on), text_of(b->hash_on))) != 0)
		return r;
	if ((r = strcmp(text_of(a->hash_key), text_of(b->hash_key))) != 0)
		return r;
	if (a->grpc != b->grpc)
		return a->grpc ? 1 : -1;
	if (a->udp != b->udp)
		return a->udp ? 1 : -1;
	if ((r = strcmp(text_of(a->original), text_of(b->original))) != 0)
		return r;
	return strcmp(text_of(a->subset), text_of(b->subset));
}

static const char *append(char **at, const char *s)
{
	char *start = *at;

	if (s == NULL)
		return NULL;
	*at = stpcpy(start, s) + 1;
	return start;
}

struct variant *variant_copy(const struct variant *v)
{
	struct variant *copy;
	char *at;

	copy = malloc(sizeof *copy + strlen(text_of(v->upstream_host)) +
		      strlen(text_of(v->hash_on)) + strlen(text_of(v->hash_key)) +
		      strlen(text_of(v->subset)) + strlen(text_of(v->original)) + 5);
	if (copy == NULL)
		return NULL;
	*copy = *v;
	at = (char *)(copy + 1);
	copy->upstream_host = append(&at, v->upstream_host);
	copy->hash_on = append(&at, v->hash_on);
	copy->hash_key = append(&at, v->hash_key);
	copy->subset = append(&at, v->subset);
	copy->original = append(&at, v->original);
	return copy;
}
