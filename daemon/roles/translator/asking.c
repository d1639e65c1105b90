/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions in the making; see asking.h.  Each holds references to the resources of the moment in which it
 * was asked, so that the mesh may go on changing.
 */
#include "asking.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "explain.h"
#include "holds.h"
#include "loop.h"

#define SLICE_MS 20
#define BATCH 64	/* resources or units between two looks at the clock */

struct asking {
	struct asking *next;
	struct asking_list *list;	/* borrowed, like the others */
	const char *prefix;
	struct ctl_reply *reply;
	struct loop_timer timer;
	struct offline *offline;	/* owned */
	struct resource **resources;	/* owned, with a reference each; by type and name */
	size_t n, cap, at;
	char **argv;			/* owned */
	int argc;
};

static void asking_free(struct asking *a)
{
	struct asking **link = &a->list->first;

	while (*link != a)
		link = &(*link)->next;
	*link = a->next;
	a->list->n--;
	loop_timer_deinit(&a->timer);
	offline_free(a->offline);
	for (size_t i = a->at; i < a->n; i++)
		resource_unref(a->resources[i]);
	for (int i = 0; i < a->argc; i++)
		free(a->argv[i]);
	free(a->argv);
	free(a->resources);
	free(a);
}

static void on_gone(void *arg)
{
	asking_free(arg);
}

/* ---- the answer ---- */

static void sink_table(void *arg, const char *name, const char *const *columns)
{
	ctl_table(arg, name, columns);
}

static void sink_cell(void *arg, const char *text)
{
	ctl_text(arg, text);
}

static void sink_row_end(void *arg)
{
	ctl_row_end(arg);
}

static void sink_message(void *arg, const char *text)
{
	ctl_message(arg, "%s", text);
}

static void answer(struct asking *a)
{
	struct ctl_reply *reply = a->reply;
	struct explain_sink sink = {
		.arg = reply,
		.table = sink_table,
		.cell = sink_cell,
		.row_end = sink_row_end,
		.message = sink_message,
	};
	int r = explain(a->offline, a->prefix, a->argc, a->argv, &sink);

	if (r < 0)
		ctl_message(reply, "no memory for the answer");
	ctl_on_gone(reply, NULL, NULL);
	asking_free(a);
	ctl_end(reply, r < 0 ? 1 : (unsigned)r);
}

/* ---- slices ---- */

/* 0 all is there, 1 more to do, or -ENOMEM. */
static int add_some(struct asking *a)
{
	for (size_t i = 0; i < BATCH && a->at < a->n; i++) {
		struct resource *r = a->resources[a->at++];
		int rc = offline_add(a->offline, r);

		resource_unref(r);
		if (rc < 0)
			return rc;
	}
	return a->at < a->n;
}

static void on_timer(struct loop_timer *timer)
{
	struct asking *a = container_of(timer, struct asking, timer);
	int64_t end = loop_now_ms() + SLICE_MS;
	int r;

	do {
		r = a->at < a->n ? add_some(a) : 0;
		if (r == 0)
			r = offline_step(a->offline, BATCH);
	} while (r == 1 && loop_now_ms() < end);
	if (r == 1) {
		loop_timer_set(timer, 0);
	} else if (r == 0) {
		answer(a);
	} else {
		struct ctl_reply *reply = a->reply;

		ctl_message(reply, "no memory for the answer");
		ctl_on_gone(reply, NULL, NULL);
		asking_free(a);
		ctl_end(reply, 1);
	}
}

/* ---- the start ---- */

static int collect(struct asking *a, const struct holds *holds)
{
	for (unsigned type = 0; type < _RT_MAX; type++) {
		_cleanup_free_ struct hold **list = NULL;
		struct resource **bigger;
		size_t n = 0;

		if (holds_sorted(holds, (enum rt)type, &list, &n) < 0)
			return -ENOMEM;
		bigger = realloc(a->resources, (a->n + n + 1) * sizeof(*bigger));
		if (bigger == NULL)
			return -ENOMEM;
		a->resources = bigger;
		for (size_t i = 0; i < n; i++)
			if (list[i]->active != NULL)
				a->resources[a->n++] = resource_ref(list[i]->active);
	}
	return 0;
}

static int copy_arguments(struct asking *a, int argc, char *const *argv)
{
	a->argv = calloc((size_t)argc + 1, sizeof(*a->argv));
	if (a->argv == NULL)
		return -ENOMEM;
	for (; a->argc < argc; a->argc++) {
		a->argv[a->argc] = strdup(argv[a->argc]);
		if (a->argv[a->argc] == NULL)
			return -ENOMEM;
	}
	return 0;
}

void asking_start(struct asking_list *list, struct event_base *base, const struct holds *holds,
		  const struct translation_options *options, const char *prefix, struct ctl_reply *reply, int argc,
		  char *const *argv)
{
	struct translation_options own = *options;
	struct asking *a = list->n < ASKING_MAX ? calloc(1, sizeof *a) : NULL;

	if (list->n >= ASKING_MAX)
		ctl_message(reply, "%d questions are being answered already; ask again in a moment", ASKING_MAX);
	if (a == NULL) {
		ctl_end(reply, 1);
		return;
	}
	*a = (struct asking){ .next = list->first, .list = list, .prefix = prefix, .reply = reply };
	list->first = a;
	list->n++;
	/* Requests are answered without; for many routes it is dear. */
	own.provenance = argc > 1 && strncmp(argv[1], "--", 2) == 0;
	if (loop_timer_init(&a->timer, base, on_timer) < 0 || offline_new(&own, &a->offline) < 0 ||
	    copy_arguments(a, argc - 1, argv + 1) < 0 || collect(a, holds) < 0) {
		asking_free(a);
		ctl_message(reply, "no memory for the answer");
		ctl_end(reply, 1);
		return;
	}
	ctl_on_gone(reply, on_gone, a);
	loop_timer_set(&a->timer, 0);
}

void asking_end(struct asking_list *list)
{
	while (list->first != NULL) {
		struct ctl_reply *reply = list->first->reply;

		ctl_on_gone(reply, NULL, NULL);
		asking_free(list->first);
		ctl_end(reply, 1);
	}
}
