/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the operator sees: the state of the connection with the last error and its remedy, a row per type, and a few
 * facts.  The host is told when the words have changed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "private.h"

int64_t time_epoch(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec;
}

bool seldom(int64_t *last, int64_t seconds)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (*last != 0 && now.tv_sec - *last < seconds)
		return false;
	*last = now.tv_sec > 0 ? now.tv_sec : 1;
	return true;
}

static const char *clock_text(int64_t at, char *text, size_t size)
{
	time_t t = (time_t)at;
	struct tm tm;

	if (gmtime_r(&t, &tm) == NULL || strftime(text, size, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		snprintf(text, size, "-");
	return text;
}

static void put_detail(const struct ads *ads, char *out, size_t size)
{
	const char *peer = ads->peer != NULL ? ads->peer : ads->origin;
	const char *trouble = ads->trouble != NULL ? ads->trouble : "";
	char at[32];

	if (ads->open)
		snprintf(out, size, "connected to %.300s since %s (%s)", peer, clock_text(ads->since, at, sizeof at),
			 ads->variant->word);
	else if (ads->drained)
		snprintf(out, size, "%.300s was asked at %s and has not answered yet; waiting", peer,
			 clock_text(ads->since, at, sizeof at));
	else if (ads->call != NULL)
		snprintf(out, size, "connecting since %s%s%.700s", clock_text(ads->since, at, sizeof at),
			 trouble[0] != '\0' ? "; before: " : "", trouble);
	else if (ads->next_at > 0)
		snprintf(out, size, "%.900s; next attempt at %s", trouble, clock_text(ads->next_at, at, sizeof at));
	else
		snprintf(out, size, "not connected");
}

void state_tell(struct ads *ads)
{
	char detail[1100];
	const struct mesh_source_state state = {
		.connected = ads->open,
		.origin = ads->origin,
		.detail = detail,
		.occupied = ads->occupied && !ads->open,
	};

	put_detail(ads, detail, sizeof detail);
	if (ads->told != NULL && strcmp(ads->told, detail) == 0 && ads->told_open == ads->open)
		return;
	(void)text_set(&ads->told, detail, strlen(detail));
	ads->told_open = ads->open;
	ads->host->ops->source_state(ads->host, &state);
}

static size_t count_held(const struct ads_type *t)
{
	const struct entry *e;
	size_t at = 0, n = 0;

	while ((e = table_next(&t->accepted, &at)) != NULL)
		n += e->held;
	return n;
}

void ads_types(struct ads *ads, void (*emit)(void *arg, const struct mesh_source_type *type), void *arg)
{
	for (const struct ads_type *t = ads->types; t != NULL; t = t->next) {
		const struct mesh_source_type row = {
			.type_url = t->url,
			.version = t->version != NULL ? t->version : "",
			.resources = count_held(t),
			.names = names_count(t->wanted),
			.wildcard = t->wildcard,
			.acked = t->acked,
			.nacked = t->nacked,
			.reason = t->reason != NULL ? t->reason : "",
		};

		emit(arg, &row);
	}
}

void ads_stats(struct ads *ads, void (*emit)(void *arg, const char *name, const char *value), void *arg)
{
	char text[1100];

	put_detail(ads, text, sizeof text);
	emit(arg, "state", text);
	emit(arg, "protocol", ads->variant->word);
	snprintf(text, sizeof text, "%llu", (unsigned long long)ads->streams);
	emit(arg, "streams", text);
	snprintf(text, sizeof text, "%llu", (unsigned long long)ads->responses);
	emit(arg, "responses", text);
	if (ads->trouble != NULL)
		emit(arg, "last_error", ads->trouble);
}
