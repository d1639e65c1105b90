/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `meshctl translate [--each] [--report] FILE|DIR…`: the translation without a daemon.
 */
#ifndef MESHCTL_TRANSLATE_H
#define MESHCTL_TRANSLATE_H

#include <stdbool.h>
#include <stddef.h>

/* argv[0] is "translate".  Prints by itself; returns the exit code of DESIGN 8. */
int translate_main(int argc, char **argv);

struct offline;	/* of the translation */

/*
 * The mesh of these files and folders, translated; the caller frees it. *ret_unreadable: something could not be
 * read (said on stderr), the rest is there.  0 or negative errno.
 */
int translate_mesh(const char *const *paths, size_t n, struct offline **ret_offline, bool *ret_unreadable);

#endif
