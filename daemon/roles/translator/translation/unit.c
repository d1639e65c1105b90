/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One unit at a time: translate it, compare with what it gave before, put out the difference, and
 * keep the edges of the graph; see unit.h.
 */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addresses.h"
#include "cluster.h"
#include "metadata.h"
#include "reach.h"
#include "routes.h"
#include "patch.h"
#include "scope.h"
#include "vet.h"
#include "tls.h"

static struct resource *op_find(void *arg, enum rt type, const char *name)
{
	const struct translation *t = arg;

	return t->ops.find(t->arg, type, name);
}

static int op_each(void *arg, enum rt type, int (*fn)(struct resource *r, void *fn_arg),
		   void *fn_arg)
{
	const struct translation *t = arg;

	return t->ops.each(t->arg, type, fn, fn_arg);
}

static const char *op_owner(void *arg, const struct claim *claim)
{
	const struct translation *t = arg;

	return claim_owner(&t->graph, claim);
}

/* One whose unit has not been done is taken for good; those who asked are done again if it is not. */
static bool op_presented(void *arg, const char *secret)
{
	const struct translation *t = arg;
	const struct node *node = graph_find(&t->graph, RT_SECRET, secret);

	return node == NULL || !node->useless;
}

static struct cluster_facts op_facts(void *arg, const char *cluster);

static const struct job_ops job_ops = {
	.find = op_find, .facts = op_facts, .each = op_each, .presented = op_presented, .owner = op_owner
};

static struct job job_of(struct translation *t, struct arena *arena, struct out *out)
{
	return (struct job){
		.options = &t->options,
		.coverage = t->coverage,
		.apisix = t->apisix,
		.shells = &t->shells,
		.ops = &job_ops,
		.arg = t,
		.arena = arena,
		.lasting = arena,
		.out = out,
	};
}

/* Decodes the cluster apart from the unit that asks. */
static int facts_read(struct translation *t, const char *cluster, struct cluster_facts *ret)
{
	struct out scratch = { 0 };
	struct job job = job_of(t, &t->facts_arena, &scratch);
	bool failed;

	*ret = cluster_read(&job, t->ops.find(t->arg, RT_CLUSTER, cluster));
	failed = job.failed || out_error(&scratch) < 0;
	out_deinit(&scratch);
	arena_reset(&t->facts_arena);
	return failed ? -ENOMEM : 0;
}

static struct cluster_facts op_facts(void *arg, const char *cluster)
{
	struct translation *t = arg;
	struct node *node = graph_find(&t->graph, RT_CLUSTER, cluster);
	struct cluster_facts facts;

	if (node != NULL && node->facts_known)
		return node->facts;
	if (facts_read(t, cluster, &facts) == 0 && node != NULL) {
		node->facts = facts;
		node->facts_known = true;
	}
	return facts;
}

/* Routes are done again when something has changed that they know. */
static int facts_keep(struct translation *t, struct node *node, const struct cluster_facts *facts)
{
	bool changed = !node->facts_known || !cluster_facts_equal(&node->facts, facts);

	node->facts = *facts;
	node->facts_known = true;
	return changed ? units_mark(&t->graph, &node->users, false) : 0;
}

static int scan_cluster(struct translation *t, struct unit *unit)
{
	struct node *node = unit->node;
	struct cluster_facts facts;
	int r = facts_read(t, node->name, &facts);

	if (r < 0)
		return r;
	return facts_keep(t, node, &facts);
}

struct scan {
	struct claim *claims; /* owned */
	size_t n;
	bool failed;
};

static void scan_add(struct scan *scan, const struct claim *claim)
{
	if (!claim_list_add(&scan->claims, &scan->n, claim))
		scan->failed = true;
}

