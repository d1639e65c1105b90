/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets of findings in a hash table by reporter and key.
 *
 * A set is one allocation: the findings and, behind them, their strings.  A set that comes again
 * unchanged is recognised and costs nothing, because the translation reports about every unit that
 * it does.  Out of memory, the old set stays.
 */
#include "findings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "log.h"

#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(set) ((set)->list = NULL)
#include <uthash.h>
#include <xxhash.h>

#undef HASH_FUNCTION
#define HASH_FUNCTION(text, len, hash_value) ((hash_value) = (unsigned)XXH3_64bits(text, len))

LOG_MODULE("findings");

struct set {
	UT_hash_handle hh;
	char *key;			/* all pointers point into this block */
	struct mesh_finding *list;
	size_t n;
};

struct findings {
	struct set *sets;
	size_t counts[3];
	size_t sets_by[_FINDINGS_MAX];
};

struct findings *findings_new(void)
{
	return calloc(1, sizeof(struct findings));
}

static void set_count(struct findings *f, const struct set *s, bool add)
{
	f->sets_by[s->key[0] - 'a'] += add ? 1 : (size_t)-1;
	for (size_t i = 0; i < s->n; i++)
		f->counts[finding_severity_known(s->list[i].severity)] += add ? 1 : (size_t)-1;
}

static void set_drop(struct findings *f, struct set *s)
{
	set_count(f, s, false);
	HASH_DEL(f->sets, s);
	free(s);
}

struct findings *findings_free(struct findings *f)
{
	if (f == NULL)
		return NULL;
	while (f->sets != NULL)
		set_drop(f, f->sets);
	free(f);
	return NULL;
}

/* The five texts of a finding, in the order in which they are compared. */
static const char **finding_text(struct mesh_finding *f, unsigned i)
{
	const char **const texts[] = { &f->type, &f->name, &f->field, &f->behaviour, &f->reason };

	return texts[i];
}

static const char *finding_read(const struct mesh_finding *f, unsigned i)
{
	const char *const texts[] = { f->type, f->name, f->field, f->behaviour, f->reason };

	return texts[i] != NULL ? texts[i] : "";
}

#define FINDING_TEXTS 5

static int finding_compare(const struct mesh_finding *a, const struct mesh_finding *b)
{
	int order = (int)finding_severity_known(b->severity) - (int)finding_severity_known(a->severity);

	for (unsigned i = 0; order == 0 && i < FINDING_TEXTS; i++)
		order = strcmp(finding_read(a, i), finding_read(b, i));
	return order;
}

static int finding_order(const void *a, const void *b)
{
	const struct mesh_finding *const *x = a, *const *y = b;

	return finding_compare(*x, *y);
}

/* Sorts `list` and drops what is there twice. */
static size_t list_unique(const struct mesh_finding **list, size_t n)
{
	size_t out = 0;

	qsort(list, n, sizeof *list, finding_order);
	for (size_t i = 0; i < n; i++)
		if (out == 0 || finding_compare(list[out - 1], list[i]) != 0)
			list[out++] = list[i];
	return out;
}

static char *text_copy(char **at, const char *text)
{
	char *copy = *at;
	size_t size = strlen(text) + 1;

	memcpy(copy, text, size);
	*at += size;
	return copy;
}

static struct set *set_new(const char *key, const struct mesh_finding *const *list, size_t n)
{
	size_t size = sizeof(struct set) + n * sizeof(struct mesh_finding) + strlen(key) + 1;
	struct set *s;
	char *at;

	for (size_t i = 0; i < n; i++)
		for (unsigned j = 0; j < FINDING_TEXTS; j++)
			size += strlen(finding_read(list[i], j)) + 1;
	s = calloc(1, size);
	if (s == NULL)
		return NULL;
	s->list = (struct mesh_finding *)(s + 1);
	s->n = n;
	at = (char *)(s->list + n);
	s->key = text_copy(&at, key);
	for (size_t i = 0; i < n; i++) {
		s->list[i].severity = finding_severity_known(list[i]->severity);
		for (unsigned j = 0; j < FINDING_TEXTS; j++)
			*finding_text(&s->list[i], j) = text_copy(&at, finding_read(list[i], j));
	}
	return s;
}

