/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmocka with the headers that it needs before it, for the tests of this room.
 */
#ifndef BASE_UNIT_H
#define BASE_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h must follow the four above. */
#include <cmocka.h>

#endif
