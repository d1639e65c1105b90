/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole check of a meshd.yaml: used by `meshd --check`, by the check child (`meshd --role check`) before
 * every start and reload, and by `meshctl check`.  No side effects; needs no daemon and no privilege.
 */
#ifndef MESHD_CONFIG_CHECK_H
#define MESHD_CONFIG_CHECK_H

#include "buf.h"
#include "conf.h"

/*
 * Reads and checks the file: syntax, our schema, both plugins' schemas and their own checks, then what
 * concerns several values.  `fd` is open for reading and borrowed; -1: the file is opened by `name`, which is
 * what messages call it in any case.
 * 0: *ret_conf is complete; 1: mistakes, one line each appended to `ret_diag` (nothing else is ever appended);
 * negative errno: out of memory.
 */
int check_config(int fd, const char *name, struct conf **ret_conf, struct buf *ret_diag);

#endif
