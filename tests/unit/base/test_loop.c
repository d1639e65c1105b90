/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watchers: switched on and off, ended inside their own callbacks, never init'ed.
 */
#include "unit.h"

#include <signal.h>
#include <unistd.h>

#include "loop.h"

struct box {
	struct event_base *base;
	struct loop_io io;
	struct loop_timer timer;
	struct loop_signal sig;
	unsigned reads, fired, signals;
	bool end_inside;
	int fds[2];
};

static void on_read(struct loop_io *io, short what)
{
	struct box *b = container_of(io, struct box, io);

	assert_int_equal(what & EV_READ, EV_READ);
	b->reads++;
	if (b->end_inside)
		loop_io_deinit(io);
}

static void on_timer(struct loop_timer *timer)
{
	struct box *b = container_of(timer, struct box, timer);

	b->fired++;
	if (b->end_inside)
		loop_timer_deinit(timer);
}

static void on_signal(struct loop_signal *sig)
{
	container_of(sig, struct box, sig)->signals++;
}

static int setup(void **state)
{
	struct box *b = test_calloc(1, sizeof *b);

	*state = b;
	assert_int_equal(loop_new(&b->base), 0);
	return pipe(b->fds);
}

static int teardown(void **state)
{
	struct box *b = *state;

	loop_io_deinit(&b->io);
	loop_timer_deinit(&b->timer);
	loop_signal_deinit(&b->sig);
	loop_free(b->base);
	close(b->fds[0]);
	close(b->fds[1]);
	test_free(b);
	return 0;
}

static void turn(struct box *b)
{
	event_base_loop(b->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

static void test_io(void **state)
{
	struct box *b = *state;

	assert_int_equal(loop_io_init(&b->io, b->base, b->fds[0], EV_READ, on_read), 0);
	turn(b);
	assert_int_equal(b->reads, 0);
	assert_int_equal(write(b->fds[1], "x", 1), 1);
	turn(b);
	turn(b);
	assert_int_equal(b->reads, 2);
	loop_io_set(&b->io, false);
	loop_io_set(&b->io, false);
	turn(b);
	assert_int_equal(b->reads, 2);
	loop_io_set(&b->io, true);
	turn(b);
	assert_int_equal(b->reads, 3);
	b->end_inside = true;
	turn(b);
	turn(b);
	assert_int_equal(b->reads, 4);
	loop_io_set(&b->io, true);
}

static void test_timer(void **state)
{
	struct box *b = *state;

	assert_int_equal(loop_timer_init(&b->timer, b->base, on_timer), 0);
	assert_false(loop_timer_running(&b->timer));
	loop_timer_set(&b->timer, 0);
	assert_true(loop_timer_running(&b->timer));
	event_base_loop(b->base, EVLOOP_ONCE);
	assert_int_equal(b->fired, 1);
	assert_false(loop_timer_running(&b->timer));
	loop_timer_set(&b->timer, 0);
	loop_timer_cancel(&b->timer);
	turn(b);
	assert_int_equal(b->fired, 1);
	loop_timer_set(&b->timer, 3600000);
	turn(b);
	assert_int_equal(b->fired, 1);
	b->end_inside = true;
	loop_timer_set(&b->timer, 0);
	event_base_loop(b->base, EVLOOP_ONCE);
	assert_int_equal(b->fired, 2);
	loop_timer_cancel(&b->timer);
	assert_false(loop_timer_running(&b->timer));
}

static void test_signal(void **state)
{
	struct box *b = *state;

	assert_int_equal(loop_signal_init(&b->sig, b->base, SIGUSR1, on_signal), 0);
	raise(SIGUSR1);
	event_base_loop(b->base, EVLOOP_ONCE);
	assert_int_equal(b->signals, 1);
	assert_int_equal(b->sig.signo, SIGUSR1);
}

static void test_never_initialised(void **state)
{
	struct loop_io io = { 0 };
	struct loop_timer timer = { 0 };
	struct loop_signal sig = { 0 };

	loop_io_deinit(&io);
	loop_timer_deinit(&timer);
	loop_signal_deinit(&sig);
	assert_null(loop_free(NULL));
}

static void test_clock(void **state)
{
	int64_t a = loop_now_ms(), b = loop_now_ms();

	assert_true(a > 0 && b >= a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_io, setup, teardown),
		cmocka_unit_test_setup_teardown(test_timer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_signal, setup, teardown),
		cmocka_unit_test(test_never_initialised),
		cmocka_unit_test(test_clock),
	};

	return cmocka_run_group_tests_name("base/loop", tests, NULL, NULL);
}
