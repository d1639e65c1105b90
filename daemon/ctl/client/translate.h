/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `meshctl translate [--each] [--report] FILE|DIR…`: the translation without a daemon.
 */
#ifndef MESHCTL_TRANSLATE_H
#define MESHCTL_TRANSLATE_H

/* argv[0] is "translate".  Prints by itself; returns the exit code of DESIGN 8. */
int translate_main(int argc, char **argv);

#endif
