/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checked configuration as a sorted array of entries (conf.h).
 *
 * Adding in order costs nothing but the copy, and that is how slices and messages arrive; a look-up
 * is a binary search.  Nothing is ever removed: a new file makes a new conf.  A message from another
 * process is hostile like any other input: it is checked entry by entry before one is kept, and a
 * bad one is -EBADMSG as a whole.
 */
#include "conf.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "utf8.h"

enum {
	CONF_MAX_ENTRIES = 20000,
	CONF_MAX_PATH = 1024,
	CONF_MAX_TEXT = 1 << 20,
	CONF_MAX_INDEX = 1000000,
};

struct conf {
	struct conf_entry **entries;	/* owned, sorted by path */
	size_t n, cap;
};

struct conf *conf_new(void)
{
	return calloc(1, sizeof(struct conf));
}

static void entry_free(struct conf_entry *e)
{
	if (e == NULL)
		return;
	free(e->path);
	free(e->text);
	free(e->file);
	free(e);
}

DEFINE_FREEP(struct conf_entry *, entry_free);

struct conf *conf_free(struct conf *c)
{
	if (c == NULL)
		return NULL;
	for (size_t i = 0; i < c->n; i++)
		entry_free(c->entries[i]);
	free(c->entries);
	free(c);
	return NULL;
}

void conf_freep(struct conf **c)
{
	*c = conf_free(*c);
}

static struct conf_entry *entry_copy(const struct conf_entry *from)
{
	_cleanup_(entry_freep) struct conf_entry *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return NULL;
	*e = (struct conf_entry){
		.path = strdup(from->path),
		.type = from->type,
		.text = strdup(from->text != NULL ? from->text : ""),
		.num = from->num,
		.file = strdup(from->file != NULL ? from->file : ""),
		.line = from->line,
		.column = from->column,
	};
	if (e->path == NULL || e->text == NULL || e->file == NULL)
		return NULL;
	return TAKE(e);
}

/* Index of the first entry whose path is not below `path`. */
static size_t lower_bound(const struct conf *c, const char *path)
{
	size_t low = 0, high = c->n;

	/* Entries mostly arrive in order. */
	if (c->n > 0 && strcmp(c->entries[c->n - 1]->path, path) < 0)
		return c->n;
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(c->entries[mid]->path, path) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static int conf_reserve(struct conf *c)
{
	size_t cap = c->cap == 0 ? 64 : c->cap * 2;
	struct conf_entry **grown;

	if (c->n < c->cap)
		return 0;
	grown = reallocarray(c->entries, cap, sizeof(struct conf_entry *));
	if (grown == NULL)
		return -ENOMEM;
	c->entries = grown;
	c->cap = cap;
	return 0;
}

int conf_add(struct conf *c, const struct conf_entry *entry)
{
	_cleanup_(entry_freep) struct conf_entry *e = NULL;
	size_t at = lower_bound(c, entry->path);
	int r;

	if (at < c->n && strcmp(c->entries[at]->path, entry->path) == 0)
		return -EEXIST;
	if (c->n >= CONF_MAX_ENTRIES)
		return -E2BIG;
	r = conf_reserve(c);
	if (r < 0)
		return r;
	e = entry_copy(entry);
	if (e == NULL)
		return -ENOMEM;
	memmove(c->entries + at + 1, c->entries + at, (c->n - at) * sizeof(struct conf_entry *));
	c->entries[at] = TAKE(e);
	c->n++;
	return 0;
}

const struct conf_entry *conf_find(const struct conf *c, const char *path)
{
	size_t at = lower_bound(c, path);

	if (at < c->n && strcmp(c->entries[at]->path, path) == 0)
		return c->entries[at];
	return NULL;
}

const struct conf_entry *conf_find_place(const struct conf *c, const char *path)
{
	char up[CONF_MAX_PATH];

	snprintf(up, sizeof(up), "%s", path);
	for (;;) {
		const struct conf_entry *e = conf_find(c, up);
		char *dot = strrchr(up, '.'), *bracket = strrchr(up, '[');

		if (e != NULL && e->line > 0)
			return e;
		if (up[0] == '\0')
			return NULL;
		*MAX(MAX(dot, bracket), up) = '\0';
	}
}

size_t conf_size(const struct conf *c)
{
	return c->n;
}

const struct conf_entry *conf_at(const struct conf *c, size_t i)
{
	return i < c->n ? c->entries[i] : NULL;
}

const char *conf_str(const struct conf *c, const char *path, const char *def)
{
	const struct conf_entry *e = conf_find(c, path);

	return e != NULL ? e->text : def;
}

int64_t conf_num(const struct conf *c, const char *path, int64_t def)
{
	const struct conf_entry *e = conf_find(c, path);

	return e != NULL ? e->num : def;
}

bool conf_bool(const struct conf *c, const char *path, bool def)
{
	return conf_num(c, path, def) != 0;
}

const char *conf_strf(const struct conf *c, const char *def, const char *fmt, ...)
{
	char path[CONF_MAX_PATH];
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	if (len < 0 || (size_t)len >= sizeof(path))
		return def;
	return conf_str(c, path, def);
}

/* The number in "[12]" or "[12].name"; -1 if there is none. */
static long index_parse(const char *text)
{
	char *end;
	long i;

	if (text[0] != '[' || text[1] < '0' || text[1] > '9')
		return -1;
	i = strtol(text + 1, &end, 10);
	return *end == ']' && i < CONF_MAX_INDEX ? i : -1;
}

size_t conf_count(const struct conf *c, const char *path)
{
	size_t len = strlen(path);
	size_t count = 0;

	for (size_t i = lower_bound(c, path); i < c->n; i++) {
		long index;

		if (strncmp(c->entries[i]->path, path, len) != 0)
			break;
		index = index_parse(c->entries[i]->path + len);
		if (index >= 0 && (size_t)index >= count)
			count = (size_t)index + 1;
	}
	return count;
}

static bool has_prefix(const char *path, const char *const *prefixes)
{
	for (; *prefixes != NULL; prefixes++) {
		if (strncmp(path, *prefixes, strlen(*prefixes)) == 0)
			return true;
	}
	return false;
}

int conf_slice(const struct conf *c, const char *const *prefixes, struct conf **ret_slice)
{
	_cleanup_(conf_freep) struct conf *slice = conf_new();

	if (slice == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < c->n; i++) {
		int r;

		if (!has_prefix(c->entries[i]->path, prefixes))
			continue;
		r = conf_add(slice, c->entries[i]);
		if (r < 0)
			return r;
	}
	*ret_slice = TAKE(slice);
	return 0;
}

static bool entry_equal(const struct conf_entry *a, const struct conf_entry *b)
{
	return a->type == b->type && a->num == b->num && strcmp(a->path, b->path) == 0 &&
	       strcmp(a->text, b->text) == 0;
}

bool conf_equal(const struct conf *a, const struct conf *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		if (!entry_equal(a->entries[i], b->entries[i]))
			return false;
	}
	return true;
}

