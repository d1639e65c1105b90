/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filter_chain_matcher in the place of the matches of the chains (TRANSLATION.md 3.1): the trees that say
 * nothing but "this port, this chain" and "else that one" become such matches; others leave the
 * listener out.  Changes the decoded listener, which lives in the job's arena.  Called by listener.c.
 */
#include <stdlib.h>
#include <string.h>

#include "any.h"
#include "chain.h"
#include "envoy/extensions_matching_common_inputs_network_v3.pb-c.h"

typedef Xds__Type__Matcher__V3__Matcher xds_matcher;
typedef Xds__Type__Matcher__V3__Matcher__OnMatch xds_on_match;
typedef Xds__Type__Matcher__V3__Matcher__MatcherTree xds_tree;
typedef Envoy__Config__Listener__V3__FilterChainMatch chain_match;

#define NO_PORT 65536u /* no connection has it */
#define PORT_INPUT \
	(&envoy__extensions__matching__common_inputs__network__v3__destination_port_input__descriptor)

struct chooser {
	struct job *job;
	xds_listener *listener;
	bool *named;	/* of each chain */
};

/* The chain that an action names, for connections to this port; 0: for the rest. False: it cannot be said. */
static bool choose(struct chooser *c, const xds_on_match *on_match, uint32_t port)
{
	const Google__Protobuf__StringValue *name;

	if (on_match == NULL || on_match->on_match_case != XDS__TYPE__MATCHER__V3__MATCHER__ON_MATCH__ON_MATCH_ACTION ||
	    on_match->action->typed_config == NULL)
		return false;
	name = (const Google__Protobuf__StringValue *)job_any(c->job, on_match->action->typed_config,
							      &google__protobuf__string_value__descriptor);
	for (size_t i = 0; name != NULL && i < c->listener->n_filter_chains; i++) {
		chain_match *match = c->listener->filter_chains[i]->filter_chain_match;

		if (strcmp(c->listener->filter_chains[i]->name, name->value) != 0)
			continue;
		if (c->named[i])
			return false;
		c->named[i] = true;
		match->destination_port->value = port;
		return true;
	}
	return false;
}

static bool choose_by_port(struct chooser *c, const xds_tree *tree)
{
	if (tree->input == NULL || tree->input->typed_config == NULL ||
	    tree->tree_type_case != XDS__TYPE__MATCHER__V3__MATCHER__MATCHER_TREE__TREE_TYPE_EXACT_MATCH_MAP ||
	    job_any(c->job, tree->input->typed_config, PORT_INPUT) == NULL)
		return false;
	for (size_t i = 0; i < tree->exact_match_map->n_map; i++) {
		const char *key = tree->exact_match_map->map[i]->key;
		char *end;
		unsigned long port = strtoul(key, &end, 10);

		if (key[0] < '0' || key[0] > '9' || *end != '\0' || port == 0 || port > UINT16_MAX ||
		    !choose(c, tree->exact_match_map->map[i]->value, (uint32_t)port))
			return false;
	}
	return true;
}

/* Matches that no connection fulfils, until a chain is named. */
static bool prepare(struct chooser *c)
{
	for (size_t i = 0; i < c->listener->n_filter_chains; i++) {
		chain_match *match = job_alloc(c->job, 1, sizeof *match);
		pb_uint32 *port = job_alloc(c->job, 1, sizeof *port);

		if (match == NULL || port == NULL)
			return false;
		envoy__config__listener__v3__filter_chain_match__init(match);
		google__protobuf__uint32_value__init(port);
		port->value = NO_PORT;
		match->destination_port = port;
		c->listener->filter_chains[i]->filter_chain_match = match;
	}
	return true;
}

static void finish(struct chooser *c, const struct path *root)
{
	for (size_t i = 0; i < c->listener->n_filter_chains; i++) {
		struct path at = PATH_INDEX(root, "filter_chains", i);

		if (!c->named[i]) {
			c->listener->filter_chains[i]->n_filters = 0;
			job_note(c->job, &at, B_INFO, "is not served: the listener's matcher does not name it");
		} else if (c->listener->filter_chains[i]->filter_chain_match->destination_port->value == 0) {
			c->listener->filter_chains[i]->filter_chain_match->destination_port = NULL;
		}
	}
}

bool listener_matcher(struct job *job, xds_listener *listener, const struct path *root)
{
	const xds_matcher *matcher = listener->filter_chain_matcher;
	struct path at = PATH_AT(root, "filter_chain_matcher");
	struct chooser c = { .job = job, .listener = listener };
	bool said;

	if (matcher == NULL)
		return true;
	c.named = job_alloc(job, listener->n_filter_chains, sizeof *c.named);
	if (c.named == NULL || !prepare(&c))
		return false;
	said = matcher->matcher_type_case == 0 ||
	       (matcher->matcher_type_case == XDS__TYPE__MATCHER__V3__MATCHER__MATCHER_TYPE_MATCHER_TREE &&
		choose_by_port(&c, matcher->matcher_tree));
	if (said && matcher->on_no_match != NULL)
		said = choose(&c, matcher->on_no_match, 0);
	if (said)
		finish(&c, root);
	else
		job_note(job, &at, B_SKIP,
			 "only a choice of chains by destination port can be said, each chain once; nothing of this "
			 "listener is served");
	return said;
}
