/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening a store: loads the newest whole file, repeats the journal, and decides whether anything
 * that may have been visible is missing.  Called once per worker, by store_open().
 * What is missing never stops the start: it is put into words, the history is dropped, numbering
 * goes on above all that may have been used, and clients read again.
 */
#include "store_private.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "keyspace_private.h"

/* Numbers that nobody can have used beyond a save whose reservation file is lost. */
#define UNKNOWN_STEP (10u * RESERVE_STEP)

/* What the three keepers of numbers say. */
struct recovery {
	struct store *s;
	struct store_report *report;
	uint64_t now_ms;	/* 0: the clock is absurd */
	int objects;		/* as objects_load() */
	struct image_info info;
	bool journal_valid;
	bool reserve_valid, reserve_exact;
	size_t kept;		/* left-out keys that the journal gave back */
	bool broken;		/* the journal does not follow on the file */
};

/* ---- repeating the journal ---- */

static int repeat_keep(struct recovery *rc, struct journal_record *record)
{
	struct journal_change c;

	while (journal_next_change(record, &c)) {
		_cleanup_(blob_unrefp) struct blob *key = blob_new(c.key, c.key_size);
		_cleanup_(blob_unrefp) struct blob *value =
			blob_new_leased(c.value, c.value_size, c.lease);
		const struct kv kv = {
			.key = key,
			.value = value,
			.create_revision = c.create_revision,
			.mod_revision = c.mod_revision,
			.version = c.version,
		};
		int r;

		if (key == NULL || value == NULL)
			return -ENOMEM;
		r = ks_load_kv(rc->s->ks, &kv);
		if (r == -ENOMEM)
			return r;
		rc->kept += r == 0;
	}
	return 0;
}

static int repeat_change(struct keyspace *ks, const struct journal_change *c)
{
	_cleanup_(blob_unrefp) struct blob *value = NULL;

	if (c->value == NULL)
		return ks_txn_delete(ks, c->key, c->key_size);
	value = blob_new_leased(c->value, c->value_size, c->lease);
	return value != NULL ? ks_txn_write(ks, c->key, c->key_size, value) : -ENOMEM;
}

/* 0: repeated. Positive: the record does not fit to what is there. */
static int repeat_txn(struct recovery *rc, struct journal_record *record)
{
	struct keyspace *ks = rc->s->ks;
	uint32_t count = record->count;
	struct journal_change c;
	int r = ks_txn_begin(ks);

	while (r == 0 && journal_next_change(record, &c))
		r = repeat_change(ks, &c);
	if (r == -ENOMEM || record->payload.bad) {
		ks_txn_abort(ks);
		return r == -ENOMEM ? r : 1;
	}
	r = ks_load_commit(ks, record->revision, record->time_ms);
	if (r == -ENOMEM)
		return r;
	if (r != 0 || history_at(&ks->history, ks->history.count - 1)->count != count)
		return 1;
	rc->report->repeated++;
	return 0;
}

/* Before the transactions: a save that took its time put these keys behind newer transactions. */
static int repeat_if_keep(const struct journal_record *found, void *arg)
{
	struct recovery *rc = arg;
	struct journal_record record = *found;
	bool ours = record.kind == JOURNAL_KEEP && record.revision == rc->info.revision;

	return ours ? repeat_keep(rc, &record) : 0;
}

/* Non-zero ends the walk: positive at a gap, negative without memory. */
static int repeat_if_txn(const struct journal_record *found, void *arg)
{
	struct recovery *rc = arg;
	struct keyspace *ks = rc->s->ks;
	struct journal_record record = *found;
	int r;

	if (record.kind != JOURNAL_TXN || record.revision <= ks->current)
		return 0;
	r = record.previous == ks->current ? repeat_txn(rc, &record) : 1;
	rc->broken = r > 0;
	return r;
}

static int recover_journal(struct recovery *rc, const struct store_options *o)
{
	struct note *note = &rc->report->note;
	int r;

	if (o->journal == NULL)
		return 0;
	r = journal_open(&rc->s->journal, o->journal, o->journal_size);
	if (r < 0) {
		note_add(note, "the memory for the revision journal cannot be used: %s",
			 strerror(-r));
		return r;
	}
	rc->s->has_journal = true;
	if (r == JOURNAL_DAMAGED)
		note_add(note, "the revision journal's header is damaged: what it held is lost");
	rc->journal_valid = r == 0;
	if (!rc->journal_valid)
		return 0;
	r = journal_walk(&rc->s->journal, repeat_if_keep, rc);
	if (r == 0)
		r = journal_walk(&rc->s->journal, repeat_if_txn, rc);
	return MIN(r, 0);
}

/* ---- the files ---- */

/* What was written without a filter goes: older history now, the rest when the first save replaces it. */
static int forbid_files(struct recovery *rc)
{
	struct store *s = rc->s;

	note_add(&rc->report->note, "the object store's files may hold secrets, which must not be on disk any more "
				    "(secrets: memory); they are replaced, and their older history is gone");
	s->objects.purge = true;
	s->stored = 0;
	s->archive.pending = 0;
	return archive_recall(&s->archive, &s->objects, s->ks, &rc->report->note);
}

