/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store while it runs: what happens between a commit and its visibility, and saving.
 * Called by the frontend role; recover.c does the opening.  A disk that fails never stops a
 * commit: the problem is kept for the caller to show, and saving is tried again later.
 */
#include "store_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "keyspace_private.h"

#define TAIL_BYTES (16u << 20)
#define KEEP_RECORD 256u	/* header, alignment and a pad of a KEEP record, roughly */

static void problem_set(struct store *s, const char *what, int error)
{
	s->problem.len = 0;
	note_add(&s->problem, "%s: %s", what, strerror(-error));
}

/* From here on no successor takes this number. -ESTALE: one has taken over. */
static int take_number(struct store *s, uint64_t revision, uint64_t previous, uint64_t now_ms)
{
	int r = s->has_journal ? journal_take(&s->journal, revision) : 0;

	if (r < 0)
		return r;
	if (revision > s->reserve.state.reserved) {
		r = reserve_extend(&s->reserve, previous, revision, now_ms);
		if (r < 0)
			problem_set(s, "cannot reserve revisions in the file 'revision'", r);
	}
	r = reserve_use(&s->reserve, revision);
	if (r < 0)
		problem_set(s, "cannot note the newest revision in the file 'revision'", r);
	return 0;
}

static size_t keep_cost(const struct store *s, struct blob *key, struct blob *value)
{
	const struct kv kv = { .key = key, .value = value };

	return value == NULL || store_filter_passes(&s->filter, key, value)
		       ? 0
		       : journal_keep_cost(&kv);
}

static void keep_account(struct store *s, const struct txn *t)
{
	if (s->filter.fn == NULL)
		return;
	for (uint32_t i = 0; i < t->count; i++) {
		const struct event *e = &t->events[i];
		size_t gone = keep_cost(s, e->key, e->prev);

		s->keep_bytes += keep_cost(s, e->key, e->value);
		s->keep_bytes -= MIN(gone, s->keep_bytes);
	}
}

/*
 * The journal is full, or too small for this one: the object store takes it.  If the disk fails
 * too, the hole in the journal tells the successor, who then goes on above it.
 */
static int persist_full(struct store *s, const struct txn *t)
{
	if (t->time_ms >= s->retry_ms) {
		if (store_save(s, t->time_ms) == 0)
			return 0;
		s->retry_ms = t->time_ms + STORE_RETRY_MS;
	}
	return journal_skip(&s->journal, t->revision);
}

static int store_persist(void *ctx, const struct txn *t, uint64_t previous)
{
	struct store *s = ctx;
	int r = take_number(s, t->revision, previous, t->time_ms);

	if (r < 0 || !s->has_journal)
		return r;
	keep_account(s, t);
	r = journal_append(&s->journal, t, previous,
			   s->keep_bytes > 0 ? s->keep_bytes + KEEP_RECORD : 0);
	return r == JOURNAL_FULL ? persist_full(s, t) : r;
}

/* The entries that the file leaves out, borrowed; their number may be 0. */
static int keep_collect(struct store *s, const struct kv ***ret_list, uint32_t *ret_count)
{
	_cleanup_free_ const struct kv **list = NULL;
	uint32_t count = 0;

	list = calloc(s->ks->index.count + 1, sizeof(struct kv *));
	if (list == NULL)
		return -ENOMEM;
	s->keep_bytes = 0;
	for (struct index_entry *e = s->ks->index.head[0]; e != NULL; e = index_next(e)) {
		size_t cost = keep_cost(s, e->kv.key, e->kv.value);

		if (cost > 0)
			list[count++] = &e->kv;
		s->keep_bytes += cost;
	}
	*ret_list = TAKE(list);
	*ret_count = count;
	return 0;
}

/* What the file leaves out stays in the journal. JOURNAL_FULL: try again once it is trimmed. */
static int keep_write(struct store *s, uint64_t revision, uint64_t omitted)
{
	_cleanup_free_ const struct kv **list = NULL;
	uint32_t count = 0;
	int r;

	if (omitted == 0 || !s->has_journal)
		return 0;
	r = keep_collect(s, &list, &count);
	return r < 0 ? r : journal_keep(&s->journal, revision, list, count);
}

