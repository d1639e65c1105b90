/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tells the host what is wrong with mesh files: the findings of each file under its path, those
 * about configured paths under "paths". Each origin is told only when its findings changed.
 */
#ifndef FILE_REPORT_H
#define FILE_REPORT_H

#include "files.h"

/* Findings of all files and what is doubled in the set. 0 or -ENOMEM. */
int report_files(struct mesh_host *host, struct files *files, const struct set *set);

/* A file that is no more has no findings. */
void report_gone(struct mesh_host *host, const char *path);

/* Configured paths that cannot be read. *told: hash of what was told before, kept by the caller. */
int report_paths(struct mesh_host *host, const struct path_list *paths, uint64_t *told);

#endif
