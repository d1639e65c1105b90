/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens to a map when it closes: merge keys are replaced by what they bring, and a key that
 * stands twice is refused. All entries are sorted by key (no hash: hostile keys cannot make it
 * slow), equal ones meet, and the order of the file is restored by marking who stays.
 *
 * Merge keys (https://yaml.org/type/merge.html): a plain key << whose value is a map or a list of
 * maps; the map's own keys win, then the earlier map wins.
 */
#include <errno.h>
#include <stdio.h>

#include "doc_build.h"

struct entry {
	const struct doc_node *pair; /* key, value */
	bool merged;                 /* came by << */
	bool dropped;                /* another entry has the same key */
};

struct entries {
	struct entry *list;   /* owned */
	struct entry **order; /* owned, sorted by key */
	size_t n;
};

static bool node_is_merge_key(const struct doc_node *key)
{
	return key->style == DOC_PLAIN && key->len == 2 && memcmp(key->u.text, "<<", 2) == 0;
}

static int fail_at(struct doc_error *err, const struct doc_node *n, int r, const char *msg)
{
	return doc_fail(err, (struct doc_pos){ n->line, n->col }, r, "%s", msg);
}

/* How many entries the value of a merge key brings, negative when it is of a wrong kind. */
static int merge_size(const struct doc_node *value, size_t *n, struct doc_error *err)
{
	static const char wrong[] = "the merge key '<<' needs a map or a list of maps";

	if (value->kind == DOC_MAP) {
		*n += value->len;
		return 0;
	}
	if (value->kind != DOC_SEQ)
		return fail_at(err, value, -EBADMSG, wrong);
	for (size_t i = 0; i < value->len; i++) {
		if (value->u.items[i].kind != DOC_MAP)
			return fail_at(err, &value->u.items[i], -EBADMSG, wrong);
		*n += value->u.items[i].len;
	}
	return 0;
}

static int entries_size(const struct doc_node *pairs, size_t n, size_t *ret_size,
			struct doc_error *err)
{
	size_t size = 0;

	for (size_t i = 0; i < n; i++) {
		int r = 0;

		if (node_is_merge_key(&pairs[2 * i]))
			r = merge_size(&pairs[2 * i + 1], &size, err);
		else
			size++;
		if (r < 0)
			return r;
	}
	*ret_size = size;
	return 0;
}

static void entries_add(struct entries *e, const struct doc_node *pairs, size_t n, bool merged)
{
	for (size_t i = 0; i < n; i++) {
		if (!merged && node_is_merge_key(&pairs[2 * i]))
			continue;
		e->list[e->n] = (struct entry){ .pair = &pairs[2 * i], .merged = merged };
		e->order[e->n] = &e->list[e->n];
		e->n++;
	}
}

/* The map's own entries first, then those of each merged map: a smaller index wins. */
static void entries_fill(struct entries *e, const struct doc_node *pairs, size_t n)
{
	entries_add(e, pairs, n, false);
	for (size_t i = 0; i < n; i++) {
		const struct doc_node *value = &pairs[2 * i + 1];

		if (!node_is_merge_key(&pairs[2 * i]))
			continue;
		if (value->kind == DOC_MAP)
			entries_add(e, value->u.items, value->len, true);
		for (size_t k = 0; value->kind == DOC_SEQ && k < value->len; k++)
			entries_add(e, value->u.items[k].u.items, value->u.items[k].len, true);
	}
}

static int key_cmp(const struct doc_node *a, const struct doc_node *b)
{
	if (a->len != b->len)
		return a->len < b->len ? -1 : 1;
	return memcmp(a->u.text, b->u.text, a->len);
}

static int entry_cmp(const void *pa, const void *pb)
{
	const struct entry *a = *(struct entry *const *)pa, *b = *(struct entry *const *)pb;
	int c = key_cmp(a->pair, b->pair);

	if (c == 0)
		c = (a > b) - (a < b);
	return c;
}

/* Cuts a key for a message and hides what would break a log line. */
static void key_print(const struct doc_node *key, char out[64])
{
	snprintf(out, 64, "%s", key->u.text);
	for (char *c = out; *c != '\0'; c++) {
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	}
}

static int fail_duplicate(struct doc_error *err, const struct doc_node *first,
			  const struct doc_node *second)
{
	char key[64];

	key_print(second, key);
	return doc_fail(err, (struct doc_pos){ second->line, second->col }, -EEXIST,
			"the key '%s' stands twice in this map (first at %u:%u)", key, first->line,
			first->col);
}

/* Marks what a stronger entry hides. Two own entries of one key are an error: the first one in the
 * file is reported. */
static int entries_resolve(struct entries *e, struct doc_error *err)
{
	const struct entry *first = NULL, *second = NULL, *winner = NULL;

	for (size_t i = 0; i < e->n; i++) {
		struct entry *x = e->order[i];

		if (winner == NULL || key_cmp(winner->pair, x->pair) != 0) {
			winner = x;
			continue;
		}
		x->dropped = true;
		if (!x->merged && (second == NULL || x < second)) {
			first = winner;
			second = x;
		}
	}
	return second != NULL ? fail_duplicate(err, first->pair, second->pair) : 0;
}

static int entries_write(const struct entries *e, struct buf *out, struct doc_error *err)
{
	buf_reserve(out, e->n * 2 * sizeof(struct doc_node));
	for (size_t i = 0; i < e->n; i++) {
		if (!e->list[i].dropped)
			buf_append(out, e->list[i].pair, 2 * sizeof(struct doc_node));
	}
	if (buf_error(out) < 0)
		return doc_fail(err, (struct doc_pos){ 0, 0 }, -ENOMEM, "out of memory");
	return 0;
}

int doc_map_settle(const struct doc_node *pairs, size_t n, struct buf *out, struct doc_error *err)
{
	_cleanup_free_ struct entry *list = NULL;
	_cleanup_free_ struct entry **order = NULL;
	struct entries e = { 0 };
	size_t size;
	int r;

	r = entries_size(pairs, n, &size, err);
	if (r < 0)
		return r;
	e.list = list = calloc(size + 1, sizeof *list);
	e.order = order = calloc(size + 1, sizeof *order);
	if (list == NULL || order == NULL)
		return doc_fail(err, (struct doc_pos){ 0, 0 }, -ENOMEM, "out of memory");
	entries_fill(&e, pairs, n);
	qsort(order, e.n, sizeof *order, entry_cmp);
	r = entries_resolve(&e, err);
	if (r < 0)
		return r;
	return entries_write(&e, out, err);
}
