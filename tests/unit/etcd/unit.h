/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every unit test of this room includes: cmocka with the headers that it needs before it.
 */
#ifndef TEST_ETCD_UNIT_H
#define TEST_ETCD_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h must follow the four above. */
#include <cmocka.h>

#include <string.h>

#include "fakehost.h"

extern const struct mesh_plugin mesh_plugin;

#endif
