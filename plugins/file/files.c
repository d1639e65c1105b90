/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file is read when its status changed (inode, size, times), or when it changed so shortly before
 * it was last read that a further change would not show in its times; then its text is hashed and
 * parsed only if it differs. Two sorted lists, what was known and what is there, are merged. See
 * files.h for what happens to files that cannot be read.
 */
#include "files.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "load.h"
#include "reader.h"

#define RACY_SECONDS 2 /* as coarse as the times of any file system */

void files_init(struct files *f, size_t max_size)
{
	*f = (struct files){ .max_size = max_size };
}

static struct file *file_free(struct file *file)
{
	if (file == NULL)
		return NULL;
	content_unref(file->good);
	content_unref(file->latest);
	free(file->path);
	free(file);
	return NULL;
}
DEFINE_FREEP(struct file *, file_free);

static void missing_clear(struct files *f)
{
	for (size_t i = 0; i < f->n_missing; i++)
		free(f->missing[i]);
	free(f->missing);
	f->missing = NULL;
	f->n_missing = 0;
}

void files_deinit(struct files *f)
{
	for (size_t i = 0; i < f->n; i++)
		file_free(f->list[i]);
	free(f->list);
	missing_clear(f);
	*f = (struct files){ 0 };
}

static int file_new(const char *path, bool first, struct file **ret_file)
{
	_cleanup_(file_freep) struct file *file = calloc(1, sizeof *file);

	if (file == NULL)
		return -ENOMEM;
	file->path = strdup(path);
	if (file->path == NULL)
		return -ENOMEM;
	file->first = first;
	file->dirty = true;
	*ret_file = TAKE(file);
	return 0;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool looks_changed(const struct file *file)
{
	struct stat st;

	if (!file->read || file->racy || stat(file->path, &st) < 0)
		return true;
	return st.st_dev != file->id.st_dev || st.st_ino != file->id.st_ino ||
	       st.st_size != file->id.st_size || st.st_mode != file->id.st_mode ||
	       !same_time(&st.st_mtim, &file->id.st_mtim) ||
	       !same_time(&st.st_ctim, &file->id.st_ctim);
}

/* Whether a known file lies where something could not be read just now. */
static bool is_below_problem(const struct path_list *paths, const char *path)
{
	for (size_t i = 0; i < paths->n_problems; i++) {
		const struct path_problem *p = &paths->problems[i];
		size_t n = strlen(p->path);

		if (p->trouble == PATH_UNREADABLE && strncmp(path, p->path, n) == 0 &&
		    (path[n] == '/' || path[n] == '\0'))
			return true;
	}
	return false;
}

/* The configured paths that never were there: those missing now, of those missing before. */
static int update_missing(struct files *f, const struct path_list *paths)
{
	char **list = calloc(paths->n_problems + 1, sizeof *list);
	size_t n = 0;
	bool before;

	if (list == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < paths->n_problems; i++) {
		before = !f->scanned;
		for (size_t j = 0; j < f->n_missing; j++)
			before = before || strcmp(f->missing[j], paths->problems[i].path) == 0;
		if (paths->problems[i].trouble != PATH_MISSING || !before)
			continue;
		list[n] = strdup(paths->problems[i].path);
		n += list[n] != NULL;
	}
	missing_clear(f);
	f->missing = list;
	f->n_missing = n;
	f->unreadable = false;
	for (size_t i = 0; i < paths->n_problems; i++)
		f->unreadable = f->unreadable || paths->problems[i].trouble == PATH_UNREADABLE;
	return 0;
}

struct update {
	struct files *f;
	const struct path_list *paths;
	bool (*is_busy)(void *arg, const char *path);
	void (*gone)(void *arg, const char *path);
	void *arg;
	struct file **next; /* the new list */
	size_t n;
};

static void keep_or_drop(struct update *u, struct file *file)
{
	if (is_below_problem(u->paths, file->path)) {
		u->next[u->n++] = file;
		return;
	}
	u->gone(u->arg, file->path);
	file_free(file);
}

static void keep(struct update *u, struct file *file)
{
	if (!u->is_busy(u->arg, file->path) && looks_changed(file))
		file->dirty = true;
	u->next[u->n++] = file;
}

static int add(struct update *u, const char *path)
{
	int r;

	if (u->is_busy(u->arg, path))
		return 0; /* it will be found when it is closed */
	r = file_new(path, !u->f->scanned, &u->next[u->n]);
	u->n += r == 0;
	return r;
}

/* Both lists are sorted: one walk finds what is new, what stays and what is gone. */
static int merge(struct update *u)
{
	struct files *f = u->f;
	size_t old = 0, new = 0;
	int c, r = 0;

	while (old < f->n || new < u->paths->n_files) {
		if (old == f->n)
			c = 1;
		else if (new == u->paths->n_files)
			c = -1;
		else
			c = strcmp(f->list[old]->path, u->paths->files[new]);
		if (c == 0)
			keep(u, f->list[old]);
		else if (c < 0)
			keep_or_drop(u, f->list[old]);
		else if (r == 0)
			r = add(u, u->paths->files[new]);
		old += c <= 0;
		new += c >= 0;
	}
	return r;
}

int files_update(struct files *f, const struct path_list *paths,
		 bool (*is_busy)(void *arg, const char *path),
		 void (*gone)(void *arg, const char *path), void *arg)
{
	struct update u = { f, paths, is_busy, gone, arg, NULL, 0 };
	int r;

	u.next = calloc(f->n + paths->n_files + 1, sizeof(struct file *));
	if (u.next == NULL)
		return -ENOMEM;
	r = merge(&u);
	free(f->list);
	f->list = u.next;
	f->n = u.n;
	if (r == 0)
		r = update_missing(f, paths);
	f->scanned = true;
	return r;
}

void files_mark_all(struct files *f)
{
	for (size_t i = 0; i < f->n; i++)
		f->list[i]->dirty = true;
}

/* Puts what was read in the place of what was there. Takes the reference. */
static int file_accept(struct file *file, struct content *take_content)
{
	_cleanup_(content_unrefp) struct content *c = take_content;
	int r;

	if (!c->broken) {
		r = content_keep(c, file->good, file->first);
		if (r < 0)
			return r;
		content_unref(file->good);
		file->good = content_ref(c);
	}
	content_unref(file->latest);
	file->latest = TAKE(c);
	return 0;
}

static bool is_recent(const struct stat *st)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return st->st_ctim.tv_sec >= now.tv_sec - RACY_SECONDS;
}

