/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Findings of one type of resources: names that the control plane has not, and what is wrong with its newest response.
 * The host is told when they have changed, the whole list under the type's URL.  Without memory the report stays old.
 */
#include <stdlib.h>
#include <string.h>

#include "private.h"
#include "utf8.h"

#define FINDINGS_MAX 500

void report_absent(struct ads_type *t, struct span name, const char *why)
{
	const struct entry *old = table_find(&t->absent, name.data, name.size);
	struct entry *e;

	if (old != NULL && strcmp(entry_version(old), why) == 0)
		return;
	e = entry_new(name.data, name.size, why, strlen(why));
	if (e != NULL && table_put(&t->absent, e) == 0)
		t->report = true;
}

void report_present(struct ads_type *t, struct span name)
{
	const struct entry *e = t->absent.n > 0 ? table_find(&t->absent, name.data, name.size) : NULL;

	if (e == NULL)
		return;
	table_remove(&t->absent, entry_name(e));
	t->report = true;
}

static int by_name(const void *a, const void *b)
{
	const struct mesh_finding *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static size_t list_absent(const struct ads_type *t, const char *message, struct mesh_finding *list)
{
	const struct entry *e;
	size_t at = 0, n = 0;

	while ((e = table_next(&t->absent, &at)) != NULL)
		list[n++] = (struct mesh_finding){
			.severity = MESH_SEV_WARN,
			.type = message,
			.name = entry_name(e),
			.field = "",
			.behaviour = "warn",
			.reason = entry_version(e),
		};
	qsort(list, n, sizeof *list, by_name);
	return MIN(n, (size_t)FINDINGS_MAX);
}

void report_type(struct ads *ads, struct ads_type *t)
{
	_cleanup_free_ struct mesh_finding *list = NULL;
	const char *slash = strrchr(t->url, '/');
	const char *message = slash != NULL ? slash + 1 : t->url;
	size_t n;

	if (!t->report)
		return;
	list = calloc(t->absent.n + 1, sizeof *list);
	if (list == NULL)
		return;
	n = list_absent(t, message, list);
	if (t->fault != NULL)
		list[n++] = (struct mesh_finding){
			.severity = MESH_SEV_ERROR,
			.type = message,
			.name = "",
			.field = "",
			.behaviour = "nack",
			.reason = t->fault,
		};
	t->report = false;
	ads->host->ops->source_findings(ads->host, t->url, list, n);
}