static bool set_equal(const struct set *s, const struct mesh_finding *const *list, size_t n)
{
	if (s == NULL || s->n != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (finding_compare(&s->list[i], list[i]) != 0)
			return false;
	return true;
}

static bool set_has(const struct set *s, const struct mesh_finding *f)
{
	for (size_t i = 0; s != NULL && i < s->n; i++)
		if (finding_compare(&s->list[i], f) == 0)
			return true;
	return false;
}

static void log_new(const struct set *old, const struct set *s)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct mesh_finding *f = &s->list[i];

		if (f->severity == MESH_SEV_ERROR && !set_has(old, f))
			log_warn_rl("%s '%s'%s%s: %s", f->type, f->name, f->field[0] != '\0' ? " " : "", f->field,
				    f->reason);
	}
}

static int set_put(struct findings *f, struct set *old, const char *key, const struct mesh_finding *const *list,
		   size_t n)
{
	struct set *s = set_new(key, list, n);

	if (s == NULL)
		return -ENOMEM;
	log_new(old, s);
	if (old != NULL)
		set_drop(f, old);
	HASH_ADD_KEYPTR(hh, f->sets, s->key, strlen(s->key), s);
	if (s->list == NULL) {
		free(s);
		return -ENOMEM;
	}
	set_count(f, s, true);
	return 1;
}

/* Pointers to at most FINDINGS_SET_MAX of them, sorted and unique; the last tells of the rest. */
static int list_make(const struct mesh_finding *list, size_t n, struct mesh_finding *rest, char *text,
		     size_t text_size, const struct mesh_finding ***ret_list, size_t *ret_n)
{
	const struct mesh_finding **p = calloc(n + 1, sizeof *p);

	if (p == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		p[i] = &list[i];
	n = list_unique(p, n);
	if (n > FINDINGS_SET_MAX) {
		snprintf(text, text_size, "%zu more findings are not shown", n - FINDINGS_SET_MAX);
		*rest = *p[FINDINGS_SET_MAX];
		rest->field = "";
		rest->reason = text;
		p[FINDINGS_SET_MAX] = rest;
		n = FINDINGS_SET_MAX + 1;
	}
	*ret_list = p;
	*ret_n = n;
	return 0;
}

static int set_replace(struct findings *f, const char *key, const struct mesh_finding *list, size_t n)
{
	_cleanup_free_ const struct mesh_finding **unique = NULL;
	struct mesh_finding rest = { 0 };
	struct set *old = NULL;
	char text[64];
	int r;

	HASH_FIND(hh, f->sets, key, strlen(key), old);
	if (n == 0) {
		if (old != NULL)
			set_drop(f, old);
		return old != NULL;
	}
	r = list_make(list, n, &rest, text, sizeof text, &unique, &n);
	if (r < 0)
		return r;
	return set_equal(old, unique, n) ? 0 : set_put(f, old, key, unique, n);
}

/* Reporter and type are one letter each, so that keys need no escaping. */
static int keyed(struct findings *f, enum findings_by by, char type, const char *name, const struct mesh_finding *list,
		 size_t n)
{
	size_t len = strlen(name);
	char small[256], *key = small;
	int r;

	/* Clearing is asked for with every resource of every update; as a rule there is nothing of its kind. */
	if (n == 0 && f->sets_by[by] == 0)
		return 0;
	if (len + 3 > sizeof small)
		key = malloc(len + 3);
	if (key == NULL)
		return -ENOMEM;
	key[0] = (char)('a' + by);
	key[1] = type;
	memcpy(key + 2, name, len + 1);
	r = set_replace(f, key, list, n);
	if (key != small)
		free(key);
	return r;
}

int findings_set(struct findings *f, enum findings_by by, const char *key, const struct mesh_finding *list,
		 size_t n)
{
	return keyed(f, by, '-', key, list, n);
}

int findings_set_for(struct findings *f, enum findings_by by, enum rt type, const char *name,
		     const struct mesh_finding *list, size_t n)
{
	return keyed(f, by, (char)('A' + type), name, list, n);
}

void findings_drop(struct findings *f, enum findings_by by)
{
	struct set *s, *next;

	HASH_ITER(hh, f->sets, s, next)
		if (s->key[0] == 'a' + (char)by)
			set_drop(f, s);
}

size_t findings_count(const struct findings *f, enum mesh_severity severity)
{
	return f->counts[finding_severity_known(severity)];
}

int findings_sorted(const struct findings *f, const struct mesh_finding ***ret_list, size_t *ret_n)
{
	const struct mesh_finding **list;
	size_t n = 0, total = f->counts[0] + f->counts[1] + f->counts[2];

	list = calloc(total + 1, sizeof *list);
	if (list == NULL)
		return -ENOMEM;
	for (const struct set *s = f->sets; s != NULL; s = s->hh.next)
		for (size_t i = 0; i < s->n; i++)
			list[n++] = &s->list[i];
	*ret_n = list_unique(list, n);
	*ret_list = list;
	return 0;
}