static int file_parse(struct file *file, const struct buf *text, size_t max_size)
{
	struct reader_limits lim = { .bytes = max_size };
	uint64_t hash = XXH3_64bits(text->data, text->len) | 1; /* 0 stands for none */
	struct content *c;
	int r;

	if (file->read && hash == file->text_hash)
		return 0;
	r = reader_read(file->path, text->len > 0 ? (const char *)text->data : "", text->len, &lim,
			&c);
	if (r == 0)
		r = file_accept(file, c);
	if (r == 0)
		file->text_hash = hash;
	return r;
}

static int file_fail(struct file *file, const char *why)
{
	struct content *c;
	int r = reader_broken(file->path, why, &c);

	file->text_hash = 0;
	return r < 0 ? r : file_accept(file, c);
}

static int file_read(struct file *file, size_t max_size)
{
	_cleanup_(buf_deinit) struct buf text = BUF_INIT;
	struct stat st = { 0 };
	char why[256];
	int r;

	file->dirty = false;
	r = load_text(file->path, max_size, &text, &st, why, sizeof why);
	if (r == -ENOENT || r == -ENOTDIR)
		return 0; /* gone: the next list says so */
	if (r == -ENOMEM)
		return r;
	if (r < 0 && stat(file->path, &st) < 0)
		st = (struct stat){ 0 };
	r = r < 0 ? file_fail(file, why) : file_parse(file, &text, max_size);
	file->id = st;
	file->racy = is_recent(&st);
	file->read = true;
	return r;
}

int files_read_next(struct files *f)
{
	size_t at;
	int r;

	for (size_t i = 0; i < f->n; i++) {
		at = (f->next + i) % f->n;
		if (!f->list[at]->dirty)
			continue;
		f->next = at + 1;
		r = file_read(f->list[at], f->max_size);
		return r < 0 ? r : 1;
	}
	return 0;
}

int files_set(const struct files *f, struct set *ret_set)
{
	_cleanup_free_ struct content **contents = calloc(f->n + 1, sizeof(struct content *));

	if (contents == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < f->n; i++)
		contents[i] = f->list[i]->good;
	return set_build(contents, f->n, ret_set);
}

static bool file_hides(const struct file *file, enum kind kind)
{
	if (file->good == NULL)
		return file->first;
	for (size_t i = 0; i < file->good->n_lost; i++) {
		if (file->good->lost[i].unknown && file->good->lost[i].kind == kind)
			return true;
	}
	return false;
}

bool files_incomplete(const struct files *f, enum kind kind)
{
	if (f->unreadable || f->n_missing > 0)
		return true;
	for (size_t i = 0; i < f->n; i++) {
		if (file_hides(f->list[i], kind))
			return true;
	}
	return false;
}

size_t files_broken(const struct files *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n; i++)
		n += f->list[i]->latest != NULL &&
		     (f->list[i]->latest->broken || f->list[i]->latest->n_lost > 0);
	return n;
}
