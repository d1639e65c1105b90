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
#include "snapshot.h"

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

/* What the file leaves out stays in the journal. JOURNAL_FULL: try again once it is trimmed. */
static int keep_write(struct store *s, const struct snapshot *snap)
{
	return s->has_journal && snap->n_left_out > 0
		       ? journal_keep(&s->journal, snap->current, snap->left_out,
				      (uint32_t)snap->n_left_out)
		       : 0;
}

/* What the next KEEP record takes, counted anew: the account between saves is only a bound. */
static void keep_recount(struct store *s)
{
	s->keep_bytes = 0;
	if (s->filter.fn == NULL)
		return;
	for (const struct index_entry *e = s->ks->index.head[0]; e != NULL; e = index_next(e))
		s->keep_bytes += keep_cost(s, e->kv.key, e->kv.value);
}

/* The journal lets go of what the file has. A retry for the left-out keys, if they did not fit. */
static int save_trim(struct store *s, uint64_t revision, const struct snapshot *retry)
{
	int r = journal_skip(&s->journal, revision);

	if (r == 0)
		r = journal_trim(&s->journal, revision);
	if (r == 0 && retry != NULL)
		r = keep_write(s, retry);
	return MIN(r, 0);	/* still full: a successor will see that keys are missing */
}

/* The snapshot's left-out keys must outlive the commit only if there was no room before it. */
static int save_publish(struct store *s, const struct image_info *info)
{
	struct image_writer *writer = TAKE(s->saving.writer);
	const struct snapshot *snap = image_writer_snapshot(writer);
	int kept = keep_write(s, snap);
	int r = kept < 0 ? kept : objects_commit(&s->objects, &s->saving, &s->problem);

	if (r == 0) {
		s->stored = info->revision;
		archive_follow(&s->archive, snap->compacted);
		archive_trim(&s->archive, &s->objects, ks_compacted(s->ks));
		if (s->has_journal)
			r = save_trim(s, info->revision, kept == JOURNAL_FULL ? snap : NULL);
	}
	image_writer_free(writer);
	if (r == 0)
		keep_recount(s);
	return r;
}

/* A successor's files are not ours to write. */
static int save_fence(const struct store *s)
{
	return s->has_journal ? journal_fence(&s->journal) : 0;
}

static void save_drop(struct store *s)
{
	if (save_fence(s) == 0)
		objects_abort(&s->objects, &s->saving);
	else
		objects_release(&s->saving);
}

/* Older history first, a file of its own for each 16 MB of it; then the keys and the rest. */
static int save_next(struct store *s, uint64_t now_ms)
{
	struct image_scope scope = {
		.filter = &s->filter,
		.after = archive_last(&s->archive),
		.now_ms = now_ms,
	};

	scope.last = archive_due(s->ks, &scope, s->tail_bytes);
	s->archiving = scope.last;
	return objects_begin(&s->objects, &s->saving, s->ks, &scope, &s->problem);
}

/* History is in place; what the file of the keys still needs of it is less now. */
static int save_archived(struct store *s)
{
	struct image_writer *writer = TAKE(s->saving.writer);
	const struct snapshot *snap = image_writer_snapshot(writer);
	uint64_t now_ms = snap->saved_ms;
	int r;

	archive_follow(&s->archive, snap->compacted);
	r = archive_commit(&s->archive, &s->objects, &s->saving, s->archiving, &s->problem);
	image_writer_free(writer);
	if (r == 0)
		r = save_next(s, now_ms);
	return r < 0 ? r : STORE_MORE;
}

static int save_result(struct store *s, int r)
{
	if (r == 0)
		s->retry_ms = 0;
	if (r < 0) {
		save_drop(s);
		if (s->problem.len == 0)
			problem_set(s, "cannot save the object store", r);
	}
	return r;
}

int store_save_begin(struct store *s, uint64_t now_ms)
{
	int r;

	save_drop(s);
	s->problem.len = 0;
	r = save_fence(s);
	if (r == 0)
		r = save_next(s, now_ms);
	return save_result(s, r);
}

static int save_step(struct store *s, size_t bytes)
{
	struct image_info info;
	int r = save_fence(s);

	if (r == 0)
		r = objects_step(&s->objects, &s->saving, bytes, &info, &s->problem);
	if (r == IMAGE_MORE)
		return STORE_MORE;
	if (r == 0)
		r = s->archiving != 0 ? save_archived(s) : save_publish(s, &info);
	return save_result(s, r);
}

int store_save_step(struct store *s)
{
	return store_saving(s) ? save_step(s, STORE_SLICE) : 0;
}

int store_save(struct store *s, uint64_t now_ms)
{
	int r = store_save_begin(s, now_ms);

	if (r == 0)
		r = STORE_MORE;
	while (r == STORE_MORE)
		r = save_step(s, SIZE_MAX);
	return r;
}

int store_recall_step(struct store *s)
{
	int r = save_fence(s);

	if (r < 0)
		return r == -ESTALE ? 0 : r;
	r = archive_recall(&s->archive, &s->objects, s->ks, &s->recalled);
	return r == ARCHIVE_MORE ? STORE_MORE : r;
}

static int store_recall(void *ctx)
{
	return store_recall_step(ctx);
}

const char *store_recalled(const struct store *s)
{
	return s->recalled.text;
}

bool store_saving(const struct store *s)
{
	return s->saving.fd >= 0;
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
	save_drop(s);
	reserve_close(&s->reserve);
	archive_deinit(&s->archive);
	ks_free(s->ks);
	free(s);
	return NULL;
}

int store_close(struct store *s, uint64_t now_ms)
{
	int r = save_fence(s);

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
	s->saving.fd = -1;
	s->objects = (struct objects){ .dirfd = options->dirfd, .io = io };
	s->filter = options->filter;
	s->tail_bytes = options->tail_bytes > 0 ? options->tail_bytes : TAIL_BYTES;
	r = store_recover(s, options, now_ms, ret_report);
	if (r < 0)
		return r;
	keep_recount(s);
	ks_set_persist(s->ks, store_persist, s);
	ks_set_recall(s->ks, store_recall, s);
	*ret_store = TAKE(s);
	return 0;
}
