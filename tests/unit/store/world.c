/* SPDX-License-Identifier: Apache-2.0 */
/* Lives and ends of a store: see world.h.  A failure of the system fails the test. */
#include "world.h"

#include <stdlib.h>
#include <string.h>

static void journal_renew(struct world *w)
{
	memset(w->journal, 0, JOURNAL_SIZE);
}

void world_make(struct world *w)
{
	*w = (struct world){ .store = NULL };
	scratch_make(&w->dir);
	w->journal = aligned_alloc(4096, JOURNAL_SIZE);
	assert_non_null(w->journal);
	journal_renew(w);
	w->options = (struct store_options){
		.dirfd = w->dir.fd,
		.boot_id = "boot-1",
		.journal = w->journal,
		.journal_size = JOURNAL_SIZE,
	};
}

void world_remove(struct world *w)
{
	store_free(w->store);
	free(w->journal);
	scratch_remove(&w->dir);
}

void start_at(struct world *w, uint64_t now_ms)
{
	assert_int_equal(store_open(&w->options, now_ms, &w->store, &w->report), 0);
	w->ks = store_keys(w->store);
}

void start(struct world *w)
{
	start_at(w, NOW_MS);
}

void killed(struct world *w)
{
	w->store = store_free(w->store);
}

void all_killed(struct world *w)
{
	killed(w);
	journal_renew(w);
}

void machine_died(struct world *w)
{
	all_killed(w);
	w->options.boot_id = "boot-2";
}

void ended(struct world *w)
{
	assert_int_equal(store_close(w->store, NOW_MS), 0);
	w->store = NULL;
	journal_renew(w);
	w->options.boot_id = "boot-3";
}

void assert_start(struct world *w, enum store_source source)
{
	start(w);
	if (w->report.source != source)
		fail_msg("source %d instead of %d: %s", w->report.source, source,
			 w->report.note.text);
	if (source == STORE_WHOLE)
		assert_string_equal(w->report.note.text, "");
}

void recall(struct world *w)
{
	int r;

	while ((r = store_recall_step(w->store)) == STORE_MORE)
		;
	assert_int_equal(r, 0);
}

int nothing(const struct txn *t, void *arg)
{
	return 0;
}

void assert_cancelled(struct world *w, uint64_t seen)
{
	assert_true(ks_revision(w->ks) > seen + 1);
	assert_int_equal(ks_replay(w->ks, seen + 1, nothing, NULL), KS_COMPACTED);
	assert_int_equal(ks_replay(w->ks, ks_revision(w->ks) + 1, nothing, NULL), 0);
	assert_int_equal(ks_replay(w->ks, ks_revision(w->ks), nothing, NULL), 0);
}

void fill(struct world *w, uint64_t count)
{
	char value[1000];

	memset(value, 'v', sizeof value);
	value[sizeof value - 1] = '\0';
	for (uint64_t i = 0; i < count; i++) {
		value[0] = (char)('a' + i % 20);
		put_one(w->ks, "big", value);
	}
}

bool no_secrets(void *ctx, const struct blob *key, const struct blob *value)
{
	return value->size < 6 || memcmp(value->data, "secret", 6) != 0;
}
