/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `meshctl explain --files FILE|DIR [--files …] QUESTION…`: explains a mesh on disk, without a daemon.
 */
#ifndef MESHCTL_EXPLAIN_H
#define MESHCTL_EXPLAIN_H

#include "result.h"

/* Arguments behind the first --files. Fills the result and its exit code. */
void explain_files(int argc, char **argv, struct result *r);

#endif
