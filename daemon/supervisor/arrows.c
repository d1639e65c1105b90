/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pipes between workers: both ends made here and handed over, a new pair whenever one end is
 * new or the pipe has ended.  A worker that sent bad bytes three times in a minute is restarted.
 */
#include "error.h"
#include "fd.h"
#include "log.h"
#include "private.h"
#include "send.h"

#include <string.h>

LOG_MODULE("supervisor");

#define BLAME_WINDOW_MS 60000
/* A pipe that ended without a reason is mostly the sign of a death that SIGCHLD will tell about. */
#define RENEW_WAIT_MS 50

static struct child *child_at(const struct arrow *a, enum role_id role)
{
	return a->beside ? a->sup->swap.next[role] : a->sup->children[role];
}

static bool is_up(const struct child *c)
{
	return c != NULL && child_is_up(c);
}

/* Within a group: then the pipe is there before they serve. */
static bool is_inner(const struct arrow *a)
{
	unsigned group = roles[a->ends->from].swap_group;

	return group != 0 && group == roles[a->ends->to].swap_group;
}

static int hand_over(struct arrow *a, enum role_id to, enum role_id peer, int fd)
{
	Mesh__PeerPipe m = MESH__PEER_PIPE__INIT;

	m.peer = peer;
	m.generation = a->generation;
	return msg_send_PEER(child_at(a, to)->control, &m, fd);
}

static void connect_arrow(struct arrow *a)
{
	int fds[2], r;

	if (a->beside && !is_inner(a))
		return;
	if (!is_up(child_at(a, a->ends->from)) || !is_up(child_at(a, a->ends->to)))
		return;
	r = pipe_pair(fds);
	if (r < 0) {
		log_err_errno(r, "cannot make a pipe from %s to %s; trying again", role_name(a->ends->from),
			      role_name(a->ends->to));
		loop_timer_set(&a->renew, 1000);
		return;
	}
	a->generation++;
	if (hand_over(a, a->ends->from, a->ends->to, fds[0]) < 0 ||
	    hand_over(a, a->ends->to, a->ends->from, fds[1]) < 0)
		log_debug("a pipe from %s to %s was not taken", role_name(a->ends->from), role_name(a->ends->to));
	fd_close(fds[0]);
	fd_close(fds[1]);
}

static void on_renew(struct loop_timer *timer)
{
	connect_arrow(container_of(timer, struct arrow, renew));
}

static struct arrow *arrows_of(const struct child *c)
{
	return c->beside ? c->sup->swap.arrows : c->sup->arrows;
}

void arrows_connect(struct child *c)
{
	for (unsigned i = 0; i < ROLE_ARROWS; i++) {
		struct arrow *a = &arrows_of(c)[i];

		if (a->ends->from == c->role->id || a->ends->to == c->role->id) {
			loop_timer_cancel(&a->renew);
			connect_arrow(a);
		}
	}
}

static bool is_touched(const struct arrow *a)
{
	return (a->sup->swap.roles & (ROLE_BIT(a->ends->from) | ROLE_BIT(a->ends->to))) != 0;
}

void arrows_take_over(struct supervisor *sup)
{
	for (unsigned i = 0; i < ROLE_ARROWS; i++) {
		struct arrow *a = &sup->arrows[i], *beside = &sup->swap.arrows[i];

		loop_timer_cancel(&beside->renew);
		if (!is_touched(a))
			continue;
		if (is_inner(a)) {
			a->generation = beside->generation;
			memcpy(a->blamed_ms, beside->blamed_ms, sizeof a->blamed_ms);
			loop_timer_cancel(&a->renew);
		} else {
			connect_arrow(a);
		}
	}
}

static struct arrow *arrow_find(const struct child *c, enum role_id other)
{
	enum role_id self = c->role->id;

	for (unsigned i = 0; i < ROLE_ARROWS; i++) {
		const struct role_arrow *ends = arrows_of(c)[i].ends;

		if ((ends->from == self && ends->to == other) || (ends->from == other && ends->to == self))
			return &arrows_of(c)[i];
	}
	return NULL;
}

/* Notes one more; true if it is the third within the window. */
static bool blame(struct arrow *a, enum role_id sender)
{
	int64_t *times = a->blamed_ms[sender == a->ends->to], now = loop_now_ms();

	times[2] = times[1];
	times[1] = times[0];
	times[0] = now;
	return times[2] != 0 && now - times[2] < BLAME_WINDOW_MS;
}

void arrows_on_broken(struct child *reporter, const Mesh__PipeBroken *m)
{
	enum role_id sender = m->peer < _ROLE_MAX ? (enum role_id)m->peer : ROLE_SUPERVISOR;
	struct arrow *a = arrow_find(reporter, sender);

	if (a == NULL || m->generation != a->generation || child_at(a, sender) == NULL)
		return;
	if (!m->blame) {
		loop_timer_set(&a->renew, RENEW_WAIT_MS);
		return;
	}
	log_warn("%s closed its pipe to %s: %s; both get a new one", role_name(reporter->role->id), role_name(sender),
		 m->reason);
	if (blame(a, sender)) {
		log_err("%s sent bad bytes to %s three times in a minute: restarting it", role_name(sender),
			role_name(reporter->role->id));
		for (unsigned i = 0; i < 3; i++)
			a->blamed_ms[sender == a->ends->to][i] = 0;
		child_kill(child_at(a, sender), "bad bytes");
		return;
	}
	connect_arrow(a);
}

static int init(struct supervisor *sup, struct arrow arrows[ROLE_ARROWS], bool beside)
{
	for (unsigned i = 0; i < ROLE_ARROWS; i++) {
		struct arrow *a = &arrows[i];
		int r;

		*a = (struct arrow){ .sup = sup, .ends = &role_arrows[i], .beside = beside };
		r = loop_timer_init(&a->renew, sup->base, on_renew);
		if (r < 0)
			return error_trace(r);
	}
	return 0;
}

int arrows_init(struct supervisor *sup)
{
	int r = init(sup, sup->arrows, false);

	return r == 0 ? init(sup, sup->swap.arrows, true) : r;
}

void arrows_deinit(struct supervisor *sup)
{
	for (unsigned i = 0; i < ROLE_ARROWS; i++) {
		loop_timer_deinit(&sup->arrows[i].renew);
		loop_timer_deinit(&sup->swap.arrows[i].renew);
	}
}
