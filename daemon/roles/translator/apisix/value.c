/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Applies the rows of a schema to JSON text: reads each value once, and once more only where rows
 * offer alternatives or depend on another member.  Called by check.c for whole objects and by the
 * checks in code for parts.  The first failure ends it.
 */
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "buf.h"
#include "check.h"

static bool fail_json(struct check *c)
{
	return check_fail(c, "is not JSON: %s", c->scan.wrong != NULL ? c->scan.wrong : "it ends early");
}

static const char *type_name(unsigned types)
{
	static const struct {
		unsigned type;
		const char *name;
	} names[] = {
		{ T_OBJECT, "an object" }, { T_LIST, "a list" },      { T_TEXT, "a text" },
		{ T_NUMBER, "a number" },  { T_INTEGER, "a whole number" }, { T_BOOL, "true or false" },
		{ T_NULL, "null" },
	};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (types & names[i].type)
			return names[i].name;
	return "nothing";
}

/* minimum and maximum of anything that is counted. */
static bool check_count(struct check *c, const struct schema *s, size_t n, const char *what)
{
	if ((s->flags & S_MIN) != 0 && (double)n < s->min)
		return check_fail(c, "has %zu %s; at least %g must be there", n, what, s->min);
	if ((s->flags & S_MAX) != 0 && (double)n > s->max)
		return check_fail(c, "has %zu %s; at most %g may be there", n, what, s->max);
	return true;
}

static bool check_number(struct check *c, const struct schema *s)
{
	double v;

	if (!scan_number(&c->scan, &v))
		return fail_json(c);
	if (!isfinite(v))
		return check_fail(c, "is too big a number");
	if ((s->types & (T_INTEGER | T_NUMBER)) == T_INTEGER && v != floor(v))
		return check_fail(c, "is %g; it must be a whole number", v);
	if ((s->flags & S_ABOVE) != 0 && v <= s->min)
		return check_fail(c, "is %g; it must be more than %g", v, s->min);
	if ((s->flags & S_MIN) != 0 && v < s->min)
		return check_fail(c, "is %g; it must be at least %g", v, s->min);
	if ((s->flags & S_MAX) != 0 && v > s->max)
		return check_fail(c, "is %g; it must be at most %g", v, s->max);
	if (s->numbers == NULL)
		return true;
	for (size_t i = 1; i <= (size_t)s->numbers[0]; i++)
		if (s->numbers[i] == v)
			return true;
	return check_fail(c, "is %g, which APISIX does not know here", v);
}

/* How many characters, as far as the rows can tell them from so many bytes. */
static size_t characters(const struct schema *s, const struct text *t)
{
	size_t n = 0;

	if (((s->flags & S_MAX) == 0 || (double)t->len <= s->max) &&
	    ((s->flags & S_MIN) == 0 || (double)(t->len / 4) >= s->min || s->min <= 1))
		return t->len;
	for (size_t i = 0; i < t->len; i++)
		n += (t->data[i] & 0xc0) != 0x80;
	return n;
}

static bool check_choice(struct check *c, const struct schema *s, const struct text *t)
{
	for (const char *const *choice = s->choices; *choice != NULL; choice++)
		if (text_is(t, *choice))
			return true;
	return check_fail(c, "is '%.*s'; it must be '%s' or another of APISIX's choices",
			  (int)(t->len < 60 ? t->len : 60), t->data, s->choices[0]);
}

static bool check_form(struct check *c, const struct schema *s, const struct text *t)
{
	if (s->form == FORM_REGEX)
		return check_regex_text(c, t->data, t->len);
	return form_fits((enum form)s->form, t->data, t->len) ||
	       check_fail(c, "is '%.*s'; it must be %s", (int)(t->len < 60 ? t->len : 60), t->data,
			  form_says((enum form)s->form));
}

