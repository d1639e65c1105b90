/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of one type of resources: what is wanted, what was asked on the present stream, what was accepted.
 * Types are those that the translator names, so there are few.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

int text_set(char **text, const void *value, size_t size)
{
	char *copy = malloc(size + 1);

	if (copy == NULL)
		return -ENOMEM;
	if (size > 0)
		memcpy(copy, value, size);
	copy[size] = '\0';
	free(*text);
	*text = copy;
	return 0;
}

struct ads_type *type_find(const struct ads *ads, struct span url)
{
	for (struct ads_type *t = ads->types; t != NULL; t = t->next)
		if (span_is(url, t->url))
			return t;
	return NULL;
}

struct ads_type *type_get(struct ads *ads, const char *url)
{
	struct ads_type **end = &ads->types, *t;

	t = type_find(ads, (struct span){ .data = (const uint8_t *)url, .size = strlen(url) });
	if (t != NULL)
		return t;
	t = calloc(1, sizeof *t);
	if (t == NULL || text_set(&t->url, url, strlen(url)) < 0) {
		free(t);
		return NULL;
	}
	t->word = strrchr(t->url, '.') != NULL ? strrchr(t->url, '.') + 1 : t->url;
	while (*end != NULL)
		end = &(*end)->next;
	*end = t;
	return t;
}

static void type_free(struct ads_type *t)
{
	names_unref(t->wanted);
	names_unref(t->sent);
	answer_drop(&t->answer);
	table_clear(&t->accepted);
	table_clear(&t->absent);
	free(t->nonce);
	free(t->version);
	free(t->reason);
	free(t->fault);
	free(t->url);
	free(t);
}

void types_free(struct ads *ads)
{
	while (ads->types != NULL) {
		struct ads_type *t = ads->types;

		ads->types = t->next;
		type_free(t);
	}
}

bool type_wants(const struct ads_type *t, const char *name)
{
	return t->wildcard || names_have(t->wanted, name);
}

struct chooser {
	const struct ads *ads;
	const char *url;
};

static bool is_remote(void *arg, const char *name)
{
	const struct chooser *c = arg;

	return c->ads->owner->is_local == NULL || !c->ads->owner->is_local(c->ads->arg, c->url, name);
}

static bool is_unwanted(void *arg, const struct entry *e)
{
	return !type_wants(arg, entry_name(e));
}

/* What is wanted no more may be forgotten over there, so nothing may be left out when it comes again. */
int type_want(struct ads *ads, struct ads_type *t, const struct mesh_subscription *s)
{
	struct chooser c = { .ads = ads, .url = t->url };
	struct names *names;
	size_t absent = t->absent.n;

	if (names_new(s->names, s->n_names, is_remote, &c, &names) < 0)
		return -ENOMEM;
	names_unref(t->wanted);
	t->wanted = names;
	t->wildcard = s->wildcard;
	table_prune(&t->accepted, is_unwanted, t);
	table_prune(&t->answer.changes, is_unwanted, t);
	table_prune(&t->absent, is_unwanted, t);
	t->report = t->report || t->absent.n != absent;
	return 0;
}

void type_stream_ended(struct ads_type *t)
{
	t->asked = t->sent_wildcard = t->named = t->again = false;
	t->sent = names_unref(t->sent);
	free(t->nonce);
	t->nonce = NULL;
}

void type_forget(struct ads_type *t)
{
	answer_drop(&t->answer);
	table_clear(&t->accepted);
	free(t->version);
	t->version = NULL;
	t->mixed = false;
}

void type_sent(struct ads_type *t)
{
	names_unref(t->sent);
	t->sent = names_ref(t->wanted);
	t->asked = true;
	t->sent_wildcard = t->wildcard;
	t->named = t->named || names_count(t->sent) > 0;
	t->again = false;
}

static bool is_due(const struct ads *ads, const struct ads_type *t)
{
	bool unanswered = t->answer.id != 0 && t->answer.stream == ads->stream;

	return !(unanswered && ads->variant->waits) && (t->asked || t->wildcard || names_count(t->wanted) > 0);
}

bool type_flush(struct ads *ads, struct ads_type *t)
{
	_cleanup_(buf_deinit) struct buf out = BUF_INIT;

	if (!is_due(ads, t))
		return false;
	if (!t->asked)
		ads->variant->first(t, &out);
	else if (!ads->variant->change(t, &out))
		return false;
	type_sent(t);
	stream_send(ads, &out);
	return true;
}
