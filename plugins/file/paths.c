/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks directories. Depth and number are bounded, so that a link that leads back up ends as a
 * problem with a sentence instead of without an end. Beside the files it notes where to watch: each
 * directory walked, the directory of each named path, that of what a link points to, and for a path
 * that does not exist the nearest directory that does.
 */
#include "paths.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static int add_file(struct path_list *l, const char *path)
{
	const char *copy = arena_strdup(&l->arena, path);

	return copy == NULL ? -ENOMEM : buf_append(&l->file_buf, &copy, sizeof copy);
}

static int add_problem(struct path_list *l, const char *path, const char *why,
		       enum path_trouble trouble)
{
	struct path_problem p = {
		.path = arena_strdup(&l->arena, path),
		.why = arena_strdup(&l->arena, why),
		.trouble = trouble,
	};

	if (p.path == NULL || p.why == NULL)
		return -ENOMEM;
	return buf_append(&l->problem_buf, &p, sizeof p);
}

static int add_watch(struct path_list *l, const char *dir, const char *name)
{
	struct path_watch w = { .dir = arena_strdup(&l->arena, dir) };

	if (name != NULL)
		w.name = arena_strdup(&l->arena, name);
	if (w.dir == NULL || (name != NULL && w.name == NULL))
		return -ENOMEM;
	return buf_append(&l->watch_buf, &w, sizeof w);
}

/* "a//b/./c/" -> "a/b/c": one file has one name, however it was written. */
static char *tidy(struct arena *arena, const char *path)
{
	char *out = arena_strdup(arena, path), *w = out;
	const char *p = path;

	if (out == NULL)
		return NULL;
	while (*p != '\0') {
		if (p[0] == '.' && (p[1] == '/' || p[1] == '\0') && (p == path || p[-1] == '/')) {
			p += p[1] == '/' ? 2 : 1;
			continue;
		}
		if (*p != '/' || w == out || w[-1] != '/')
			*w++ = *p;
		p++;
	}
	while (w > out + 1 && w[-1] == '/')
		w--;
	*w = '\0';
	if (w > out && out[0] == '/' && path[0] != '/') /* ".//a" */
		memmove(out, out + 1, strlen(out));
	return *out == '\0' ? arena_strdup(arena, ".") : out;
}

/* Cuts a path into its directory and the name in it. The path is changed. */
static const char *split(char *path, const char **ret_name)
{
	char *slash = strrchr(path, '/');

	if (slash == NULL) {
		*ret_name = path;
		return ".";
	}
	*ret_name = slash + 1;
	if (slash == path)
		return "/";
	*slash = '\0';
	return path;
}

/* The entry of the nearest existing directory on the way to path. */
static int watch_way(struct path_list *l, const char *path)
{
	char *copy = arena_strdup(&l->arena, path);
	const char *name, *dir;
	struct stat st;

	if (copy == NULL)
		return -ENOMEM;
	for (;;) {
		dir = split(copy, &name);
		if (stat(dir, &st) == 0 && S_ISDIR(st.st_mode))
			return add_watch(l, dir, name);
		if (dir != copy)
			return 0;
	}
}

/* Where a link leads can change without the link changing. */
static int watch_target(struct path_list *l, const char *path)
{
	_cleanup_free_ char *real = NULL;
	struct stat st;

	if (lstat(path, &st) < 0 || !S_ISLNK(st.st_mode))
		return 0;
	real = realpath(path, NULL);
	return real != NULL ? watch_way(l, real) : 0;
}

static bool has_ending(const char *name, const char *ending)
{
	size_t n = strlen(name), e = strlen(ending);

	return n > e && strcmp(name + n - e, ending) == 0;
}

static bool is_mesh_file(const char *name)
{
	return has_ending(name, ".yaml") || has_ending(name, ".yml") || has_ending(name, ".json");
}

/* The directories on the way down to the one at hand. */
struct level {
	const struct level *above; /* NULL: this one was given */
	unsigned depth;
	dev_t dev;
	ino_t ino;
};

static int walk(struct path_list *l, const char *dir, const struct stat *st,
		const struct level *above);

static int take_entry(struct path_list *l, const char *dir, const char *name,
		      const struct level *level)
{
	char path[PATH_MAX];
	struct stat st;
	int n, r = 0;

	if (name[0] == '.')
		return 0;
	n = snprintf(path, sizeof path, "%s/%s", strcmp(dir, "/") == 0 ? "" : dir, name);
	if (n < 0 || (size_t)n >= sizeof path)
		return add_problem(l, dir, "holds a name that makes the path too long",
				   PATH_LEFT_OUT);
	if (stat(path, &st) < 0) /* gone meanwhile, or a link to nothing */
		return is_mesh_file(name) && errno != ENOENT
			       ? add_problem(l, path, strerror(errno), PATH_UNREADABLE)
			       : watch_target(l, path);
	if (!S_ISDIR(st.st_mode) && !is_mesh_file(name))
		return 0;
	r = watch_target(l, path);
	if (r < 0)
		return r;
	if (S_ISDIR(st.st_mode))
		return walk(l, path, &st, level);
	if (l->file_buf.len / sizeof(char *) >= PATHS_FILES)
		return add_problem(l, path, "is left out: too many files", PATH_UNREADABLE);
	return add_file(l, path);
}

