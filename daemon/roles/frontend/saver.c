/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When the key space goes to disk: SAVE_DELAY after the first change that is not there, so that a
 * burst costs one write, and at once when the journal fills up; written in slices.  A disk that
 * refuses is told once and tried again every SAVE_RETRY; serving goes on from memory and journal.
 * After a start the older history comes from the disk, file by file, once the first clients are served.
 */
#include <time.h>

#include "log.h"
#include "private.h"

LOG_MODULE("frontend");

#define SAVE_DELAY_MS 1000
#define SAVE_RETRY_MS 10000
#define TICK_MS 5000
#define RECALL_DELAY_MS 200
#define RECALL_PAUSE_MS 20	/* a file takes about as long to load */
#define PRESSURE_PERCENT 75

uint64_t frontend_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void save_ended(struct frontend *f, int r)
{
	if (r < 0 && !f->save_failed)
		(void)log_err_errno(r, "the object store cannot be written (%s); serving goes on from memory, "
				    "trying again every %d s", store_problem(f->store), SAVE_RETRY_MS / 1000);
	if (r == 0 && f->save_failed)
		log_info("the object store is written again");
	f->save_failed = r < 0;
	if (r < 0)
		loop_timer_set(&f->save, SAVE_RETRY_MS);
	else if (store_dirty(f->store))
		loop_timer_set(&f->save, SAVE_DELAY_MS);
}

/* One slice per turn of the loop; clients are served in between. */
static void on_save(struct loop_timer *timer)
{
	struct frontend *f = container_of(timer, struct frontend, save);
	int r = 0;

	if (!store_saving(f->store))
		r = store_save_begin(f->store, frontend_now_ms());
	if (r >= 0)
		r = store_save_step(f->store);
	if (r == STORE_MORE)
		loop_timer_set(timer, 0);
	else
		save_ended(f, r);
}

static void on_tick(struct loop_timer *timer)
{
	struct frontend *f = container_of(timer, struct frontend, tick);

	store_tick(f->store, frontend_now_ms());
	if (store_dirty(f->store) && !loop_timer_running(&f->save))
		saver_note(f);
	loop_timer_set(timer, TICK_MS);
}

static void on_recall(struct loop_timer *timer)
{
	struct frontend *f = container_of(timer, struct frontend, recall);
	int r = store_recall_step(f->store);

	if (r == STORE_MORE)
		loop_timer_set(timer, RECALL_PAUSE_MS);
	else if (r < 0)
		loop_timer_set(timer, SAVE_RETRY_MS);
	else
		frontend_log_note(store_recalled(f->store));
}

void saver_note(struct frontend *f)
{
	bool urgent = store_pressure(f->store) >= PRESSURE_PERCENT && !f->save_failed && !store_saving(f->store);

	if (urgent || !loop_timer_running(&f->save))
		loop_timer_set(&f->save, urgent ? 0 : SAVE_DELAY_MS);
}

int saver_init(struct frontend *f)
{
	int r = loop_timer_init(&f->save, worker_base(f->hosted.worker), on_save);

	if (r == 0)
		r = loop_timer_init(&f->tick, worker_base(f->hosted.worker), on_tick);
	if (r == 0)
		r = loop_timer_init(&f->recall, worker_base(f->hosted.worker), on_recall);
	if (r == 0) {
		loop_timer_set(&f->tick, TICK_MS);
		loop_timer_set(&f->recall, RECALL_DELAY_MS);
	}
	return r;
}

void saver_deinit(struct frontend *f)
{
	loop_timer_deinit(&f->save);
	loop_timer_deinit(&f->tick);
	loop_timer_deinit(&f->recall);
}
