/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every unit test of this room includes: cmocka with the headers that it needs before it, and
 * one comparison of a buffer with a string. A failed comparison ends the test with both texts.
 */
#ifndef WIRE_UNIT_H
#define WIRE_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h must follow the four above. */
#include <cmocka.h>

#include "buf.h"

#define assert_buf(b, text)                                  \
	do {                                                 \
		assert_int_equal(buf_error(b), 0);           \
		assert_string_equal(buf_str(b), text);       \
		assert_int_equal((b)->len, strlen(text));    \
	} while (0)

#endif
