/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes a listener apart (TRANSLATION.md 3): where it is reached, and its filter chains one by one.
 * Called by the units of translation.c: to collect claims, to write routes, to write the host-less list.
 */
#include <string.h>

#include "any.h"
#include "json.h"
#include "plan.h"
#include "walk.h"

const xds_socket_address *listener_address(const xds_listener *listener)
{
	if (listener->address == NULL ||
	    listener->address->address_case != XDS_CORE(ADDRESS__ADDRESS_SOCKET_ADDRESS))
		return NULL;
	return listener->address->socket_address;
}

bool listener_has(struct job *job, const xds_listener *listener, const char *type)
{
	static const char package[] = "envoy.extensions.filters.listener.";

	for (size_t i = 0; i < listener->n_listener_filters; i++) {
		const Envoy__Config__Listener__V3__ListenerFilter *filter = listener->listener_filters[i];
		const char *name;

		if (filter->config_type_case !=
			    ENVOY__CONFIG__LISTENER__V3__LISTENER_FILTER__CONFIG_TYPE_TYPED_CONFIG ||
		    filter->typed_config == NULL)
			continue;
		name = strrchr(any_type(job, filter->typed_config), '/');
		if (name != NULL && strncmp(name + 1, package, strlen(package)) == 0 &&
		    strcmp(name + 1 + strlen(package), type) == 0)
			return true;
	}
	return false;
}

/* Clients that the chain is for: [remote_addr, ipmatch, [...]]. */
static void chain_vars(struct reader *r)
{
	const Envoy__Config__Listener__V3__FilterChainMatch *m = r->chain->filter_chain_match;
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	r->vars = (struct strs){ 0 };
	if (r->reaches != NULL) {
		if (r->plan != NULL)
			r->vars = plan_chain(r->plan, r->index)->vars;
		return;
	}
	if (m == NULL || m->n_source_prefix_ranges == 0)
		return;
	json_arr_open(&j);
	json_str(&j, "remote_addr");
	json_str(&j, "ipmatch");
	json_arr_open(&j);
	for (size_t i = 0; i < m->n_source_prefix_ranges; i++)
		json_str(&j, job_printf(r->job, "%s/%u", m->source_prefix_ranges[i]->address_prefix,
					uint32_of(m->source_prefix_ranges[i]->prefix_len, 0)));
	json_arr_close(&j);
	json_arr_close(&j);
	strs_add(r->job, &r->vars, job_take(r->job, &b));
}

static void read_chain(struct reader *r, const xds_chain *chain, size_t index,
		       const struct path *at)
{
	r->chain = chain;
	r->index = index;
	r->closed = NULL;
	r->guards = (struct filters){ 0 };
	/* What nobody gets is told by the plan, and not looked into. */
	if (r->plan != NULL && !plan_chain(r->plan, index)->reached) {
		if (plan_chain(r->plan, index)->handshake)
			chain_tls(r, at);
		return;
	}
	chain_vars(r);
	chain_unmatched(r, at);
	chain_tls(r, at);
	chain_filters(r, at);
}

/* Can requests or connections for this listener reach APISIX at all? */
static bool listener_serves(struct job *job, const xds_listener *listener, const struct path *root)
{
	const xds_socket_address *address = listener_address(listener);
	struct path here = PATH_AT(root, "address"), original = PATH_AT(root, "use_original_dst");

	if (listener->api_listener != NULL || listener->listener_specifier_case != 0)
		return false;
	if (address == NULL) {
		job_note(job, &here, B_SKIP, "is no IP address; nothing of this listener is served");
		return false;
	}
	if (bool_of(listener->use_original_dst, false) && !job->options->capture) {
		job_note(job, &original, B_WARN,
			 "takes connections that were redirected; without capture there are none, "
			 "so nothing of it is served");
		return false;
	}
	return true;
}

/* The destinations while capture is on; with their plan when it is asked for. */
static bool read_reaches(struct reader *r, const struct path *root, struct reaches *reaches, struct plan *plan)
{
	if (!r->job->options->capture)
		return true;
	if (r->ops->address != NULL) {
		if (!plan_make(r->job, r->name, r->listener, root, plan))
			return false;
		r->plan = plan;
		r->reaches = &plan->reaches;
		return true;
	}
	reach_read(r->job, r->listener, root, reaches);
	r->reaches = reaches;
	for (size_t i = 0; r->ops->reach != NULL && i < reaches->n; i++)
		r->ops->reach(r->job, r->name, &reaches->list[i], r->arg);
	return true;
}

void listener_read(struct job *job, const struct resource *resource, bool notes,
		   const struct listener_ops *ops, void *arg)
{
	struct reader r = {
		.job = job, .ops = ops, .arg = arg, .notes = notes, .name = resource->name
	};
	struct path root = PATH_ROOT(RT_LISTENER, resource->name);
	struct path last = PATH_AT(&root, "default_filter_chain");
	struct reaches reaches = { 0 };
	xds_listener *listener;
	struct plan plan;

	listener = (xds_listener *)job_decode(job, &envoy__config__listener__v3__listener__descriptor,
					      resource->body, resource->size, &root);
	if (listener == NULL)
		return;
	r.listener = listener;
	if (notes)
		walk(job, &listener->base, &root);
	if (!listener_serves(job, listener, &root))
		return;
	if (listener_address(listener)->protocol == XDS_CORE(SOCKET_ADDRESS__PROTOCOL__UDP)) {
		listener_udp(&r, &root);
		return;
	}
	if (!listener_matcher(job, listener, &root) || !read_reaches(&r, &root, &reaches, &plan))
		return;
	for (size_t i = 0; i < r.listener->n_filter_chains; i++) {
		struct path here = PATH_INDEX(&root, "filter_chains", i);

		read_chain(&r, r.listener->filter_chains[i], i, &here);
	}
	if (r.listener->default_filter_chain != NULL)
		read_chain(&r, r.listener->default_filter_chain, r.listener->n_filter_chains,
			   &last);
	if (r.plan != NULL)
		plan_tell(r.plan, ops, arg);
}
