/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The conditions of an HTTP chain: what holds at each of its groups, where the same holds at several
 * said once, with all their identities; see plan.h.
 */
#include <stdlib.h>
#include <string.h>

#include "expr.h"
#include "json.h"
#include "plan.h"

/* One set of conditions of a chain, and the identities at which it holds. */
struct way {
	const char *text;	/* all of them, to find the same again */
	struct strs conditions;
	struct strs identities;
};

static const char *join(struct job *job, const struct strs *strs)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < strs->n; i++)
		buf_printf(&b, "%s%s", i > 0 ? "," : "", strs->list[i]);
	return job_take(job, &b);
}

void way_add(struct plan *plan, const struct group *group, struct chain_plan *chain, const struct strs *conditions)
{
	const char *text = join(plan->job, conditions);
	struct way *way = NULL;

	for (size_t i = 0; i < chain->n_ways && way == NULL; i++)
		if (strcmp(chain->ways[i].text, text) == 0)
			way = &chain->ways[i];
	if (way == NULL) {
		if (!job_grow(plan->job, (void **)&chain->ways, chain->n_ways, &chain->cap_ways, sizeof *way))
			return;
		way = &chain->ways[chain->n_ways++];
		*way = (struct way){ .text = text, .conditions = *conditions };
	}
	for (size_t i = 0; i < group->identities.n; i++)
		strs_add(plan->job, &way->identities, group->identities.list[i]);
}

static const char *addresses_expr(struct job *job, const struct strs *identities)
{
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	if (identities->n == 1)
		return expr_op(job, "server_addr", "==", identities->list[0]);
	json_arr_open(&j);
	json_str(&j, "server_addr");
	json_str(&j, "in");
	json_arr_open(&j);
	for (size_t i = 0; i < identities->n; i++)
		json_str(&j, identities->list[i]);
	json_arr_close(&j);
	json_arr_close(&j);
	return job_take(job, &b);
}

/* All that must hold for one way: first where, then the rest. */
static struct strs way_vars(struct job *job, const struct way *way)
{
	struct strs vars = { 0 };

	strs_add(job, &vars, addresses_expr(job, &way->identities));
	for (size_t i = 0; i < way->conditions.n; i++)
		strs_add(job, &vars, way->conditions.list[i]);
	return vars;
}

static int compare_ways(const void *a, const void *b)
{
	return strcmp(((const struct way *)a)->text, ((const struct way *)b)->text);
}

void ways_finish(struct plan *plan, struct chain_plan *chain)
{
	struct strs all = { 0 };

	if (chain->n_ways == 1) {
		chain->vars = way_vars(plan->job, &chain->ways[0]);
		return;
	}
	if (chain->n_ways > 1)
		qsort(chain->ways, chain->n_ways, sizeof *chain->ways, compare_ways);
	for (size_t i = 0; i < chain->n_ways; i++) {
		struct strs vars = way_vars(plan->job, &chain->ways[i]);

		strs_add(plan->job, &all, expr_list(plan->job, "AND", &vars));
	}
	if (all.n > 0)
		strs_add(plan->job, &chain->vars, expr_list(plan->job, "OR", &all));
}
