/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The nodes of an upstream for what a route asks for: all, or a subset of the endpoints; and what the
 * nodes have in common.  Called by cluster.c, once for each set of criteria.
 */
#include <string.h>

#include "upstream.h"

static bool any_endpoint(void *arg, const struct subset *subset)
{
	const struct up_source *source = arg;

	return subset->kind != SUBSET_EMPTY && endpoints_any(source->cla, subset);
}

static void source_nodes(struct job *job, const struct up_source *source, const char *criteria,
			 struct up_nodes *ret)
{
	struct subset subset = subset_choose(job, source->subsets, criteria, any_endpoint,
					     (void *)(uintptr_t)source);
	struct endpoint_options options = {
		.localities = source->localities,
		.panic = source->panic,
		.names = source->names,
		.behind = source->behind,
		.subset = &subset,
	};
	struct job quiet = *job;
	struct out scratch;

	if (subset.kind != SUBSET_ALL) {
		options.localities = source->localities && subset.of->localities;
		options.scale_localities = subset.of->scale_localities;
	}
	if (source->quiet)
		job_hush(job, &scratch, &quiet);
	endpoints_read(source->quiet ? &quiet : job, source->cla, source->at, &options, ret);
	if (source->quiet)
		job_unhush(job, &scratch, &quiet);
}

static void nodes_append(struct job *job, struct up_nodes *nodes, const struct up_nodes *more)
{
	if (nodes->n == 0) {
		*nodes = *more;
		return;
	}
	for (size_t i = 0; i < more->n; i++)
		if (job_grow(job, (void **)&nodes->list, nodes->n, &nodes->cap,
			     sizeof *nodes->list))
			nodes->list[nodes->n++] = more->list[i];
}

/* What Host becomes where it is to be the node's name. */
static void view_host(struct up_view *view)
{
	for (size_t i = 0; i < view->nodes.n; i++) {
		if (strcmp(view->nodes.list[i].hostname, view->nodes.list[0].hostname) != 0)
			view->hosts_differ = true;
	}
	if (view->nodes.n > 0 && !view->hosts_differ && view->nodes.list[0].hostname[0] != '\0')
		view->host = view->nodes.list[0].hostname;
}

struct up_view view_make(struct job *job, const struct upstream *up, const char *criteria)
{
	struct up_view view = { .criteria = criteria };

	/* Nothing may be sent, or not without a certificate that is not there: without nodes every request gets 503. */
	bool closed = up->requests_max == 0 || up->transport.unready;

	for (size_t i = 0; i < up->n_sources && !closed; i++) {
		struct up_nodes nodes = { 0 };

		source_nodes(job, &up->sources[i], criteria, &nodes);
		nodes_append(job, &view.nodes, &nodes);
	}
	view_host(&view);
	view.checks = checks_json(job, up, &view.nodes);
	return view;
}