static void scan_http(struct job *job, const struct scope *scope, void *arg)
{
	struct claim here = { .node = CLAIM_SCOPE,
			      .part = scope->claimant,
			      .claimant = scope->claimant };
	const xds_route_config *config = scope->config;

	/* With capture on, conditions tell listeners apart, not hosts. */
	if (!job->options->capture)
		scan_add(arg, &here);
	if (metadata_claim(job, scope, &here))
		scan_add(arg, &here);
	for (size_t v = 0; !job->options->capture && v < config->n_virtual_hosts; v++) {
		for (size_t i = 0; i < config->virtual_hosts[v]->n_domains; i++) {
			struct domain d = domain_parse(job, config->virtual_hosts[v]->domains[i],
						       scope->port_mode, scope->port,
						       scope->dotted);
			struct claim claim = domain_claim(job, &d, scope->claimant);

			if (d.class != DOMAIN_NEVER)
				scan_add(arg, &claim);
		}
	}
}

static void scan_stream(struct job *job, const struct stream_chain *chain, void *arg)
{
	(void)job;
	for (size_t i = 0; chain->closed == NULL && i < chain->n_spots; i++)
		scan_add(arg, &chain->spots[i].claim);
}

static void scan_reach(struct job *job, const char *listener, const struct reach *reach, void *arg)
{
	struct claim claim = reach_claim(reach, listener);

	(void)job;
	scan_add(arg, &claim);
}

static void scan_tls(struct job *job, const struct tls_chain *chain, void *arg)
{
	struct claim *claims;
	size_t n = tls_claims(job, chain, &claims);

	for (size_t i = 0; i < n; i++)
		scan_add(arg, &claims[i]);
}

static int scan_listener(struct translation *t, struct unit *unit)
{
	static const struct listener_ops ops = { .tls = scan_tls, .http = scan_http, .stream = scan_stream,
						 .reach = scan_reach };
	const struct resource *r = t->ops.find(t->arg, RT_LISTENER, unit->node->name);
	struct out scratch = { 0 };
	struct job job = job_of(t, &t->arena, &scratch);
	struct scan scan = { 0 };
	bool failed;

	if (r != NULL)
		listener_read(&job, r, false, &ops, &scan);
	failed = job.failed || scan.failed || out_error(&scratch) < 0;
	out_deinit(&scratch);
	arena_reset(&t->arena);
	if (failed) {
		claim_list_free(scan.claims, scan.n);
		return -ENOMEM;
	}
	return claims_replace(&t->graph, unit, scan.claims, scan.n);
}

int unit_scan(struct translation *t, struct unit *unit)
{
	int r = 0;

	if (unit->kind == UNIT_CLUSTER)
		r = scan_cluster(t, unit);
	else if (unit->kind == UNIT_LISTENER)
		r = scan_listener(t, unit);
	if (r == 0)
		unit->unscanned = false;
	return r;
}

static void write_http(struct job *job, const struct scope *scope, void *arg)
{
	struct scope own = *scope;

	(void)arg;
	observe_read(job, scope, &own.observe);
	observe_write(job, &own);
	routes_hosted(job, &own);
	if (job->options->capture)
		routes_hostless(job, &own);
}

static void write_tls(struct job *job, const struct tls_chain *chain, void *arg)
{
	(void)arg;
	tls_write(job, chain);
}

static void write_stream(struct job *job, const struct stream_chain *chain, void *arg)
{
	(void)arg;
	stream_write(job, chain);
}

static void write_address(struct job *job, const struct translation_address *a, void *arg)
{
	const struct path *root = arg;
	struct buf b = BUF_INIT;

	buf_printf(&b, "%s %s", a->identity, address_target_name(a->target));
	out_object(job->out, ADDRESSES, a->destination, &b, &root, 1);
	buf_deinit(&b);
}

static void write_mesh(struct job *job, const char *listener, const char *identity, enum address_target target,
		       void *arg)
{
	mesh_write(job, listener, identity, target, arg);
}

