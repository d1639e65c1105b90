/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Workers swapped at a reload: those whose configuration has changed, and all of their group (source and
 * translator are one), are started beside those that serve, with pipes within the group and none to others.
 * When all say READY, which means that they could serve (a translator: that a complete set could be published),
 * the old ones are asked to end, and when they have, the new ones take their places, the memory and the pipes.
 * A new one that dies, or `reload_timeout` without all being ready, ends the new ones; nothing has changed
 * then.
 *
 * Once the old ones have been asked to end there is no way back: a new one that dies now is started again as
 * any worker is.
 */
#include <stdio.h>
#include <stdlib.h>

#include "error.h"
#include "log.h"
#include "private.h"

LOG_MODULE("supervisor");

#define DROP_MS 1000	/* for a new one that is not wanted to say goodbye */

/* Every role that takes part. */
#define EACH_ROLE(s, i) for (unsigned i = 1; i < _ROLE_MAX; i++) if (((s)->roles & ROLE_BIT(i)) != 0)

bool swap_is_running(const struct supervisor *sup)
{
	return sup->swap.phase != SWAP_NONE;
}

static int slice_of(const struct conf *conf, unsigned role, struct conf **ret_slice)
{
	return error_trace(conf_slice(conf, roles[role].slice, ret_slice));
}

/* Out of memory, it has. */
static bool has_changed(const struct supervisor *sup, const struct conf *conf, unsigned role)
{
	const struct child *c = sup->children[role];
	struct conf *slice = NULL;
	bool changed = slice_of(conf, role, &slice) < 0 || c->slice == NULL || !conf_equal_but_log(c->slice, slice);

	conf_free(slice);
	return changed;
}

/* Roles that need a new process, with all of their groups. */
static uint32_t choose(const struct supervisor *sup, const struct conf *conf)
{
	uint32_t groups = 0, set = 0;

	for (unsigned i = 1; i < _ROLE_MAX; i++)
		if (roles[i].swap_group != 0 && has_changed(sup, conf, i))
			groups |= UINT32_C(1) << roles[i].swap_group;
	for (unsigned i = 1; i < _ROLE_MAX; i++)
		if (roles[i].swap_group != 0 && (groups >> roles[i].swap_group & 1) != 0)
			set |= ROLE_BIT(i);
	return set;
}

bool swap_is_needed(const struct supervisor *sup, const struct conf *conf)
{
	return choose(sup, conf) != 0;
}

struct child *swap_find(struct supervisor *sup, pid_t pid)
{
	EACH_ROLE(&sup->swap, i)
		if (sup->swap.next[i] != NULL && sup->swap.next[i]->pid == pid)
			return sup->swap.next[i];
	return NULL;
}

/* ---- giving up ---- */

static void forget(struct swap *s)
{
	loop_timer_cancel(&s->deadline);
	loop_timer_cancel(&s->turn);
	EACH_ROLE(s, i)
		s->next[i] = child_free(s->next[i]);
	s->conf = conf_free(s->conf);
	listen_deinit(&s->listens);
	s->roles = 0;
	s->phase = SWAP_NONE;
}

/* What it was waiting for, as far as its workers have said. */
static void say_waiting(const struct swap *s, struct buf *why)
{
	EACH_ROLE(s, i) {
		const struct child *c = s->next[i];

		if (c == NULL || c->state == CHILD_READY)
			continue;
		buf_printf(why, "; the new %s %s%s", role_name(c->role->id),
			   c->detail[0] != 0 ? "waits: " : "has not said why", c->detail);
	}
}

static void drop(struct supervisor *sup, const char *what)
{
	struct swap *s = &sup->swap;
	struct buf why = BUF_INIT;

	buf_printf(&why, "the reload was given up, the old processes go on: %s", what);
	say_waiting(s, &why);
	buf_putc(&why, '\n');
	s->phase = SWAP_DROPPING;
	loop_timer_cancel(&s->deadline);
	listen_forget(&s->listens, &sup->listens);
	EACH_ROLE(s, i)
		if (s->next[i] != NULL && s->next[i]->pid != 0)
			child_stop(s->next[i], DROP_MS);
	loop_timer_set(&s->turn, 0);
	reload_refuse(sup, buf_str(&why) != NULL ? buf_str(&why) : what);
	buf_deinit(&why);
}

static void on_deadline(struct loop_timer *timer)
{
	struct supervisor *sup = container_of(timer, struct supervisor, swap.deadline);
	char text[128];

	snprintf(text, sizeof text, "the new ones were not ready within %lld ms (reload_timeout)",
		 (long long)conf_num(sup->swap.conf, "reload_timeout", 30000));
	drop(sup, text);
}

/* ---- taking over ---- */

static void take(struct supervisor *sup)
{
	struct swap *s = &sup->swap;

	s->phase = SWAP_TAKING;
	loop_timer_cancel(&s->deadline);
	log_info("all new processes are ready; the old ones end");
	EACH_ROLE(s, i)
		if (sup->children[i]->state != CHILD_STOPPING)
			child_stop(sup->children[i], STOP_MS / 2);
	loop_timer_set(&s->turn, 0);
}

