/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a plain scalar means, by the core schema of YAML 1.2 (https://yaml.org/spec/1.2.2/ 10.3.2),
 * and the way back: a node as JSON. Strings are never guessed at: a quoted "true" is a string.
 */
#include <errno.h>
#include <locale.h>

#include "doc_build.h"
#include "json.h"

static bool is_plain(const struct doc_node *n)
{
	return n->kind == DOC_SCALAR && n->style == DOC_PLAIN;
}

static bool is_one_of(const struct doc_node *n, const char *const words[], size_t count)
{
	if (!is_plain(n))
		return false;
	for (size_t i = 0; i < count; i++) {
		if (strcmp(n->u.text, words[i]) == 0)
			return true;
	}
	return false;
}

bool doc_is_null(const struct doc_node *n)
{
	static const char *const words[] = { "", "~", "null", "Null", "NULL" };

	return is_one_of(n, words, ARRAY_SIZE(words));
}

int doc_bool(const struct doc_node *n, bool *ret)
{
	static const char *const yes[] = { "true", "True", "TRUE" };
	static const char *const no[] = { "false", "False", "FALSE" };

	if (is_one_of(n, yes, ARRAY_SIZE(yes)))
		*ret = true;
	else if (is_one_of(n, no, ARRAY_SIZE(no)))
		*ret = false;
	else
		return -EINVAL;
	return 0;
}

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
}

static int read_digits(const char *p, int base, uint64_t *ret)
{
	uint64_t v = 0;
	bool fits = true;

	if (*p == '\0')
		return -EINVAL;
	for (; *p != '\0'; p++) {
		int digit = digit_value(*p);

		if (digit >= base)
			return -EINVAL;
		fits = fits && !__builtin_mul_overflow(v, (uint64_t)base, &v) &&
		       !__builtin_add_overflow(v, (uint64_t)digit, &v);
	}
	if (!fits)
		return -ERANGE;
	*ret = v;
	return 0;
}

/* Sign and magnitude of an integer: [-+]digits, 0o octal, 0x hexadecimal. */
static int read_integer(const struct doc_node *n, bool *ret_negative, uint64_t *ret)
{
	const char *p = n->u.text;

	if (!is_plain(n))
		return -EINVAL;
	*ret_negative = *p == '-';
	if (strncmp(p, "0x", 2) == 0)
		return read_digits(p + 2, 16, ret);
	if (strncmp(p, "0o", 2) == 0)
		return read_digits(p + 2, 8, ret);
	return read_digits(p + (*p == '-' || *p == '+'), 10, ret);
}

int doc_int(const struct doc_node *n, int64_t *ret)
{
	bool negative;
	uint64_t v;
	int r;

	r = read_integer(n, &negative, &v);
	if (r < 0)
		return r;
	if (v > (uint64_t)INT64_MAX + negative)
		return -ERANGE;
	*ret = negative ? (int64_t)-v : (int64_t)v;
	return 0;
}

int doc_uint(const struct doc_node *n, uint64_t *ret)
{
	bool negative;
	uint64_t v;
	int r;

	r = read_integer(n, &negative, &v);
	if (r < 0)
		return r;
	if (negative && v != 0)
		return -ERANGE;
	*ret = v;
	return 0;
}

static const char *skip_digits(const char *p)
{
	return p + strspn(p, "0123456789");
}

/* [-+] ( . digits | digits [ . [digits] ] ) [ e [-+] digits ] */
static bool is_decimal(const char *p)
{
	const char *whole, *end;

	p += *p == '-' || *p == '+';
	whole = p;
	end = skip_digits(p);
	if (*end == '.') {
		p = end + 1;
		end = skip_digits(p);
		if (end == p && p - 1 == whole)
			return false;
	} else if (end == whole) {
		return false;
	}
	if (*end == 'e' || *end == 'E') {
		p = end + 1;
		p += *p == '-' || *p == '+';
		end = skip_digits(p);
		if (end == p)
			return false;
	}
	return *end == '\0';
}

static bool read_special(const char *p, double *ret)
{
	static const struct {
		const char *word;
		double value;
	} words[] = {
		{ ".inf", __builtin_inf() },   { ".Inf", __builtin_inf() },
		{ ".INF", __builtin_inf() },   { ".nan", __builtin_nan("") },
		{ ".NaN", __builtin_nan("") }, { ".NAN", __builtin_nan("") },
	};
	bool negative = *p == '-';
	const char *word = p + (negative || *p == '+');

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		bool nan = words[i].value != words[i].value;

		if (strcmp(nan ? p : word, words[i].word) == 0) {
			*ret = negative ? -words[i].value : words[i].value;
			return true;
		}
	}
	return false;
}

/* strtod() with a decimal point whatever the process's locale; text has the form of a number. */
static int read_decimal(const char *text, double *ret)
{
	locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	double v;

	if (c == (locale_t)0)
		return -ENOMEM;
	v = strtod_l(text, NULL, c);
	freelocale(c);
	if (v - v != 0)
		return -ERANGE;
	*ret = v;
	return 0;
}

int doc_double(const struct doc_node *n, double *ret)
{
	uint64_t v;
	bool negative;

	if (!is_plain(n))
		return -EINVAL;
	if (read_special(n->u.text, ret))
		return 0;
	if (is_decimal(n->u.text))
		return read_decimal(n->u.text, ret);
	if (read_integer(n, &negative, &v) < 0)
		return -EINVAL;
	*ret = (double)v;
	return 0;
}

static void write_plain(const struct doc_node *n, struct json *j)
{
	bool truth;
	uint64_t u;
	double d;

	if (doc_is_null(n))
		json_nil(j);
	else if (doc_bool(n, &truth) == 0)
		json_bool(j, truth);
	else if (doc_json_number(n->u.text, n->u.text + n->len) == n->len)
		json_raw(j, n->u.text, n->len);
	else if (doc_uint(n, &u) == 0)
		json_uint(j, u);
	else if (doc_double(n, &d) == 0 && d - d == 0)
		json_double(j, d);
	else
		json_strn(j, n->u.text, n->len);
}

static void write_list(const struct doc_node *n, struct json *j)
{
	json_arr_open(j);
	for (size_t i = 0; i < n->len; i++)
		doc_write_json(doc_item(n, i), j);
	json_arr_close(j);
}

static void write_map(const struct doc_node *n, struct json *j)
{
	json_obj_open(j);
	for (size_t i = 0; i < n->len; i++) {
		json_keyn(j, doc_key(n, i)->u.text, doc_key(n, i)->len);
		doc_write_json(doc_value(n, i), j);
	}
	json_obj_close(j);
}

void doc_write_json(const struct doc_node *n, struct json *j)
{
	if (n->kind == DOC_MAP)
		write_map(n, j);
	else if (n->kind == DOC_SEQ)
		write_list(n, j);
	else if (n->style == DOC_PLAIN)
		write_plain(n, j);
	else
		json_strn(j, n->u.text, n->len);
}