static void write_listener(struct translation *t, struct job *job, struct unit *unit)
{
	static const struct listener_ops ops = { .tls = write_tls,
						 .http = write_http,
						 .stream = write_stream,
						 .mesh = write_mesh,
						 .address = write_address };
	const struct resource *r = t->ops.find(t->arg, RT_LISTENER, unit->node->name);
	struct path root = PATH_ROOT(RT_LISTENER, unit->node->name);

	if (r != NULL)
		listener_read(job, r, true, &ops, &root);
}

static void write_hostless(struct job *job, const struct scope *scope, void *arg)
{
	struct scope own = *scope;

	observe_read(job, scope, &own.observe);
	hostless_add(arg, &own);
}

/* Listeners that claim a part of the host-less list, by name. */
static int hostless_units(struct translation *t, struct unit_list *ret)
{
	const struct contested *c, *next;
	int r = 0;

	HASH_ITER (hh, t->graph.contested, c, next) {
		if (strncmp(c->name, CLAIM_ANY, strlen(CLAIM_ANY)) != 0)
			continue;
		for (size_t i = 0; i < c->n && r == 0; i++)
			r = unit_list_add(ret, c->list[i].unit);
	}
	if (ret->n > 1)
		qsort(ret->list, ret->n, sizeof(*ret->list), unit_compare);
	return r;
}

static void write_list(struct translation *t, struct job *job)
{
	static const struct listener_ops ops = { .http = write_hostless };
	const char *name = claim_first_listener(&t->graph);
	struct path first = PATH_ROOT(RT_LISTENER, name);
	struct hostless list = { .job = job, .first = name != NULL ? &first : NULL };
	struct unit_list units = { 0 };

	if (hostless_units(t, &units) < 0)
		job->failed = true;
	for (size_t i = 0; i < units.n; i++) {
		const struct resource *r = job_find(job, RT_LISTENER, units.list[i]->node->name);

		if (r != NULL)
			listener_read(job, r, false, &ops, &list);
	}
	free(units.list);
	hostless_write(&list);
}

static void write_cluster(struct translation *t, struct job *job, struct unit *unit)
{
	struct node *node = unit->node;
	const struct variant **variants = job_alloc(job, node->n_wanted, sizeof *variants);
	struct cluster_facts facts;

	for (size_t i = 0; variants != NULL && i < node->n_wanted; i++)
		variants[i] = node->wanted[i].variant;
	if (variants == NULL)
		return;
	facts = cluster_write(job, node->name, t->ops.find(t->arg, RT_CLUSTER, node->name),
			      variants, node->n_wanted);
	/* Endpoints and other clusters have a part in them, whose changes nobody scans. */
	if (!job->failed && facts_keep(t, node, &facts) < 0)
		job->failed = true;
}

static int compare_claims(const void *a, const void *b)
{
	const struct metadata_claim *x = a, *y = b;
	int r = strcmp(x->claim->claimant, y->claim->claimant);

	return r != 0 ? r : strcmp(x->claim->part, y->claim->part);
}

static void write_metadata(struct translation *t, struct job *job)
{
	const struct contested *c = NULL;
	struct metadata_claim *claims;

	HASH_FIND_STR(t->graph.contested, CLAIM_METADATA, c);
	claims = c != NULL ? job_alloc(job, c->n, sizeof *claims) : NULL;
	if (claims == NULL)
		return;
	for (size_t i = 0; i < c->n; i++)
		claims[i] = (struct metadata_claim){ c->list[i].claim,
						     c->list[i].unit->node->name };
	qsort(claims, c->n, sizeof *claims, compare_claims);
	metadata_write(job, claims, c->n);
}

/* Nobody wants it any more: nothing is said, and the objects go. */
static void write_secret(struct translation *t, struct job *job, struct unit *unit)
{
	struct node *node = unit->node;

	if (node->n_wanted > 0)
		client_ssl_write(job, node->name, t->ops.find(t->arg, RT_SECRET, node->name));
}