static int recover_objects(struct recovery *rc, const struct store_options *o)
{
	struct store *s = rc->s;

	rc->objects = objects_load(&s->objects, &o->history, &s->ks, &rc->info, &rc->report->note);
	if (rc->objects < 0) {
		note_add(&rc->report->note, "the object store cannot be loaded: %s",
			 strerror(-rc->objects));
		return rc->objects;
	}
	if (s->ks == NULL)
		return ks_new(&o->history, &s->ks);
	if (s->filter.fn != NULL && !rc->info.filtered)
		return forbid_files(rc);
	s->stored = rc->objects == 0 ? rc->info.revision : 0;
	s->archive.pending = s->ks->compacted;
	return 0;
}

/* ---- where numbering goes on ---- */

static uint64_t highest_used(const struct recovery *rc)
{
	uint64_t used = MAX(rc->s->ks->current, rc->s->ks->used);

	if (rc->journal_valid)
		used = MAX(used, rc->s->journal.state.used);
	if (rc->reserve_valid)
		used = MAX(used, rc->s->reserve.state.used);
	return used;
}

/* The newest revision that anybody may have seen. */
static uint64_t highest_visible(const struct recovery *rc)
{
	const struct journal_state *j = &rc->s->journal.state;
	const struct reserve_state *rv = &rc->s->reserve.state;

	if (rc->journal_valid) {
		bool missed = rc->reserve_exact && rv->used > j->used;	/* commits that bypassed it */

		return missed ? MAX(j->committed, rv->used) : j->committed;
	}
	if (rc->reserve_valid)
		return rc->reserve_exact ? rv->used : rv->reserved;
	return MAX(highest_used(rc) + UNKNOWN_STEP, rc->now_ms);
}

static bool recovery_is_first_start(const struct recovery *rc)
{
	return rc->objects == OBJECTS_NONE && !rc->journal_valid && !rc->reserve_valid;
}

static void report_loss(const struct recovery *rc, uint64_t have, uint64_t visible)
{
	struct note *note = &rc->report->note;

	if (rc->broken)
		note_add(note, "the revision journal does not follow on the object store");
	if (visible > have)
		note_add(note,
			 "changes after revision %" PRIu64 " are lost (up to %" PRIu64
			 " may have been seen)",
			 have, visible);
	if (rc->info.omitted != rc->kept)
		note_add(note,
			 "%" PRIu64
			 " keys with secrets are missing until the control plane sends them "
			 "(secrets: memory)",
			 rc->info.omitted - MIN(rc->kept, rc->info.omitted));
	note_add(note, "revisions go on at %" PRIu64 "; clients that watch will read again",
		 rc->s->ks->current);
}

/* Nothing visible is missing, or the key space jumps above all that may have been used. */
static void settle_revision(struct recovery *rc)
{
	struct keyspace *ks = rc->s->ks;
	uint64_t have = ks->current, used = highest_used(rc), visible;

	if (recovery_is_first_start(rc)) {
		rc->report->source = STORE_NEW;
		ks_load_jump(ks, rc->now_ms);
		return;
	}
	visible = highest_visible(rc);
	if (visible <= have && rc->info.omitted == rc->kept) {
		rc->report->source = STORE_WHOLE;
		ks->used = used;
		return;
	}
	rc->report->source = ks->index.count > 0 ? STORE_BEHIND : STORE_LOST;
	ks_load_jump(ks, MAX(visible, used));
	report_loss(rc, have, visible);
}

/* Declares the starting point to those who outlive this worker; only then may it be shown. */
static int settle_keepers(struct recovery *rc)
{
	struct store *s = rc->s;
	int r;

	if (s->ks->used >= REVISION_LIMIT - 1) {
		note_add(&rc->report->note,
			 "revisions are used up: stop meshd and its clients, remove the state "
			 "folder's files 'revision' and 'objects*', start again");
		return -EOVERFLOW;
	}
	if (s->reserve.fd >= 0) {
		r = reserve_extend(&s->reserve, s->ks->current, s->ks->used, rc->now_ms);
		if (r < 0)
			note_add(&rc->report->note,
				 "cannot reserve revisions in the file 'revision': %s",
				 strerror(-r));
	}
	r = s->has_journal ? journal_skip(&s->journal, s->ks->current) : 0;
	if (r < 0)
		return r;
	if (s->stored != 0 && rc->report->source == STORE_WHOLE)
		return 0;
	if (store_save(s, rc->now_ms) < 0)
		note_add(&rc->report->note, "%s", s->problem.text);
	return 0;
}

static void report_fill(struct recovery *rc)
{
	const struct keyspace *ks = rc->s->ks;

	rc->report->keys = ks_count(ks);
	rc->report->history = ks_history_count(ks);
	rc->report->revision = ks_revision(ks);
}

int store_recover(struct store *s, const struct store_options *options, uint64_t now_ms,
		  struct store_report *report)
{
	struct recovery rc = {
		.s = s,
		.report = report,
		.now_ms = now_ms < REVISION_LIMIT / 2 ? now_ms : 0,
	};
	int r;

	r = reserve_open(&s->reserve, options->dirfd, options->boot_id, s->objects.io,
			 &rc.reserve_exact, &report->note);
	rc.reserve_valid = r == 0;
	r = recover_objects(&rc, options);
	if (r == 0)
		r = recover_journal(&rc, options);
	if (r < 0)
		return r;
	settle_revision(&rc);
	ks_trim(s->ks, now_ms);
	r = settle_keepers(&rc);
	if (r < 0)
		return r;
	report_fill(&rc);
	return 0;
}
