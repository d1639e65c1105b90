/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What systemd wants to know (Type=notify, sd_notify(3)).  Does nothing when nobody asked; a
 * notification that fails is no reason to stop.
 */
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "error.h"
#include "private.h"

void notify_state(struct supervisor *sup)
{
	char text[512] = "STATUS=";
	size_t len = strlen(text);

	for (unsigned i = 1; i < _ROLE_MAX; i++) {
		const struct child *c = sup->children[i];

		if (c->state != CHILD_OFF && len < sizeof text)
			len += (size_t)snprintf(text + len, sizeof text - len, "%s%s %s", len > 7 ? ", " : "",
						role_name(c->role->id), child_state_name(c));
	}
	sd_notify(0, text);
}

void notify_ready(void)
{
	sd_notify(0, "READY=1");
}

void notify_reloading(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)ts.tv_sec * 1000000 + ts.tv_nsec / 1000);
}

void notify_stopping(void)
{
	sd_notify(0, "STOPPING=1");
}

static void on_watchdog(struct loop_timer *timer)
{
	struct supervisor *sup = container_of(timer, struct supervisor, watchdog);

	sd_notify(0, "WATCHDOG=1");
	loop_timer_set(&sup->watchdog, sup->watchdog_ms);
}

int notify_watchdog(struct supervisor *sup)
{
	uint64_t usec = 0;
	int r;

	if (sd_watchdog_enabled(0, &usec) <= 0)
		return 0;
	r = loop_timer_init(&sup->watchdog, sup->base, on_watchdog);
	if (r < 0)
		return error_trace(r);
	sup->watchdog_ms = usec / 2000;
	loop_timer_set(&sup->watchdog, sup->watchdog_ms);
	return 0;
}
