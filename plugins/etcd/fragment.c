/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encoding events into pieces. Running out of memory is remembered and told at the end.
 */
#include "fragment.h"

#include <errno.h>

/* Of a message's head in protobuf: four varints of the header, watch id and flags, at their largest. */
#define HEAD_SIZE 64

void tails_deinit(struct tails *t)
{
	for (size_t i = 0; i < t->n; i++)
		body_unref(t->items[i]);
	free(t->items);
	*t = (struct tails){ .items = NULL };
}

void splitter_init(struct splitter *s, const struct form *form, bool fragment)
{
	*s = (struct splitter){ .form = form, .max = fragment ? FRAGMENT_SIZE : 0,
				.out = BUF_INIT, .size = HEAD_SIZE };
}

void splitter_deinit(struct splitter *s)
{
	buf_deinit(&s->out);
	tails_deinit(&s->done);
}

static void end_piece(struct splitter *s)
{
	struct body **items = reallocarray(s->done.items, s->done.n + 1, sizeof *items);
	struct body *body;

	s->form->events_end(&s->out);
	body = body_take(&s->out);
	if (items != NULL)
		s->done.items = items;
	if (items == NULL || body == NULL) {
		body_unref(body);
		s->failed = true;
	} else {
		items[s->done.n++] = body;
	}
	s->n = 0;
	s->size = HEAD_SIZE;
}

void splitter_add(struct splitter *s, const struct mesh_event *event, bool prev_kv)
{
	size_t size = s->max > 0 ? form_event_size(event, prev_kv) : 0;

	if (s->max > 0 && s->n > 0 && s->size + size >= s->max)
		end_piece(s);
	s->form->event(&s->out, event, prev_kv, s->n == 0);
	s->size += size;
	s->n++;
	s->n_all++;
}

int splitter_finish(struct splitter *s, struct tails *ret_tails)
{
	if (s->n > 0)
		end_piece(s);
	if (s->failed)
		return -ENOMEM;
	*ret_tails = s->done;
	s->done = (struct tails){ .items = NULL };
	return 0;
}
