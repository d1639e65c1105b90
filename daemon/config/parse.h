/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first step of the check: the bytes of a meshd.yaml, read within bounds and made a tree.
 */
#ifndef MESHD_CONFIG_PARSE_H
#define MESHD_CONFIG_PARSE_H

#include "load.h"

#define PARSE_FILE_MAX ((size_t)1 << 20)	/* bytes of a meshd.yaml */

/* Reads `fd` (borrowed), or the file of name l->file if it is -1.  The tree (doc_free), or NULL with the mistake
 * in l->diag, or l->error set.  Keys that stand twice are in l->diag and in l->duplicates, and do not hinder. */
struct doc *parse_config(struct load *l, int fd);

#endif
