/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See guess.h. Called by auth.c for each login.
 */
#include "guess.h"

#include <stddef.h>

#include "cleanup.h"

static void forgive(struct guess *p, time_t now)
{
	time_t n = (now - p->at) / GUESS_SECONDS;

	p->wrong -= (unsigned)MIN(n, (time_t)p->wrong);
	p->at = p->wrong > 0 ? p->at + n * GUESS_SECONDS : now;
}

/* NULL: it has not guessed wrong lately. */
static struct guess *find(struct guesses *g, uint64_t peer, time_t now)
{
	for (size_t i = 0; i < GUESS_PEERS; i++) {
		struct guess *p = &g->peers[i];

		if (p->wrong == 0 || p->peer != peer)
			continue;
		forgive(p, now);
		return p;
	}
	return NULL;
}

static struct guess *replace_oldest(struct guesses *g, uint64_t peer, time_t now)
{
	struct guess *p = &g->peers[0];

	for (size_t i = 0; i < GUESS_PEERS && p->wrong > 0; i++)
		if (g->peers[i].wrong == 0 || g->peers[i].at < p->at)
			p = &g->peers[i];
	*p = (struct guess){ .peer = peer, .at = now };
	return p;
}

bool guess_allowed(struct guesses *g, uint64_t peer, time_t now)
{
	const struct guess *p = find(g, peer, now);

	return p == NULL || p->wrong < GUESS_BURST;
}

void guess_wrong(struct guesses *g, uint64_t peer, time_t now)
{
	struct guess *p = find(g, peer, now);

	if (p == NULL)
		p = replace_oldest(g, peer, now);
	p->wrong++;
}
