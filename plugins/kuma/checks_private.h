/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A check from the inside: checks.c does them, checks_read.c makes them from what the control plane has sent.
 */
#ifndef KUMA_CHECKS_PRIVATE_H
#define KUMA_CHECKS_PRIVATE_H

#include "checks.h"
#include "probe.h"

/* As envoy.config.core.v3.HealthStatus. */
enum health { UNKNOWN = 0, HEALTHY = 1, UNHEALTHY = 2 };

#define EXPECTED_MAX 8

struct check {
	struct checks *checks;		/* borrowed */
	char *cluster, *request;	/* owned; request NULL: a connection is enough */
	struct buf endpoint, locality;	/* owned: as they came, for the report */
	size_t group;			/* the same for all endpoints of one locality of one cluster */
	struct probe_target target;
	struct {
		int from, to;		/* the first behind it */
	} expected[EXPECTED_MAX];
	size_t n_expected;		/* 0: 200 alone */
	int64_t interval_ms;
	unsigned healthy_after, unhealthy_after;
	bool asked;			/* it is looked at; else `health` is what it was made with */

	enum health health;
	bool last;			/* the last result was good */
	unsigned in_row;		/* so many of that kind */
	struct event *timer;		/* owned, like the probe; NULL: none */
	struct probe *probe;
};

struct checks {
	struct mesh_host *host;		/* borrowed */
	struct event_base *base;	/* borrowed */
	struct check **list;		/* owned */
	size_t n;
	int64_t interval_ms;
};

void check_free(struct check *c);

/* Appends the checks of a specifier to the list. As checks_take(). */
int checks_read(struct checks *checks, const uint8_t *data, size_t size, char *why, size_t why_size);

#endif