/* What every process takes over by itself. */
static bool is_log(const struct conf_entry *e)
{
	return strcmp(e->path, "log.level") == 0 || strcmp(e->path, "log.format") == 0;
}

/* The next entry but for those; NULL: none. */
static const struct conf_entry *next_but_log(const struct conf *c, size_t *i)
{
	while (*i < conf_size(c)) {
		const struct conf_entry *e = conf_at(c, (*i)++);

		if (!is_log(e))
			return e;
	}
	return NULL;
}

bool conf_equal_but_log(const struct conf *a, const struct conf *b)
{
	size_t i = 0, k = 0;
	const struct conf_entry *x, *y;

	do {
		x = next_but_log(a, &i);
		y = next_but_log(b, &k);
		if (x != NULL && y != NULL &&
		    (strcmp(x->path, y->path) != 0 || x->type != y->type || strcmp(x->text, y->text) != 0))
			return false;
	} while (x != NULL && y != NULL);
	return x == y;
}

/* One allocation: the message, its array of pointers, the entries. */
struct conf_msg {
	Mesh__Conf conf;
	Mesh__ConfEntry *pointers[];
};

static void entry_to_msg(const struct conf_entry *e, Mesh__ConfEntry *msg)
{
	mesh__conf_entry__init(msg);
	msg->path = e->path;
	msg->type = e->type;
	msg->text = e->text;
	msg->num = e->num;
	msg->file = e->file;
	msg->line = e->line;
	msg->column = e->column;
}

int conf_to_msg(const struct conf *c, Mesh__Conf **ret_msg)
{
	size_t each = sizeof(Mesh__ConfEntry *) + sizeof(Mesh__ConfEntry);
	struct conf_msg *msg = malloc(sizeof(*msg) + c->n * each);
	Mesh__ConfEntry *items;

	if (msg == NULL)
		return -ENOMEM;
	mesh__conf__init(&msg->conf);
	items = (Mesh__ConfEntry *)(void *)(msg->pointers + c->n);
	for (size_t i = 0; i < c->n; i++) {
		entry_to_msg(c->entries[i], &items[i]);
		msg->pointers[i] = &items[i];
	}
	msg->conf.n_entries = c->n;
	msg->conf.entries = msg->pointers;
	*ret_msg = &msg->conf;
	return 0;
}

void conf_msg_free(Mesh__Conf *msg)
{
	free(msg);
}

static bool text_ok(const char *text, size_t max)
{
	size_t len = strnlen(text, max + 1);

	return len <= max && utf8_valid(text, len);
}

static bool path_ok(const char *path)
{
	if (path[0] == '\0' || !text_ok(path, CONF_MAX_PATH - 1))
		return false;
	for (; *path != '\0'; path++) {
		if ((unsigned char)*path <= ' ' || *path == 0x7f)
			return false;
	}
	return true;
}

static bool msg_entry_ok(const Mesh__ConfEntry *m)
{
	return m->type >= CONF_STRING && m->type <= CONF_OFF && path_ok(m->path) &&
	       text_ok(m->text, CONF_MAX_TEXT) && text_ok(m->file, PATH_MAX);
}

static int add_msg_entry(struct conf *c, const Mesh__ConfEntry *m)
{
	const struct conf_entry e = {
		.path = m->path,
		.type = (enum conf_type)m->type,
		.text = m->text,
		.num = m->num,
		.file = m->file,
		.line = m->line,
		.column = m->column,
	};
	int r;

	if (!msg_entry_ok(m))
		return -EBADMSG;
	r = conf_add(c, &e);
	return r == -EEXIST || r == -E2BIG ? -EBADMSG : r;
}

int conf_from_msg(const Mesh__Conf *msg, struct conf **ret_conf)
{
	_cleanup_(conf_freep) struct conf *c = conf_new();

	if (c == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < msg->n_entries; i++) {
		int r = add_msg_entry(c, msg->entries[i]);

		if (r < 0)
			return r;
	}
	*ret_conf = TAKE(c);
	return 0;
}
