/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes a listener apart (TRANSLATION.md 3): where it is reached, and its filter chains one by one.
 * Called by the units of translation.c: to collect claims, to write routes, to write the host-less list.
 */
#include "chain.h"
#include "json.h"
#include "walk.h"

const xds_socket_address *listener_address(const xds_listener *listener)
{
	if (listener->address == NULL ||
	    listener->address->address_case != XDS_CORE(ADDRESS__ADDRESS_SOCKET_ADDRESS))
		return NULL;
	return listener->address->socket_address;
}

/* What tells the requests of this listener from others; the seam for address identities (DESIGN 5). */
static void listener_vars(struct job *job, const xds_listener *listener, struct strs *ret_vars)
{
	(void)job;
	(void)listener;
	(void)ret_vars;
}

/* Clients that the chain is for: [remote_addr, ipmatch, [...]]. */
static void chain_vars(struct reader *r)
{
	const Envoy__Config__Listener__V3__FilterChainMatch *m = r->chain->filter_chain_match;
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	r->vars = (struct strs){ 0 };
	listener_vars(r->job, r->listener, &r->vars);
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
	chain_vars(r);
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
	if (address == NULL || address->protocol == XDS_CORE(SOCKET_ADDRESS__PROTOCOL__UDP)) {
		job_note(job, &here, B_SKIP, "is no TCP address; nothing of this listener is served");
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

void listener_read(struct job *job, const struct resource *resource, bool notes,
		   const struct listener_ops *ops, void *arg)
{
	struct reader r = {
		.job = job, .ops = ops, .arg = arg, .notes = notes, .name = resource->name
	};
	struct path root = PATH_ROOT(RT_LISTENER, resource->name);
	struct path last = PATH_AT(&root, "default_filter_chain");

	r.listener = (const xds_listener *)job_decode(
		job, &envoy__config__listener__v3__listener__descriptor, resource->body,
		resource->size, &root);
	if (r.listener == NULL)
		return;
	if (notes)
		walk(job, &r.listener->base, &root);
	if (!listener_serves(job, r.listener, &root))
		return;
	for (size_t i = 0; i < r.listener->n_filter_chains; i++) {
		struct path here = PATH_INDEX(&root, "filter_chains", i);

		read_chain(&r, r.listener->filter_chains[i], i, &here);
	}
	if (r.listener->default_filter_chain != NULL)
		read_chain(&r, r.listener->default_filter_chain, r.listener->n_filter_chains,
			   &last);
}