static int translate(struct translation *t, struct unit *unit, struct out *out)
{
	struct job job = job_of(t, &t->arena, out);

	job.passing = &t->passing;
	if (unit->kind == UNIT_LISTENER)
		write_listener(t, &job, unit);
	else if (unit->kind == UNIT_HOSTLESS)
		write_list(t, &job);
	else if (unit->kind == UNIT_METADATA)
		write_metadata(t, &job);
	else if (unit->kind == UNIT_OVERLAY)
		t->overlay_used = overlay_write(&job);
	else if (unit->kind == UNIT_SECRET)
		write_secret(t, &job, unit);
	else
		write_cluster(t, &job, unit);
	out_finish(out);
	vet(t->apisix, &unit->out, out);
	arena_reset(&t->arena);
	return job.failed ? -ENOMEM : out_error(out);
}

static int compare_key(const void *key, const void *object)
{
	return strcmp(key, ((const struct object *)object)->key);
}

static bool unit_has(const struct unit *unit, const char *key)
{
	return unit != NULL && unit->out.n_objects > 0 &&
	       bsearch(key, unit->out.objects, unit->out.n_objects, sizeof *unit->out.objects, compare_key) != NULL;
}

/* Consumers belong to all who want them: does another unit? */
static bool shared(const struct translation *t, const struct unit *unit, const char *key)
{
	const struct node *node, *next;

	if (strncmp(key, "consumers/", strlen("consumers/")) != 0)
		return false;
	if (unit->kind != UNIT_HOSTLESS && unit_has(t->graph.shared[UNIT_HOSTLESS], key))
		return true;
	HASH_ITER (hh, t->graph.nodes, node, next)
		if (node->unit != unit && unit_has(node->unit, key))
			return true;
	return false;
}

/* object NULL: it is gone. */
static void put_out(struct translation *t, const struct unit *unit, const char *key, const struct object *object)
{
	if (is_address(key))
		addresses_put(t, unit, key + strlen(ADDRESSES "/"), object);
	else if (object == NULL && !shared(t, unit, key))
		t->ops.del(t->arg, key);
	else if (object != NULL)
		t->ops.put(t->arg, key, object->value, object->size);
}

/* Puts and dels; afterwards the values are gone. */
static void difference(struct translation *t, const struct unit *unit, struct out *out)
{
	const struct out *old = &unit->out;
	size_t i = 0, k = 0;

	while (i < old->n_objects || k < out->n_objects) {
		int order = i == old->n_objects ? 1 :
			    k == out->n_objects ? -1 :
						  strcmp(old->objects[i].key, out->objects[k].key);

		if (order < 0)
			put_out(t, unit, old->objects[i].key, NULL);
		else if (order > 0 || unit->forget || old->objects[i].hash != out->objects[k].hash)
			put_out(t, unit, out->objects[k].key, &out->objects[k]);
		i += order <= 0;
		k += order >= 0;
	}
	for (k = 0; k < out->n_objects; k++)
		out->objects[k].value = NULL;
}

/* Edges of what the unit reads and wants. add: +1, else -1. */
static int edges(struct translation *t, struct unit *unit, const struct out *out, bool add)
{
	struct graph *g = &t->graph;
	int r = 0;

	for (size_t i = 0; i < out->n_deps && r == 0; i++) {
		struct node *node = add ? graph_node(g, out->deps[i].type, out->deps[i].name) :
					  graph_find(g, out->deps[i].type, out->deps[i].name);

		if (node == NULL)
			return add ? -ENOMEM : 0;
		if (add)
			r = unit_list_add(&node->users, unit);
		else
			unit_list_remove(&node->users, unit);
		if (r == 0)
			r = graph_touch(g, node);
	}
	for (size_t i = 0; i < out->n_refs && r >= 0; i++) {
		struct node *node = graph_node(g, out->refs[i].type, out->refs[i].name);
		struct unit *cluster = node != NULL ? graph_unit(g, node) : NULL;

		if (cluster == NULL)
			return -ENOMEM;
		r = add ? wanted_add(node, out->refs[i].variant) :
			  wanted_remove(node, out->refs[i].variant);
		if (r <= 0)
			continue;
		r = unit_mark_urgent(g, cluster);
	}
	return r < 0 ? r : 0;
}

