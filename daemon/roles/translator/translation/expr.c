/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes conditions; see expr.h.  Pure text; memory is the only thing that can fail.
 */
#include "expr.h"

#include <string.h>

#include "json.h"

const char *expr_op(struct job *job, const char *var, const char *op, const char *value)
{
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	json_arr_open(&j);
	json_str(&j, var);
	json_str(&j, op);
	json_str(&j, value);
	json_arr_close(&j);
	return job_take(job, &b);
}

const char *expr_not(struct job *job, const char *var, const char *op, const char *value)
{
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	json_arr_open(&j);
	json_str(&j, var);
	json_str(&j, "!");
	json_str(&j, op);
	json_str(&j, value);
	json_arr_close(&j);
	return job_take(job, &b);
}

const char *expr_num(struct job *job, const char *var, const char *op, int64_t value)
{
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	json_arr_open(&j);
	json_str(&j, var);
	json_str(&j, op);
	json_int(&j, value);
	json_arr_close(&j);
	return job_take(job, &b);
}

const char *expr_bare(struct job *job, const char *var, bool is)
{
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	json_arr_open(&j);
	json_str(&j, var);
	json_str(&j, is ? "==" : "~=");
	json_bool(&j, true);
	json_arr_close(&j);
	return job_take(job, &b);
}

const char *expr_absent(struct job *job, const char *var)
{
	return expr_op(job, var, "==", NULL);
}

const char *expr_present(struct job *job, const char *var)
{
	return expr_op(job, var, "~=", NULL);
}

const char *expr_list(struct job *job, const char *word, const struct strs *operands)
{
	struct buf b = BUF_INIT;

	buf_printf(&b, "[\"%s\"", word);
	for (size_t i = 0; i < operands->n; i++)
		buf_printf(&b, ",%s", operands->list[i]);
	if (operands->n == 1)
		buf_printf(&b, ",%s", operands->list[0]);
	buf_putc(&b, ']');
	return job_take(job, &b);
}

const char *regex_quote(struct job *job, const char *text)
{
	struct buf b = BUF_INIT;
	const char *end;

	buf_puts(&b, "\\Q");
	while ((end = strstr(text, "\\E")) != NULL) {
		buf_append(&b, text, (size_t)(end - text));
		buf_puts(&b, "\\E\\\\E\\Q");
		text = end + 2;
	}
	buf_puts(&b, text);
	/* A backslash at the end would swallow the E behind it. */
	if (*text != '\0' && text[strlen(text) - 1] == '\\') {
		b.len--;
		buf_puts(&b, "\\E\\\\");
	} else {
		buf_puts(&b, "\\E");
	}
	return job_take(job, &b);
}

static bool has_unicode(const char *re)
{
	for (; *re != '\0'; re++) {
		if ((unsigned char)*re >= 0x80)
			return true;
		if (*re == '\\' && re[1] != '\0') {
			re++;
			if (*re == 'p' || *re == 'P')
				return true;
		}
	}
	return false;
}

#define UTF8_MARK "(*UTF8)"

const char *regex_full(struct job *job, const char *re)
{
	return job_concat(job, has_unicode(re) ? UTF8_MARK : "", "\\A(?:", re, ")\\z", NULL);
}

const char *regex_misses(struct job *job, const char *re)
{
	return job_concat(job, has_unicode(re) ? UTF8_MARK : "", "\\A(?!\\A(?:", re, ")\\z)", NULL);
}

/* Nothing is found when PCRE gives up, so what is looked for is the contrary. */
const char *expr_regex(struct job *job, const char *var, const char *re, bool lenient)
{
	struct strs both = { 0 };

	if (!lenient)
		return expr_op(job, var, "~~", regex_full(job, re));
	strs_add(job, &both, expr_present(job, var));
	strs_add(job, &both, expr_not(job, var, "~~", regex_misses(job, re)));
	return expr_list(job, "AND", &both);
}
