/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a table of cases; see cases.h.
 */
#include "cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In a block of exactly its size, so that a read beyond it is found. */
static int check(struct apisix *a, const char *kind, const char *id, const char *frame,
		 const char *json, struct apisix_error *error)
{
	const char *at = frame != NULL ? strstr(frame, "%s") : NULL;
	size_t head = at != NULL ? (size_t)(at - frame) : 0, len = strlen(json);
	const char *tail = at != NULL ? at + 2 : "";
	size_t size = head + len + strlen(tail);
	uint8_t *text = malloc(size);
	int r;

	assert_non_null(text);
	memcpy(text, frame != NULL ? frame : "", head);
	memcpy(text + head, json, len);
	memcpy(text + head + len, tail, strlen(tail));
	for (size_t i = 0; i < size; i++)
		if (text[i] == '\'')
			text[i] = '"';
	r = apisix_check(a, kind, id, text, size, error);
	free(text);
	return r;
}

/* "plugins.NAME." before the path of the case. */
static int path_is(const char *path, const char *want)
{
	size_t len = strlen(path), n = strlen(want);

	return strcmp(path, want) == 0 ||
	       (len > n && strcmp(path + len - n, want) == 0 &&
		(n == 0 || path[len - n - 1] == '.' || want[0] == '['));
}

void cases_run(const char *kind, const char *id, const char *frame, const struct test_case *cases, size_t n)
{
	static const char *const plugins[] = { "brotli", "skywalking", "opentelemetry", NULL };
	struct apisix *all, *more;

	assert_int_equal(apisix_new(NULL, &all), 0);
	assert_int_equal(apisix_new(plugins, &more), 0);
	/* Twice: what a checker remembers must not change what it says. */
	for (size_t k = 0; k < 2 * n; k++) {
		size_t i = k % n;
		struct apisix_error error = { "untouched", "" };
		struct apisix *a = frame != NULL && (strstr(frame, "brotli") || strstr(frame, "skywalking'") ||
						     strstr(frame, "opentelemetry")) ? more : all;
		int r = check(a, kind, id, frame, cases[i].json, &error);

		if (r != (cases[i].path != NULL) || (r == 1 && !path_is(error.path, cases[i].path)))
			fail_msg("%s in %s %s: %d at '%s' (%s), expected '%s'", cases[i].json, kind,
				 frame != NULL ? frame : "", r, error.path, error.reason,
				 cases[i].path != NULL ? cases[i].path : "taken");
		if (r == 1)
			assert_true(error.reason[0] != '\0');
		else
			assert_string_equal(error.path, "untouched");
	}
	apisix_free(all);
	apisix_free(more);
}
