/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counting what an update removes, and saying that it is held back (drop.h).
 */
#include "drop.h"

#include <stdio.h>

#include "log.h"

LOG_MODULE("accept");

void drop_doom(struct holds *hs, struct hold *h)
{
	hs->doomed[h->type] += !h->doomed;
	h->doomed = true;
}

void drop_spare(struct holds *hs, struct hold *h)
{
	hs->doomed[h->type] -= h->doomed;
	h->doomed = false;
}

/* Those that count: what this source has sent and nobody asked to go. */
static size_t count(const struct holds *hs, enum rt type)
{
	size_t n = 0;

	for (const struct hold *h = hs->heads[type]; hs->doomed[type] > 0 && h != NULL; h = h->hh.next)
		n += h->doomed && !h->foreign && h->accepted != NULL;
	return n;
}

static void tell(struct holds *hs, enum rt type, const char *reason)
{
	const struct mesh_finding finding = {
		.severity = MESH_SEV_ERROR,
		.type = rt_info(type)->message,
		.name = "",
		.field = "",
		.behaviour = "skip",
		.reason = reason,
	};

	(void)findings_set(hs->findings, FINDINGS_DROP, rt_info(type)->word, &finding, reason != NULL);
}

bool drop_is_allowed(struct holds *hs, enum rt type, size_t before, unsigned percent)
{
	size_t gone = percent > 0 ? count(hs, type) : 0;
	char reason[256];

	if (gone == 0 || gone * 100 <= before * percent) {
		tell(hs, type, NULL);
		return true;
	}
	snprintf(reason, sizeof reason,
		 "an update removes %zu of %zu, more than translator.max_drop (%u %%) allows; they stay until "
		 "'meshctl accept', or until the control plane sends them again", gone, before, percent);
	log_err("%ss: %s", rt_info(type)->word, reason);
	tell(hs, type, reason);
	return false;
}
