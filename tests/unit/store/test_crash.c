/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Workers that are killed.  First a journal's writer is stopped after EVERY machine instruction
 * (ptrace), and a successor opens a copy of what is there.  Then 50 workers in a row commit, save
 * and are killed by SIGKILL at random moments; after each, every revision that one of them had
 * reported is there with its value, with all the history, and none ever means two values.
 */
#include "helper.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "journal.h"
#include "store.h"

/* ---- every instruction ---- */

struct stepped {
	uint64_t visible;	/* what the writer would have told a watcher */
	uint64_t dropped;	/* up to here it was told to forget */
};

static void *shared(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(memory, MAP_FAILED);
	return memory;
}

static struct txn *make_txn(uint64_t revision)
{
	struct txn *t = txn_new(revision, NOW_MS, 1);

	t->events[0].key = blob_new("/apisix/routes/1", 16);
	t->events[0].value = blob_new(&revision, sizeof revision);
	txn_seal(t);
	return t;
}

/* Two commits, a save that ends between them, and the end of a ring. */
static void stepped_writer(struct journal *j, struct stepped *st, struct txn *const *txns)
{
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	raise(SIGSTOP);
	for (uint64_t i = 0; i < 3; i++) {
		uint64_t revision = txns[i]->revision;

		if (journal_take(j, revision) != 0 ||
		    journal_append(j, txns[i], revision - 1, 0) != 0)
			_exit(1);
		__atomic_store_n(&st->visible, revision, __ATOMIC_SEQ_CST);
		if (i != 1)
			continue;
		__atomic_store_n(&st->dropped, revision, __ATOMIC_SEQ_CST);
		if (journal_trim(j, revision) != 0)
			_exit(1);
	}
	_exit(0);
}

struct chain {
	uint64_t last;
	size_t count;
};

static int check_chain(const struct journal_record *record, void *arg)
{
	struct journal_record r = *record;
	struct chain *c = arg;
	struct journal_change change;

	if (c->count > 0)
		assert_int_equal(r.previous, c->last);
	assert_true(journal_next_change(&r, &change));
	assert_int_equal(change.value_size, sizeof r.revision);
	assert_memory_equal(change.value, &r.revision, sizeof r.revision);
	c->last = r.revision;
	c->count++;
	return 0;
}

static void check_moment(const uint8_t *copy, const struct stepped *st, size_t size)
{
	struct chain c = { 0 };
	struct journal j;

	assert_int_equal(journal_open(&j, (void *)(uintptr_t)copy, size), 0);
	assert_int_equal(journal_walk(&j, check_chain, &c), 0);
	assert_true(j.state.committed >= st->visible);
	assert_true(j.state.used >= j.state.committed);
	if (c.count > 0)
		assert_int_equal(c.last, j.state.committed);	/* no hole at the end */
	else
		assert_true(j.state.committed <= MAX(st->dropped, 10));
	if (c.count > 0 && st->visible > st->dropped)
		assert_true(c.last >= st->visible);
}

/* Steps the child to its end; false: this system does not let us trace. */
static bool step_through(pid_t child, const uint8_t *memory, const struct stepped *st, size_t size,
			 size_t *ret_moments)
{
	uint8_t *last = malloc(size), *copy = aligned_alloc(4096, size);
	int status = 0;

	memset(last, 0, size);
	*ret_moments = 0;
	assert_int_equal(waitpid(child, &status, 0), child);
	while (WIFSTOPPED(status)) {
		if (memcmp(last, memory, size) != 0) {
			memcpy(last, memory, size);
			memcpy(copy, memory, size);
			check_moment(copy, st, size);
			(*ret_moments)++;
		}
		if (ptrace(PTRACE_SINGLESTEP, child, NULL, NULL) < 0) {
			kill(child, SIGKILL);
			waitpid(child, &status, 0);
			break;
		}
		assert_int_equal(waitpid(child, &status, 0), child);
	}
	free(last);
	free(copy);
	if (!WIFEXITED(status))
		return false;
	assert_int_equal(WEXITSTATUS(status), 0);
	return true;
}

static void test_every_instruction(void **state)
{
	const size_t size = JOURNAL_SIZE_MIN;
	uint8_t *memory = shared(size);
	struct stepped *st = shared(sizeof *st);
	struct txn *txns[3];
	struct journal j;
	size_t moments = 0;
	pid_t child;
	bool traced;

	assert_int_equal(journal_open(&j, memory, size), JOURNAL_FRESH);
	assert_int_equal(journal_skip(&j, 10), 0);
	st->visible = st->dropped = 10;
	for (uint64_t i = 0; i < 3; i++)
		txns[i] = make_txn(11 + i);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		stepped_writer(&j, st, txns);
	traced = step_through(child, memory, st, size, &moments);
	for (int i = 0; i < 3; i++)
		txn_unref(txns[i]);
	munmap(memory, size);
	munmap(st, sizeof *st);
	if (!traced)
		skip();
	assert_true(moments > 60);
}

/* ---- random moments ---- */

#define ROUNDS 50
#define JOURNAL_SIZE (256u << 10)
#define REVISIONS 200000u

struct told {
	uint64_t revision, value;
};

