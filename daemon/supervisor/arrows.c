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

LOG_MODULE("supervisor");

#define BLAME_WINDOW_MS 60000
/* A pipe that ended without a reason is mostly the sign of a death that SIGCHLD will tell about. */
#define RENEW_WAIT_MS 50

static int hand_over(struct arrow *a, enum role_id to, enum role_id peer, int fd)
{
	Mesh__PeerPipe m = MESH__PEER_PIPE__INIT;

	m.peer = peer;
	m.generation = a->generation;
	return msg_send_PEER(a->sup->children[to].control, &m, fd);
}

static void connect_arrow(struct arrow *a)
{
	int fds[2], r;

	if (!child_is_up(&a->sup->children[a->ends->from]) || !child_is_up(&a->sup->children[a->ends->to]))
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

void arrows_connect(struct supervisor *sup, enum role_id role)
{
	for (unsigned i = 0; i < ROLE_ARROWS; i++) {
		struct arrow *a = &sup->arrows[i];

		if (a->ends->from == role || a->ends->to == role) {
			loop_timer_cancel(&a->renew);
			connect_arrow(a);
		}
	}
}

static struct arrow *arrow_find(struct supervisor *sup, enum role_id x, enum role_id y)
{
	for (unsigned i = 0; i < ROLE_ARROWS; i++) {
		const struct role_arrow *ends = sup->arrows[i].ends;

		if ((ends->from == x && ends->to == y) || (ends->from == y && ends->to == x))
			return &sup->arrows[i];
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

void arrows_on_broken(struct supervisor *sup, enum role_id reporter, const Mesh__PipeBroken *m)
{
	enum role_id sender = m->peer < _ROLE_MAX ? (enum role_id)m->peer : ROLE_SUPERVISOR;
	struct arrow *a = arrow_find(sup, reporter, sender);

	if (a == NULL || m->generation != a->generation)
		return;
	if (!m->blame) {
		loop_timer_set(&a->renew, RENEW_WAIT_MS);
		return;
	}
	log_warn("%s closed its pipe to %s: %s; both get a new one", role_name(reporter), role_name(sender), m->reason);
	if (blame(a, sender)) {
		log_err("%s sent bad bytes to %s three times in a minute: restarting it", role_name(sender),
			role_name(reporter));
		for (unsigned i = 0; i < 3; i++)
			a->blamed_ms[sender == a->ends->to][i] = 0;
		child_kill(&sup->children[sender], "bad bytes");
		return;
	}
	connect_arrow(a);
}

int arrows_init(struct supervisor *sup)
{
	for (unsigned i = 0; i < ROLE_ARROWS; i++) {
		struct arrow *a = &sup->arrows[i];
		int r;

		*a = (struct arrow){ .sup = sup, .ends = &role_arrows[i] };
		r = loop_timer_init(&a->renew, sup->base, on_renew);
		if (r < 0)
			return error_trace(r);
	}
	return 0;
}

void arrows_deinit(struct supervisor *sup)
{
	for (unsigned i = 0; i < ROLE_ARROWS; i++)
		loop_timer_deinit(&sup->arrows[i].renew);
}