static bool check_text(struct check *c, const struct schema *s)
{
	struct scan_text raw;
	_text_ text = { .owned = NULL };

	if (!scan_text(&c->scan, &raw))
		return fail_json(c);
	if (s->flags == 0 && s->form == FORM_NONE && s->choices == NULL)
		return true;
	text_init(&text, &raw);
	if (text.data == NULL)
		return check_fail(c, "cannot be checked: out of memory");
	if (c->references && text_is_reference(&text))
		return true;
	return check_count(c, s, characters(s, &text), "characters") &&
	       (s->choices == NULL || check_choice(c, s, &text)) &&
	       (s->form == FORM_NONE || check_form(c, s, &text));
}

static bool check_word(struct check *c, const struct schema *s)
{
	(void)s;
	return scan_word(&c->scan) || fail_json(c);
}

static int compare_hashes(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Of what it means, for texts; of how it is written, else. */
static uint64_t element_hash(const uint8_t *start, const uint8_t *end)
{
	_text_ text = { .owned = NULL };
	size_t len = (size_t)(end - start);

	if (*start != '"')
		return XXH3_64bits(start, len);
	if (memchr(start, '\\', len) == NULL)
		return XXH3_64bits_withSeed(start + 1, len - 2, 1);
	text_of(&text, (struct span){ start, end });
	return text.data != NULL ? XXH3_64bits_withSeed(text.data, text.len, 1) : 0;
}

/* Hashes of the elements so far. */
struct hashes {
	uint64_t few[16], *list;
	size_t cap;
};

static bool hashes_add(struct hashes *h, size_t n, uint64_t hash)
{
	size_t cap = h->cap * 2;
	uint64_t *bigger;

	if (n == h->cap) {
		bigger = h->list == h->few ? malloc(cap * sizeof *bigger) :
					     realloc(h->list, cap * sizeof *bigger);
		if (bigger == NULL)
			return false;
		if (h->list == h->few)
			memcpy(bigger, h->few, sizeof h->few);
		h->list = bigger;
		h->cap = cap;
	}
	h->list[n] = hash;
	return true;
}

static bool check_unique(struct check *c, struct hashes *h, size_t n)
{
	bool unique = true;

	qsort(h->list, n, sizeof *h->list, compare_hashes);
	for (size_t i = 1; i < n && unique; i++)
		unique = h->list[i - 1] != h->list[i];
	return unique || check_fail(c, "has two equal elements; APISIX wants each once");
}

static bool check_elements(struct check *c, const struct schema *s, struct at *at, struct hashes *h)
{
	const struct schema *each = s->each != NULL ? s->each : &schema_any;

	do {
		const uint8_t *start = (scan_type(&c->scan), c->scan.p);

		if (!check_value(c, each))
			return false;
		if (h != NULL && !hashes_add(h, at->index, element_hash(start, c->scan.p)))
			return check_fail(c, "cannot be checked: out of memory");
		at->index++;
	} while (scan_take(&c->scan, ','));
	return true;
}

static bool check_list(struct check *c, const struct schema *s)
{
	const uint8_t end = *c->scan.p++ == '[' ? ']' : '}';
	struct hashes hashes = { .list = hashes.few, .cap = 16 };
	struct at at = { .up = c->at };
	bool unique = (s->flags & S_UNIQUE) != 0, fits = true;

	if (!scan_take(&c->scan, end)) {
		c->at = &at;
		fits = check_elements(c, s, &at, unique ? &hashes : NULL);
		c->at = at.up;
		if (fits && !scan_take(&c->scan, end))
			fits = check_fail(c, "is not JSON: the list is not closed");
	}
	fits = fits && check_count(c, s, at.index, "elements") &&
	       (!unique || at.index < 2 || check_unique(c, &hashes, at.index));
	if (hashes.list != hashes.few)
		free(hashes.list);
	return fits;
}

/* What has been found in an object. */
struct found {
	uint64_t rows[2];		/* bit by row: it was there */
	uint32_t marks;
	struct span marked[MARKS_MAX + 1];
	size_t n;
	const struct member *last;	/* objects mostly follow the order of the rows */
};

static bool named(const struct member *row, const uint8_t *name, size_t len)
{
	return row->len == len && memcmp(row->name, name, len) == 0;
}

static const struct member *member_find(const struct schema *s, const struct member *last,
					const uint8_t *name, size_t len)
{
	const struct member *row = last != NULL ? last + 1 : s->members;

	if (row == NULL)
		return NULL;
	for (; row->name != NULL; row++)
		if (named(row, name, len))
			return row;
	for (row = s->members; last != NULL && row <= last; row++)
		if (named(row, name, len))
			return row;
	return NULL;
}

/* The usual case: the name of one of the next rows stands here, as it is. NULL: it does not. */
static const struct member *member_ahead(struct check *c, const struct schema *s, const struct member *last,
					 struct scan_text *ret_name)
{
	const struct member *row = last != NULL ? last + 1 : s->members;
	const uint8_t *p = c->scan.p + 1;
	size_t left = (size_t)(c->scan.end - p);

	for (; row != NULL && row->name != NULL; row++) {
		if (row->len >= left || p[row->len] != '"' || p[0] != (uint8_t)row->name[0] ||
		    memcmp(p, row->name, row->len) != 0)
			continue;
		*ret_name = (struct scan_text){ .raw = p, .len = row->len };
		c->scan.p = p + row->len + 1;
		return row;
	}
	return NULL;
}

/* Reads a member's name; *ret_row NULL: there is no row for it. */
static bool member_name(struct check *c, const struct schema *s, const struct member *last,
			struct scan_text *ret_name, const struct member **ret_row)
{
	if (scan_type(&c->scan) != T_TEXT)
		return false;
	*ret_row = member_ahead(c, s, last, ret_name);
	if (*ret_row != NULL)
		return true;
	if (!scan_text(&c->scan, ret_name))
		return false;
	*ret_row = member_find(s, last, ret_name->raw, ret_name->len);
	return true;
}

/* Objects and lists may be known as good. */
static bool check_member_value(struct check *c, const struct schema *s)
{
	const uint8_t *start = c->scan.p;

	if ((scan_types[*start] & (T_OBJECT | T_LIST)) == 0)
		return check_value(c, s);
	if (good_skip(c, s))
		return true;
	if (!check_value(c, s))
		return false;
	good_keep(c, s, start);
	return true;
}

static const struct schema *plugin_row(struct check *c, const struct schema *s,
				       const struct scan_text *name)
{
	bool enabled;
	const struct schema *row = plugin_schema(c->apisix, (const char *)name->raw, name->len,
						 (enum role)s->role, &enabled);

	if (!enabled) {
		check_fail(c, "is a plugin that is not enabled in APISIX (translator.apisix_plugins); it "
			      "would silently not run");
		return NULL;
	}
	c->references = true;
	return row != NULL ? row : &schema_plugin_conf;
}

static const struct schema *member_schema(struct check *c, const struct schema *s,
					  const struct member *row, const struct scan_text *name)
{
	if (row != NULL)
		return row->schema;
	if ((s->flags & S_PLUGINS) != 0)
		return plugin_row(c, s, name);
	if ((s->flags & S_CLOSED) != 0) {
		check_fail(c, "APISIX knows no field of this name here");
		return NULL;
	}
	return s->each != NULL ? s->each : &schema_any;
}

static bool member_note(struct check *c, const struct schema *s, const struct member *row,
			struct found *found)
{
	size_t i = row != NULL ? (size_t)(row - s->members) : 0;

	found->n++;
	if (row == NULL)
		return true;
	found->last = row;
	if (i < 128 && (found->rows[i / 64] >> i % 64 & 1) != 0)
		return check_fail(c, "is there twice");
	if (i < 128)
		found->rows[i / 64] |= 1ULL << i % 64;
	return true;
}

static bool check_member(struct check *c, const struct schema *s, struct found *found)
{
	struct at at = { .up = c->at };
	const bool references = c->references;
	const struct member *row;
	const struct schema *schema;
	struct scan_text name;
	const uint8_t *start;
	bool fits;

	if (!member_name(c, s, found->last, &name, &row))
		return check_fail(c, "is not JSON: a name is missing or malformed");
	if (!scan_take(&c->scan, ':') || scan_type(&c->scan) == 0)
		return check_fail(c, "is not JSON: a value is missing");
	at.name = name.raw;
	at.len = name.len;
	c->at = &at;
	start = c->scan.p;
	schema = member_schema(c, s, row, &name);
	fits = schema != NULL && member_note(c, s, row, found) && check_member_value(c, schema);
	c->references = references;
	c->at = at.up;
	if (row != NULL && row->mark > 0) {
		found->marks |= M(row->mark);
		found->marked[row->mark] = (struct span){ start, c->scan.p };
	}
	return fits;
}

static bool check_needed(struct check *c, const struct schema *s, const struct found *found)
{
	for (size_t i = 0; s->members != NULL && s->members[i].name != NULL; i++)
		if (s->members[i].needed && (found->rows[i / 64] >> i % 64 & 1) == 0)
			return check_fail(c, "'%s' is missing", s->members[i].name);
	return true;
}

/* "uri", "count and time_window". */
static void set_names(const struct schema *s, uint32_t set, struct buf *out)
{
	bool first = true;

	for (const struct member *row = s->members; row->name != NULL; row++) {
		if (row->mark == 0 || (set & M(row->mark)) == 0)
			continue;
		buf_printf(out, "%s%s", first ? "" : " and ", row->name);
		first = false;
	}
}

static bool fail_rule(struct check *c, const struct schema *s, const struct rule_row *rule)
{
	static const char *const says[] = {
		[RULE_ONE] = "needs exactly one of: ",
		[RULE_ANY] = "needs at least one of: ",
		[RULE_NONE] = "must not have: ",
		[RULE_WITH] = "needs together: ",
	};
	_cleanup_(buf_deinit) struct buf b = BUF_INIT;

	buf_puts(&b, says[rule->how]);
	for (size_t i = 0; rule->sets[i] != 0; i++) {
		buf_puts(&b, i > 0 ? ", " : "");
		set_names(s, rule->sets[i], &b);
	}
	return check_fail(c, "%s", buf_str(&b) != NULL ? buf_str(&b) : "out of memory");
}

static bool rule_fits(const struct rule_row *rule, uint32_t marks)
{
	unsigned n = 0;

	for (size_t i = 0; rule->sets[i] != 0; i++)
		n += (marks & rule->sets[i]) == rule->sets[i];
	switch (rule->how) {
	case RULE_ONE:
		return n == 1;
	case RULE_ANY:
		return n > 0;
	case RULE_NONE:
		return n == 0;
	default:
		return (marks & rule->sets[0]) != rule->sets[0] ||
		       (marks & rule->sets[1]) == rule->sets[1];
	}
}

static bool check_rules(struct check *c, const struct schema *s, const struct found *found)
{
	for (const struct rule_row *rule = s->rules; rule != NULL && rule->how != RULE_END; rule++)
		if (!rule_fits(rule, found->marks))
			return fail_rule(c, s, rule);
	return true;
}

static bool check_whens(struct check *c, const struct schema *s, const struct found *found,
			struct span object)
{
	for (const struct when *when = s->when; when != NULL && when->mark != 0; when++) {
		_text_ text = { .owned = NULL };

		text_of(&text, found->marked[when->mark]);
		if (text_is(&text, when->value) && !check_again(c, when->then, object))
			return false;
	}
	return true;
}

static bool check_object(struct check *c, const struct schema *s)
{
	struct found found = { .n = 0 };
	struct span object = { .start = c->scan.p++ };

	if (!scan_take(&c->scan, *object.start == '{' ? '}' : ']')) {
		do {
			if (!check_member(c, s, &found))
				return false;
		} while (scan_take(&c->scan, ','));
		if (!scan_take(&c->scan, '}'))
			return check_fail(c, "is not JSON: the object is not closed");
	}
	object.end = c->scan.p;
	return check_needed(c, s, &found) && check_count(c, s, found.n, "members") &&
	       check_rules(c, s, &found) && check_whens(c, s, &found, object) &&
	       (s->check == NULL || s->check(c, object, found.marked));
}

/* To APISIX an empty list and an empty object are the same. */
static bool type_fits(struct check *c, const struct schema *s, unsigned type)
{
	struct scan ahead = c->scan;

	if (s->types == 0 || (s->types & type) != 0 ||
	    (type == T_NUMBER && (s->types & T_INTEGER) != 0))
		return true;
	if ((type != T_LIST && type != T_OBJECT) || (s->types & (T_LIST | T_OBJECT)) == 0)
		return false;
	ahead.p++;
	return scan_take(&ahead, type == T_LIST ? ']' : '}');
}

/* Which alternatives come into question; the last of them in *ret_one. */
static size_t candidates(struct check *c, const struct schema *s, unsigned type,
			 const struct schema **ret_one)
{
	size_t n = 0;

	*ret_one = s->any[0];
	for (const struct schema *const *any = s->any; *any != NULL; any++) {
		if ((*any)->any == NULL && !type_fits(c, *any, type))
			continue;
		*ret_one = *any;
		n++;
	}
	return n;
}

/* When none fits, the one that failed last of all is meant: its reason is told. */
static bool check_alternatives(struct check *c, const struct schema *s, unsigned type)
{
	const struct scan start = c->scan;
	const struct schema *meant;
	const uint8_t *furthest = start.p;

	if (candidates(c, s, type, &meant) < 2)
		return check_value(c, meant);
	for (const struct schema *const *any = s->any; *any != NULL; any++) {
		bool fits;

		c->muted++;
		fits = check_value(c, *any);
		c->muted--;
		if (fits)
			return true;
		if (c->scan.p > furthest) {
			furthest = c->scan.p;
			meant = *any;
		}
		c->scan = start;
	}
	return check_value(c, meant);
}

bool check_value(struct check *c, const struct schema *s)
{
	unsigned type = scan_type(&c->scan);
	struct span value = { .start = c->scan.p };
	bool fits;

	if (type == 0)
		return check_fail(c, "is not JSON: a value is missing");
	if (c->depth >= DEPTH_MAX)
		return check_fail(c, "is nested more than %d deep", DEPTH_MAX);
	if (s->any != NULL)
		return check_alternatives(c, s, type);
	if ((s->types & type) == 0 && !type_fits(c, s, type))
		return check_fail(c, "is %s; it must be %s", type_name(type), type_name(s->types));
	if ((type == T_OBJECT || type == T_LIST) && s->types != 0 && (s->types & type) == 0)
		type ^= T_OBJECT ^ T_LIST;
	c->depth++;
	if (type == T_OBJECT)
		fits = check_object(c, s);
	else if (type == T_LIST)
		fits = check_list(c, s);
	else if (type == T_TEXT)
		fits = check_text(c, s);
	else
		fits = type == T_NUMBER ? check_number(c, s) : check_word(c, s);
	c->depth--;
	value.end = c->scan.p;
	return fits && (type == T_OBJECT || s->check == NULL || s->check(c, value, NULL));
}

bool check_again(struct check *c, const struct schema *s, struct span value)
{
	const struct scan here = c->scan;
	bool fits;

	c->scan = (struct scan){ .p = value.start, .end = value.end };
	fits = check_value(c, s);
	c->scan = here;
	return fits;
}