struct world {
	struct scratch dir;
	struct store_options options;
	uint64_t base;
	uint64_t *meaning;	/* of each revision since base: its value, 0: not seen yet */
	uint64_t newest;	/* that was reported */
	uint64_t compacted;	/* before all of them: nothing may be forgotten */
};

/* The worker: commits unique values, tells each revision once it is visible, saves now and then. */
static void work(const struct world *w, int fd, unsigned round)
{
	struct store_report report;
	struct store *s = NULL;

	if (store_open(&w->options, NOW_MS + round, &s, &report) != 0 ||
	    report.source != STORE_WHOLE)
		_exit(2);
	for (uint64_t i = 1;; i++) {
		struct told told = { .value = (uint64_t)round << 32 | i };
		struct blob *b = blob_new(&told.value, sizeof told.value);
		char key = (char)('a' + i % 7);

		if (ks_txn_begin(store_keys(s)) != 0 ||
		    ks_txn_put(store_keys(s), &key, 1, b) != 0 ||
		    ks_txn_commit(store_keys(s), NOW_MS, &told.revision) != 0)
			_exit(3);
		blob_unref(b);
		if (write(fd, &told, sizeof told) != sizeof told)
			_exit(4);
		if (i % 150 == 0 && store_save_begin(s, NOW_MS) != 0)
			_exit(5);
		if (store_save_step(s) < 0)
			_exit(6);
	}
}

static void remember(struct world *w, uint64_t revision, uint64_t value)
{
	uint64_t at = revision - w->base;

	assert_true(at < REVISIONS);
	if (w->meaning[at] != 0)
		assert_int_equal(w->meaning[at], value);
	w->meaning[at] = value;
	w->newest = MAX(w->newest, revision);
}

/* Kills it after a random number of reports and a random moment more; then takes the rest. */
static void kill_at_random(struct world *w, pid_t child, int fd)
{
	long reports = random() % 400;
	volatile unsigned spin = (unsigned)random() % 200000;
	struct told told;
	int status = 0;

	for (long i = 0; i < reports; i++) {
		assert_int_equal(read(fd, &told, sizeof told), sizeof told);
		remember(w, told.revision, told.value);
	}
	while (spin > 0)
		spin--;
	assert_int_equal(kill(child, SIGKILL), 0);
	while (read(fd, &told, sizeof told) == sizeof told)
		remember(w, told.revision, told.value);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
}

struct replayed {
	struct world *w;
	uint64_t count;
};

static int check_txn(const struct txn *t, void *arg)
{
	struct replayed *rp = arg;
	uint64_t value;

	assert_int_equal(t->count, 1);
	assert_int_equal(t->events[0].value->size, sizeof value);
	memcpy(&value, t->events[0].value->data, sizeof value);
	if (rp->w->meaning[t->revision - rp->w->base] != 0)
		rp->count++;
	remember(rp->w, t->revision, value);
	return 0;
}

/* A client that had seen everything that was reported finds it all again, unchanged. */
static void check_successor(struct world *w)
{
	struct replayed rp = { .w = w };
	struct store_report report;
	uint64_t known = 0, from, newest = w->newest;
	struct store *s = NULL;

	assert_int_equal(store_open(&w->options, NOW_MS, &s, &report), 0);
	if (report.source != STORE_WHOLE)
		fail_msg("not whole: %s", report.note.text);
	assert_true(ks_revision(store_keys(s)) >= newest);
	from = w->compacted + 1;
	for (uint64_t r = MAX(from, w->base); r <= newest; r++)
		known += w->meaning[r - w->base] != 0;
	assert_int_equal(ks_replay(store_keys(s), from, check_txn, &rp), 0);
	assert_int_equal(rp.count, known);
	assert_int_equal(ks_compacted(store_keys(s)), w->compacted);
	store_free(s);
}

static void test_random_moments(void **state)
{
	struct store_report report;
	struct store *s = NULL;
	struct world w = { .newest = 0 };

	srandom(5);
	scratch_make(&w.dir);
	w.meaning = calloc(REVISIONS, sizeof w.meaning[0]);
	w.options = (struct store_options){
		.dirfd = w.dir.fd,
		.boot_id = "boot",
		.journal = shared(JOURNAL_SIZE),
		.journal_size = JOURNAL_SIZE,
		.tail_bytes = 20000,	/* some hundred transactions: the rest is in files of its own */
	};
	assert_int_equal(store_open(&w.options, NOW_MS, &s, &report), 0);
	w.base = ks_revision(store_keys(s));
	w.compacted = ks_compacted(store_keys(s));
	store_free(s);
	for (unsigned round = 1; round <= ROUNDS; round++) {
		int ends[2];
		pid_t child;

		assert_int_equal(pipe(ends), 0);
		child = fork();
		assert_true(child >= 0);
		if (child == 0) {
			close(ends[0]);
			work(&w, ends[1], round);
		}
		close(ends[1]);
		kill_at_random(&w, child, ends[0]);
		close(ends[0]);
		check_successor(&w);
	}
	assert_true(w.newest > w.base + ROUNDS);
	munmap(w.options.journal, JOURNAL_SIZE);
	free(w.meaning);
	scratch_remove(&w.dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_instruction),
		cmocka_unit_test(test_random_moments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
