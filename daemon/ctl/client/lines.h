/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The output of `meshctl translate`: lines of JSON objects, put in order and given a first member.
 */
#ifndef MESHCTL_LINES_H
#define MESHCTL_LINES_H

#include <stdbool.h>
#include <stdio.h>

#include "buf.h"

/*
 * Prints the lines of text, each an object without white space in front. sort: in the order of
 * their bytes, each once; else as they stand. file: NULL, or the value of a member "file" that
 * becomes the first of each. Returns 0, -ENOMEM, or the negative errno of a stream that cannot be
 * written.
 */
int lines_print(struct buf *text, bool sort, const char *file, FILE *stream);

#endif