static int save_publish(struct store *s, const struct image_info *info)
{
	int kept = keep_write(s, info->revision, info->omitted);
	int r;

	if (kept < 0)
		return kept;
	r = objects_commit(&s->objects, &s->problem);
	if (r < 0)
		return r;
	s->stored = info->revision;
	if (!s->has_journal)
		return 0;
	r = journal_skip(&s->journal, info->revision);
	if (r == 0)
		r = journal_trim(&s->journal, info->revision);
	if (r == 0 && kept == JOURNAL_FULL)
		r = keep_write(s, info->revision, info->omitted);
	return MIN(r, 0);	/* still full: the successor will see that keys are missing */
}

int store_save(struct store *s, uint64_t now_ms)
{
	struct image_info info;
	int r;

	s->problem.len = 0;
	r = s->has_journal ? journal_fence(&s->journal) : 0;	/* a successor's files are not ours to write */
	if (r == 0)
		r = objects_prepare(&s->objects, s->ks, &s->filter, s->tail_bytes, now_ms, &info,
				    &s->problem);
	if (r == 0)
		r = save_publish(s, &info);
	if (r == 0)
		s->retry_ms = 0;
	else if (s->problem.len == 0)
		problem_set(s, "cannot save the object store", r);
	return r;
}

bool store_dirty(const struct store *s)
{
	return s->stored != ks_revision(s->ks);
}

uint64_t store_stored(const struct store *s)
{
	return s->stored;
}

unsigned store_pressure(const struct store *s)
{
	if (!s->has_journal)
		return 0;
	return (unsigned)((uint64_t)journal_fill(&s->journal) * 100 / s->journal.ring_size);
}

void store_tick(struct store *s, uint64_t now_ms)
{
	uint64_t used = ks_used(s->ks);
	int r;

	ks_trim(s->ks, now_ms);
	if (s->reserve.fd < 0 || s->reserve.state.reserved > used + RESERVE_STEP / 2)
		return;
	r = reserve_extend(&s->reserve, ks_revision(s->ks), used, now_ms);
	if (r < 0)
		problem_set(s, "cannot reserve revisions in the file 'revision'", r);
}

const char *store_problem(const struct store *s)
{
	return s->problem.len > 0 ? s->problem.text : NULL;
}

struct keyspace *store_keys(struct store *s)
{
	return s->ks;
}

struct store *store_free(struct store *s)
{
	if (s == NULL)
		return NULL;
	reserve_close(&s->reserve);
	ks_free(s->ks);
	free(s);
	return NULL;
}

int store_close(struct store *s, uint64_t now_ms)
{
	int r = s->has_journal ? journal_fence(&s->journal) : 0;

	if (r == 0 && store_dirty(s))
		r = store_save(s, now_ms);
	if (r == 0)
		r = reserve_finish(&s->reserve, ks_revision(s->ks));
	store_free(s);
	return r;
}

int store_open(const struct store_options *options, uint64_t now_ms, struct store **ret_store,
	       struct store_report *ret_report)
{
	_cleanup_(store_freep) struct store *s = calloc(1, sizeof *s);
	const struct store_io *io = options->io != NULL ? options->io : &store_io_system;
	int r;

	*ret_report = (struct store_report){ 0 };
	if (s == NULL)
		return -ENOMEM;
	s->reserve.fd = -1;
	s->objects = (struct objects){ .dirfd = options->dirfd, .io = io };
	s->filter = options->filter;
	s->tail_bytes = options->tail_bytes > 0 ? options->tail_bytes : TAIL_BYTES;
	r = store_recover(s, options, now_ms, ret_report);
	if (r < 0)
		return r;
	ks_set_persist(s->ks, store_persist, s);
	*ret_store = TAKE(s);
	return 0;
}