/* Whom the notes are about. */
static int reporters(struct translation *t, struct unit *unit, const struct out *out, bool add)
{
	const struct note *last = NULL;
	int r = 0;

	for (size_t i = 0; i < out->notes.n && r == 0; i++) {
		const struct note *note = &out->notes.list[i];
		struct node *node;

		if (last != NULL && last->type == note->type && strcmp(last->name, note->name) == 0)
			continue;
		last = note;
		node = graph_node(&t->graph, note->type, note->name);
		if (node == NULL)
			return -ENOMEM;
		if (add)
			r = unit_list_add(&node->reporters, unit);
		else
			unit_list_remove(&node->reporters, unit);
		if (r == 0)
			r = graph_touch(&t->graph, node);
	}
	return r;
}

/* Both lists are sorted. */
static bool same_edges(const struct out *a, const struct out *b)
{
	if (a->n_deps != b->n_deps || a->n_refs != b->n_refs)
		return false;
	for (size_t i = 0; i < a->n_deps; i++)
		if (dep_compare(&a->deps[i], &b->deps[i]) != 0)
			return false;
	for (size_t i = 0; i < a->n_refs; i++)
		if (ref_compare(&a->refs[i], &b->refs[i]) != 0)
			return false;
	return true;
}

/* New edges before the old ones go, so that what both have never looks unused. */
static int edges_replace(struct translation *t, struct unit *unit, const struct out *out)
{
	const struct out deps = { .deps = out->deps, .n_deps = out->n_deps };
	int r;

	if (same_edges(out, &unit->out))
		return 0;
	r = edges(t, unit, out, true);
	if (r == 0)
		r = edges(t, unit, &unit->out, false);
	/* What both had is gone now. */
	return r == 0 ? edges(t, unit, &deps, true) : r;
}

static int reporters_replace(struct translation *t, struct unit *unit, const struct out *out)
{
	int r = reporters(t, unit, out, true);

	if (r == 0)
		r = reporters(t, unit, &unit->out, false);
	return r == 0 ? reporters(t, unit, out, true) : r;
}

/* Whom it concerns that the secret can be presented now, or no longer; still in the same run. */
static int presented_keep(struct translation *t, struct unit *unit, const struct out *out)
{
	_cleanup_free_ char *name = NULL;
	bool useless = unit->node->n_wanted > 0 && out->n_objects == 0;
	const struct node *node;
	int r = 0;

	if (useless == unit->node->useless)
		return 0;
	unit->node->useless = useless;
	if (asprintf(&name, SECRET_PRESENTED "%s", unit->node->name) < 0)
		return -ENOMEM;
	node = graph_find(&t->graph, RT_SECRET, name);
	for (size_t i = 0; node != NULL && i < node->users.n && r == 0; i++)
		r = unit_mark_urgent(&t->graph, node->users.list[i]);
	return r;
}

int unit_do(struct translation *t, struct unit *unit)
{
	struct out out = { .arena = &t->objects };
	int r = unit_refresh(t, unit);

	if (r > 0)
		unit_clear(&t->graph, unit);
	if (r != 0)
		return MIN(r, 0);
	r = translate(t, unit, &out);
	if (r == 0)
		r = out_pack(&out);
	if (r < 0) {
		out_deinit(&out);
		arena_reset(&t->objects);
		return r;
	}
	r = edges_replace(t, unit, &out);
	if (r == 0)
		r = reporters_replace(t, unit, &out);
	if (r == 0 && unit->kind == UNIT_SECRET)
		r = presented_keep(t, unit, &out);
	difference(t, unit, &out);
	out_deinit(&unit->out);
	arena_reset(&t->objects);
	unit->out = out;
	if (unit->node != NULL && r == 0)
		r = graph_touch(&t->graph, unit->node);
	if (r == 0)
		unit_clear(&t->graph, unit);
	return r;
}
