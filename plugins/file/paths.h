/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the paths of a configuration or command line to the files they mean: files as named, and of
 * directories everything below that ends in .yaml, .yml or .json, hidden names left out. Symbolic
 * links are followed. The result is sorted by path, whatever the order of the arguments.
 * Used by the plugin, which also wants to know where to watch, and by `meshctl translate`.
 */
#ifndef FILE_PATHS_H
#define FILE_PATHS_H

#include <stdbool.h>

#include "arena.h"
#include "buf.h"

#define PATHS_DEPTH 32 /* directories within each other */
#define PATHS_FILES 100000

enum path_trouble {
	PATH_MISSING,	 /* a given path where there is nothing (yet) */
	PATH_UNREADABLE, /* there may be files that we do not see */
	PATH_LEFT_OUT,	 /* on purpose */
};

struct path_problem {
	const char *path, *why;
	enum path_trouble trouble;
};

/* A place whose changes may change the list. */
struct path_watch {
	const char *dir;
	const char *name; /* only this entry of it matters; NULL: all do */
};

struct path_list {
	const char **files; /* sorted, each once */
	size_t n_files;
	struct path_problem *problems;
	size_t n_problems;
	struct path_watch *watches; /* sorted by dir; a dir may stand several times */
	size_t n_watches;

	/* private */
	struct arena arena;
	struct buf file_buf, problem_buf, watch_buf;
};

/* Walks the paths. What cannot be read is a problem, no error. 0 or -ENOMEM; deinit in either case.
 */
int paths_scan(const char *const *paths, size_t n, struct path_list *ret_list);
void paths_deinit(struct path_list *list);

#endif
