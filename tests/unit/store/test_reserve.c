/* SPDX-License-Identifier: Apache-2.0 */
/* The reservation file: what it promises after orderly ends, kills, reboots and damage. */
#include "helper.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "objects.h"
#include "reserve.h"

static int open_at(const struct scratch *dir, struct reserve *rv, const char *boot, bool *ret_exact,
		   struct note *note)
{
	*note = (struct note){ 0 };
	return reserve_open(rv, dir->fd, boot, &store_io_system, ret_exact, note);
}

static void test_life(void **state)
{
	struct scratch dir;
	struct reserve rv;
	struct note note;
	bool exact = true;

	scratch_make(&dir);
	assert_int_equal(open_at(&dir, &rv, "boot-1", &exact, &note), RESERVE_FRESH);
	assert_false(exact);
	assert_int_equal(reserve_extend(&rv, 50, 60, 5), 0);
	assert_int_equal(rv.state.reserved, 60 + RESERVE_STEP);
	assert_int_equal(reserve_use(&rv, 51), 0);
	reserve_close(&rv);
	assert_int_equal(scratch_mode(&dir, "revision"), 0600);
	assert_int_equal(open_at(&dir, &rv, "boot-1", &exact, &note), 0);	/* killed */
	assert_true(exact);
	assert_int_equal(rv.state.used, 51);
	reserve_close(&rv);
	assert_int_equal(open_at(&dir, &rv, "boot-2", &exact, &note), 0);	/* the machine died */
	assert_false(exact);
	assert_int_equal(rv.state.reserved, 60 + RESERVE_STEP);
	assert_int_equal(reserve_extend(&rv, 51, 51, NOW_MS), 0);
	assert_int_equal(rv.state.reserved, NOW_MS);
	assert_int_equal(reserve_finish(&rv, 52), 0);
	reserve_close(&rv);
	assert_int_equal(open_at(&dir, &rv, "boot-3", &exact, &note), 0);	/* orderly reboot */
	assert_true(exact);
	assert_int_equal(rv.state.used, 52);
	assert_int_equal(reserve_use(&rv, 53), 0);
	reserve_close(&rv);
	assert_int_equal(open_at(&dir, &rv, NULL, &exact, &note), 0);	/* which boot is not known */
	assert_false(exact);
	assert_string_equal(note.text, "");
	reserve_close(&rv);
	scratch_remove(&dir);
}

/* One wrong byte never lowers the bound, and never passes for exact. */
static void test_flips(void **state)
{
	struct scratch dir;
	struct reserve rv;
	struct note note;
	uint8_t *good;
	size_t size = 0;
	bool exact;

	scratch_make(&dir);
	assert_int_equal(open_at(&dir, &rv, "boot", &exact, &note), RESERVE_FRESH);
	assert_int_equal(reserve_extend(&rv, 50, 50, 0), 0);
	reserve_close(&rv);
	good = scratch_read(&dir, "revision", &size);
	assert_non_null(good);
	for (size_t i = 0; i < 128; i++) {
		size_t at = i < 64 ? i : 4096 + i - 64;

		good[at] ^= 0x20;
		scratch_write(&dir, "revision", good, size);
		good[at] ^= 0x20;
		assert_int_equal(open_at(&dir, &rv, "boot", &exact, &note), 0);
		assert_false(exact);
		assert_int_equal(rv.state.reserved, 50 + RESERVE_STEP);
		assert_non_null(strstr(note.text, "damaged"));
		reserve_close(&rv);
	}
	good[0] ^= 1;
	good[4096] ^= 1;
	scratch_write(&dir, "revision", good, size);
	assert_int_equal(open_at(&dir, &rv, "boot", &exact, &note), RESERVE_DAMAGED);
	assert_non_null(strstr(note.text, "above the clock"));
	reserve_close(&rv);
	free(good);
	scratch_remove(&dir);
}

static void test_not_a_file(void **state)
{
	struct scratch dir;
	struct reserve rv;
	struct note note;
	bool exact = true;

	scratch_make(&dir);
	assert_int_equal(mkdirat(dir.fd, "revision", 0700), 0);
	assert_true(open_at(&dir, &rv, "boot", &exact, &note) < 0);
	assert_int_equal(rv.fd, -1);
	assert_false(exact);
	assert_non_null(strstr(note.text, "revision"));
	assert_true(reserve_extend(&rv, 1, 1, 1) < 0);
	assert_true(reserve_use(&rv, 1) < 0);
	assert_int_equal(unlinkat(dir.fd, "revision", AT_REMOVEDIR), 0);
	assert_int_equal(mkfifoat(dir.fd, "revision", 0600), 0);
	assert_true(open_at(&dir, &rv, "boot", &exact, &note) < 0);
	scratch_remove(&dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life),
		cmocka_unit_test(test_flips),
		cmocka_unit_test(test_not_a_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
