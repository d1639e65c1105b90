/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What capture is to know of a listener, from its plan: its destinations, and the addresses that
 * virtual hosts of a wildcard listener name; see plan.h.
 */
#include <string.h>

#include "identity.h"
#include "plan.h"

void plan_domain(struct plan *plan, const char *domain)
{
	struct alias alias;
	struct claim claim;

	if (!reach_alias(plan->job, &plan->reaches, domain, &alias.reach, &alias.class))
		return;
	claim = reach_claim(&alias.reach, plan->name);
	/* Silently: whoever has it serves it. */
	if (plan->job->ops->owner(plan->job->arg, &claim) != NULL)
		return;
	for (size_t i = 0; i < plan->n_aliases; i++)
		if (strcmp(plan->aliases[i].reach.text, alias.reach.text) == 0)
			return;
	if (job_grow(plan->job, (void **)&plan->aliases, plan->n_aliases, &plan->cap_aliases, sizeof alias))
		plan->aliases[plan->n_aliases++] = alias;
}

static const struct group *group_at(const struct plan *plan, size_t index)
{
	return plan->group_of[index] != SIZE_MAX ? &plan->groups[plan->group_of[index]] : NULL;
}

typedef void (*tell_fn)(struct job *job, const struct translation_address *a, void *arg);

static void tell(const struct plan *plan, const struct reach *reach, const struct reach *class, tell_fn fn, void *arg)
{
	const struct group *group = group_at(plan, (size_t)(class - plan->reaches.list));
	struct translation_address a = { .destination = reach->text };

	if (group == NULL || !group->told)
		return;
	a.identity = identities_find(plan->job->options->identities, class->text);
	a.target = group->target;
	fn(plan->job, &a, arg);
}

/* A wildcard listener stands for whatever goes to its port; capture must know where that is. */
static void note_unknown(const struct plan *plan)
{
	for (size_t i = 0; i < plan->reaches.n; i++) {
		const struct reach *reach = &plan->reaches.list[i];
		const struct group *group = group_at(plan, i);

		if (group != NULL && group->told && !reach->d.inbound && reach->d.net.len == 0 && plan->n_aliases == 0)
			job_note(plan->job, plan->root, B_WARN,
				 "'%s': no address of it is known, so none is captured unless capture takes all of "
				 "this port", reach->text);
	}
}

static void tell_mesh(const struct plan *plan, const struct group *group, const struct listener_ops *ops, void *arg)
{
	if (ops->mesh == NULL || (group->target != ADDRESS_STRICT && group->target != ADDRESS_PERMISSIVE))
		return;
	for (size_t i = 0; i < group->identities.n; i++)
		ops->mesh(plan->job, plan->name, group->identities.list[i], group->target, arg);
}

void plan_tell(struct plan *plan, const struct listener_ops *ops, void *arg)
{
	for (size_t i = 0; i < plan->reaches.n; i++)
		tell(plan, &plan->reaches.list[i], &plan->reaches.list[i], ops->address, arg);
	for (size_t i = 0; i < plan->n_aliases; i++)
		tell(plan, &plan->aliases[i].reach, plan->aliases[i].class, ops->address, arg);
	for (size_t i = 0; i < plan->n; i++)
		tell_mesh(plan, &plan->groups[i], ops, arg);
	note_unknown(plan);
}
