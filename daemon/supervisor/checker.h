/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The child's half of a check, for main(): `meshd --role check FILE` with the result's descriptor at 3
 * and the opened file at 4.
 */
#ifndef MESHD_SUPERVISOR_CHECKER_H
#define MESHD_SUPERVISOR_CHECKER_H

/* Checks the file that messages call `name` and writes the result.  The process's exit status. */
int check_child_main(const char *name);

#endif
