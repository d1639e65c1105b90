/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mesh files that the plugin knows: which there are, what each last held, which of them have to
 * be read again. A file that cannot be read keeps its last good content; one that never was good
 * since we started makes what it may hold unknown, so that nothing is deleted because of it.
 * Opens files, but waits for nothing; one file is read per call, so that the loop goes on.
 */
#ifndef FILE_FILES_H
#define FILE_FILES_H

#include <sys/stat.h>

#include "paths.h"
#include "set.h"

struct file {
	char *path;		/* owned */
	struct content *good;	/* what counts, with lost resources kept; NULL: never was good */
	struct content *latest; /* what was read last, for its findings; may be the same */
	struct stat id;		/* as of the last reading */
	uint64_t text_hash;	/* 0: could not be read */
	uint64_t told;		/* hash of the findings last reported, 0 for none */
	bool dirty;		/* is to be read */
	bool read;		/* was read at least once */
	bool first;		/* was there when we started */
	bool racy; /* changed so shortly before it was read that it may change unseen */
};

struct files {
	struct file **list; /* owned; sorted by path */
	size_t n;
	size_t max_size;
	size_t next; /* where the search for marked files goes on */
	char **missing; /* owned: configured paths that were not there at the start, nor since */
	size_t n_missing;
	bool scanned;	 /* at least once */
	bool unreadable; /* a directory could not be read */
};

void files_init(struct files *f, size_t max_size);
void files_deinit(struct files *f);

/*
 * Takes over a new list of paths and marks what seems changed; is_busy says of which files it is
 * too early to say. Calls gone for each file that is no more. 0 or -ENOMEM.
 */
int files_update(struct files *f, const struct path_list *paths,
		 bool (*is_busy)(void *arg, const char *path),
		 void (*gone)(void *arg, const char *path), void *arg);

/* Marks every file, as if all had changed. */
void files_mark_all(struct files *f);

/* Reads the next marked file. 1: one was read; 0: none is left; -ENOMEM. */
int files_read_next(struct files *f);

/* What all good contents make together. 0 or -ENOMEM. */
int files_set(const struct files *f, struct set *ret_set);

/* Whether there may be resources of this kind in files that could not be read. */
bool files_incomplete(const struct files *f, enum kind kind);

/* Files that cannot be read or hold a resource that cannot. */
size_t files_broken(const struct files *f);

#endif