static void closedirp(DIR **d)
{
	if (*d != NULL)
		closedir(*d);
}

static bool is_above(const struct level *level, const struct stat *st)
{
	for (; level != NULL; level = level->above) {
		if (level->dev == st->st_dev && level->ino == st->st_ino)
			return true;
	}
	return false;
}

static int walk(struct path_list *l, const char *dir, const struct stat *st,
		const struct level *above)
{
	struct level level = { above, above != NULL ? above->depth + 1 : 1, st->st_dev,
			       st->st_ino };
	_cleanup_(closedirp) DIR *d = NULL;
	struct dirent *entry;
	char why[128];
	int r;

	if (is_above(above, st))
		return add_problem(l, dir, "is left out: it leads back to a directory above it",
				   PATH_LEFT_OUT);
	if (level.depth > PATHS_DEPTH)
		return add_problem(l, dir, "is left out: too many directories within each other",
				   PATH_LEFT_OUT);
	r = add_watch(l, dir, NULL);
	if (r < 0)
		return r;
	d = opendir(dir);
	if (d == NULL) {
		snprintf(why, sizeof why, "cannot be read: %s", strerror(errno));
		return add_problem(l, dir, why, PATH_UNREADABLE);
	}
	while (r == 0 && (entry = readdir(d)) != NULL)
		r = take_entry(l, dir, entry->d_name, &level);
	return r;
}

static int scan_path(struct path_list *l, const char *given)
{
	const char *path = tidy(&l->arena, given);
	struct stat st;
	char why[128];
	int r;

	if (path == NULL)
		return -ENOMEM;
	r = watch_way(l, path);
	if (r == 0)
		r = watch_target(l, path);
	if (r < 0)
		return r;
	if (stat(path, &st) < 0) {
		bool missing = errno == ENOENT || errno == ENOTDIR;

		if (missing)
			return add_problem(l, path, "does not exist", PATH_MISSING);
		snprintf(why, sizeof why, "cannot be read: %s", strerror(errno));
		return add_problem(l, path, why, PATH_UNREADABLE);
	}
	return S_ISDIR(st.st_mode) ? walk(l, path, &st, NULL) : add_file(l, path);
}

static int path_compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int problem_compare(const void *a, const void *b)
{
	return strcmp(((const struct path_problem *)a)->path,
		      ((const struct path_problem *)b)->path);
}

static int watch_compare(const void *a, const void *b)
{
	return strcmp(((const struct path_watch *)a)->dir, ((const struct path_watch *)b)->dir);
}

static void finish_files(struct path_list *l)
{
	size_t n = 0, all = l->file_buf.len / sizeof *l->files;

	l->files = (const char **)(void *)l->file_buf.data;
	if (all > 0)
		qsort(l->files, all, sizeof *l->files, path_compare);
	for (size_t i = 0; i < all; i++) {
		if (n == 0 || strcmp(l->files[n - 1], l->files[i]) != 0)
			l->files[n++] = l->files[i];
	}
	l->n_files = n;
}

static void finish(struct path_list *l)
{
	finish_files(l);
	l->problems = (struct path_problem *)(void *)l->problem_buf.data;
	l->n_problems = l->problem_buf.len / sizeof *l->problems;
	if (l->n_problems > 0)
		qsort(l->problems, l->n_problems, sizeof *l->problems, problem_compare);
	l->watches = (struct path_watch *)(void *)l->watch_buf.data;
	l->n_watches = l->watch_buf.len / sizeof *l->watches;
	if (l->n_watches > 0)
		qsort(l->watches, l->n_watches, sizeof *l->watches, watch_compare);
}

int paths_scan(const char *const *paths, size_t n, struct path_list *ret_list)
{
	int r = 0;

	*ret_list = (struct path_list){ 0 };
	arena_init(&ret_list->arena, 0);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = scan_path(ret_list, paths[i]);
	finish(ret_list);
	return r;
}

void paths_deinit(struct path_list *list)
{
	arena_deinit(&list->arena);
	buf_deinit(&list->file_buf);
	buf_deinit(&list->problem_buf);
	buf_deinit(&list->watch_buf);
	*list = (struct path_list){ 0 };
}