static void finish(struct supervisor *sup)
{
	struct swap *s = &sup->swap;
	struct conf *conf = s->conf;
	struct listen_set listens = s->listens;
	struct buf text = BUF_INIT;

	s->conf = NULL;
	s->listens = (struct listen_set){ 0 };
	s->phase = SWAP_NONE;
	buf_puts(&text, "the configuration has been read again; new processes serve:");
	EACH_ROLE(s, i) {
		struct child *old = sup->children[i];

		buf_printf(&text, " %s", role_name((enum role_id)i));

		sup->children[i] = s->next[i];
		s->next[i] = NULL;
		child_take_over(sup->children[i], old);
		child_free(old);
	}
	arrows_take_over(sup);
	s->roles = 0;
	reload_commit(sup, conf, &listens, buf_str(&text) != NULL ? buf_str(&text) : "");
	buf_deinit(&text);
	supervisor_on_ready(sup);
}

static bool all_gone(const struct swap *s, struct child *const *children)
{
	EACH_ROLE(s, i)
		if (children[i] != NULL && children[i]->pid != 0)
			return false;
	return true;
}

/* After the end of a process, never from inside of the functions that handle it. */
static void on_turn(struct loop_timer *timer)
{
	struct supervisor *sup = container_of(timer, struct supervisor, swap.turn);
	struct swap *s = &sup->swap;

	if (sup->stopping)
		return;
	if (s->phase == SWAP_TAKING && all_gone(s, sup->children))
		finish(sup);
	else if (s->phase == SWAP_DROPPING && all_gone(s, s->next)) {
		forget(s);
		reload_resume(sup);
	}
}

/* ---- what happens to the workers ---- */

void swap_on_ready(struct child *c)
{
	struct supervisor *sup = c->sup;

	log_info("the new %s is ready (pid %d)", role_name(c->role->id), (int)c->pid);
	EACH_ROLE(&sup->swap, i)
		if (sup->swap.next[i] == NULL || sup->swap.next[i]->state != CHILD_READY)
			return;
	if (sup->swap.phase == SWAP_PREPARING)
		take(sup);
}

bool swap_on_exit(struct child *c)
{
	struct supervisor *sup = c->sup;
	struct swap *s = &sup->swap;
	char text[384];

	if (!c->beside && (s->phase != SWAP_TAKING || (s->roles & ROLE_BIT(c->role->id)) == 0 || sup->stopping))
		return false;
	c->state = CHILD_WAITING;
	if (c->beside && s->phase == SWAP_PREPARING && !sup->stopping) {
		snprintf(text, sizeof text, "the new %s ended by %s", role_name(c->role->id), c->last_exit);
		drop(sup, text);
	}
	loop_timer_set(&s->turn, 0);
	return true;
}

/* ---- start and end ---- */

static int start_one(struct supervisor *sup, unsigned role)
{
	struct conf *slice = NULL;
	int r = slice_of(sup->swap.conf, role, &slice);

	if (r == 0)
		r = child_new(sup, &roles[role], true, &sup->swap.next[role]);
	if (r < 0) {
		conf_free(slice);
		return r;
	}
	child_start_beside(sup->swap.next[role], slice);
	return sup->swap.next[role]->pid > 0 ? 0 : -EAGAIN;
}

void swap_start(struct supervisor *sup, struct conf *conf, struct listen_set *listens)
{
	struct swap *s = &sup->swap;
	int r = 0;

	s->conf = conf;
	s->listens = *listens;
	s->roles = choose(sup, conf);
	s->same_source = !has_changed(sup, conf, ROLE_SOURCE);
	s->phase = SWAP_PREPARING;
	log_info("starting new processes beside the old ones");
	EACH_ROLE(s, i)
		if (r == 0)
			r = start_one(sup, i);
	if (r < 0)
		drop(sup, "the new ones cannot be started (see the log)");
	else
		loop_timer_set(&s->deadline, (uint64_t)conf_num(conf, "reload_timeout", 30000));
}

void swap_abort(struct supervisor *sup)
{
	EACH_ROLE(&sup->swap, i)
		if (sup->swap.next[i] != NULL)
			child_kill(sup->swap.next[i], "meshd is stopping");
	listen_forget(&sup->swap.listens, &sup->listens);
	loop_timer_cancel(&sup->swap.deadline);
	loop_timer_cancel(&sup->swap.turn);
}

int swap_init(struct supervisor *sup)
{
	int r = loop_timer_init(&sup->swap.deadline, sup->base, on_deadline);

	return r == 0 ? error_trace(loop_timer_init(&sup->swap.turn, sup->base, on_turn)) : error_trace(r);
}

void swap_deinit(struct supervisor *sup)
{
	forget(&sup->swap);
	loop_timer_deinit(&sup->swap.deadline);
	loop_timer_deinit(&sup->swap.turn);
}
