/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts rules in order and writes them; see routes.h.  Called by the units of translation.c.
 */
#include "routes.h"

#include <stdlib.h>
#include <string.h>

#include "emit.h"
#include "expr.h"
#include "ids.h"
#include "xds.h"

/* Where a list's rules are published. */
struct place {
	const struct scope *scope;
	const xds_vhost *vhost;
	const char *tag; /* tells the lists of one virtual host apart */
	struct strs hosts;
	struct strs vars;
};

static void place_id(const struct place *place, const struct rule *rule, char ret_id[ID_SIZE])
{
	const char *parts[] = {
		"route",
		place->scope->listener,
		place->scope->id,
		place->scope->config->name,
		place->vhost->name,
		place->tag,
		rule->key,
	};

	id_make(ret_id, rule->name, parts, ARRAY_SIZE(parts));
}

static void write_rule(struct job *job, const struct place *place, const struct rule *rule,
		       const struct order_rule *order, bool linear)
{
	char id[ID_SIZE];

	place_id(place, rule, id);
	emit_route(job, rule,
		   &(struct route_place){
			   .id = id,
			   .chain = place->scope->at,
			   .hosts = &place->hosts,
			   .vars = &place->vars,
			   .uris = order->uris,
			   .n_uris = order->n_uris,
			   .linear = linear,
			   .priority = order->priority,
		   });
}

static struct order_rule *order_new(struct job *job, const struct rule *const *rules, size_t n)
{
	struct order_rule *order = job_alloc(job, n, sizeof *order);

	for (size_t i = 0; order != NULL && i < n; i++)
		order[i] = (struct order_rule){
			.patterns = rules[i]->patterns,
			.n_patterns = rules[i]->n_patterns,
			.last = rules[i]->last,
		};
	return order;
}

/* One list: rules in Envoy's order, each with the place where it is published. */
static void write_list(struct job *job, const struct place *const *places,
		       const struct rule *const *rules, size_t n)
{
	struct order_rule *order = order_new(job, rules, n);
	int r;

	if (order == NULL)
		return;
	r = order_rules(order, n, !job->options->no_closure, job->arena);
	if (r < 0) {
		job->failed = true;
		return;
	}
	for (size_t i = 0; i < n; i++)
		write_rule(job, places[i], rules[i], &order[i], r == ORDER_LINEAR);
}

static void write_vhost(struct job *job, struct place *place, struct rule *rules, size_t n)
{
	const struct place **places = job_alloc(job, n, sizeof *places);
	const struct rule **list = job_alloc(job, n, sizeof *list);

	if (places == NULL || list == NULL)
		return;
	for (size_t i = 0; i < n; i++) {
		places[i] = place;
		list[i] = &rules[i];
	}
	write_list(job, places, list, n);
}

static void place_vars(struct job *job, struct place *place, const char *condition)
{
	for (size_t i = 0; i < place->scope->vars.n; i++)
		strs_add(job, &place->vars, place->scope->vars.list[i]);
	if (condition != NULL)
		strs_add(job, &place->vars, condition);
}

static int compare_hosts(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* `hosts` must not name one twice; their order says nothing. */
static void hosts_finish(struct strs *hosts)
{
	size_t kept = 0;

	if (hosts->n == 0)
		return;
	qsort(hosts->list, hosts->n, sizeof(*hosts->list), compare_hosts);
	for (size_t i = 1; i < hosts->n; i++)
		if (strcmp(hosts->list[kept], hosts->list[i]) != 0)
			hosts->list[++kept] = hosts->list[i];
	hosts->n = kept + 1;
}

/* All hosts that need no condition: one group. */
static bool group_plain(struct job *job, const struct domain *domains, size_t n,
			struct place *place)
{
	for (size_t i = 0; i < n; i++)
		if ((domains[i].class == DOMAIN_EXACT || domains[i].class == DOMAIN_SUFFIX) &&
		    domains[i].regex == NULL)
			strs_add(job, &place->hosts, domains[i].host);
	hosts_finish(&place->hosts);
	place->tag = "";
	place_vars(job, place, NULL);
	return place->hosts.n > 0;
}

/* All exact hosts with a condition: one group, the condition lists them all. */
static bool group_exact(struct job *job, const struct domain *domains, size_t n,
			struct place *place)
{
	struct buf b = BUF_INIT;
	const char *regex;

	for (size_t i = 0; i < n; i++) {
		if (domains[i].class != DOMAIN_EXACT || domains[i].regex == NULL)
			continue;
		strs_add(job, &place->hosts, domains[i].host);
		buf_printf(&b, "%s%s", b.len > 0 ? "|" : "", domains[i].regex);
	}
	regex = job_take(job, &b);
	hosts_finish(&place->hosts);
	place->tag = "exact";
	place_vars(job, place, expr_op(job, "http_host", "~*", regex));
	return place->hosts.n > 0;
}

/* A suffix host with a condition: a group of its own, so that the condition cannot reach into a longer one. */
static bool group_suffix(struct job *job, const struct domain *domain, struct place *place)
{
	if (domain->class != DOMAIN_SUFFIX || domain->regex == NULL)
		return false;
	strs_add(job, &place->hosts, domain->host);
	place->tag = domain->text;
	place_vars(job, place, domain_condition(job, domain));
	return true;
}

static void write_hosted(struct job *job, const struct scope *scope, const xds_vhost *vhost, size_t index)
{
	struct place plain = { .scope = scope, .vhost = vhost }, exact = plain;
	size_t n_domains = 0, n_rules = 0;
	struct domain *domains = vhost_domains(job, scope, index, &n_domains);
	struct rule *rules = NULL;

	for (size_t i = 0; i < n_domains && rules == NULL; i++)
		if (domains[i].class == DOMAIN_EXACT || domains[i].class == DOMAIN_SUFFIX)
			rules = vhost_rules(job, scope, vhost, index, &n_rules);
	if (rules == NULL)
		return;
	if (group_plain(job, domains, n_domains, &plain))
		write_vhost(job, &plain, rules, n_rules);
	if (group_exact(job, domains, n_domains, &exact))
		write_vhost(job, &exact, rules, n_rules);
	for (size_t i = 0; i < n_domains; i++) {
		struct place suffix = { .scope = scope, .vhost = vhost };

		if (group_suffix(job, &domains[i], &suffix))
			write_vhost(job, &suffix, rules, n_rules);
	}
}

void routes_hosted(struct job *job, const struct scope *scope)
{
	for (size_t i = 0; i < scope->config->n_virtual_hosts; i++) {
		const xds_vhost *vhost;

		job_part_begin(job);
		vhost = vhost_decode(job, scope, i);
		if (vhost != NULL)
			write_hosted(job, scope, vhost, i);
		filters_forget(&scope->filters);
		job_part_end(job);
	}
}

struct hostless_entry {
	struct domain domain;
	struct place place;
	struct rule *rules;
	size_t n_rules;
	size_t index; /* as it came: by listener, scope, virtual host */
};

/* The scope lives on the caller's stack. */
static const struct scope *scope_keep(struct job *job, const struct scope *scope)
{
	struct scope *copy = job_alloc(job, 1, sizeof *copy);

	if (copy == NULL)
		return NULL;
	*copy = *scope;
	copy->notes = false; /* routes_hosted() has reported */
	copy->at = path_keep(job, scope->at);
	copy->config_at = path_keep(job, scope->config_at);
	return copy;
}

void hostless_add(struct hostless *list, const struct scope *given)
{
	struct job *job = list->job;
	const struct scope *scope = scope_keep(job, given);

	for (size_t v = 0; scope != NULL && v < scope->config->n_virtual_hosts; v++) {
		size_t n_domains = 0, n_rules = 0;
		struct domain *domains = vhost_domains(job, scope, v, &n_domains);
		const xds_vhost *vhost = NULL;
		struct rule *rules = NULL;

		for (size_t i = 0; i < n_domains; i++) {
			struct hostless_entry entry = { .domain = domains[i], .index = list->n };

			if (domains[i].class != DOMAIN_PREFIX && domains[i].class != DOMAIN_ANY)
				continue;
			if (vhost == NULL && (vhost = vhost_decode(job, scope, v)) == NULL)
				break;
			if (rules == NULL)
				rules = vhost_rules(job, scope, vhost, v, &n_rules);
			if (rules == NULL || !job_grow(job, (void **)&list->entries, list->n,
						       &list->cap, sizeof entry))
				return;
			entry.place = (struct place){ .scope = scope,
						      .vhost = vhost,
						      .tag = domains[i].text };
			place_vars(job, &entry.place, domain_condition(job, &domains[i]));
			entry.rules = rules;
			entry.n_rules = n_rules;
			list->entries[list->n++] = entry;
		}
	}
	if (list->first == NULL && scope != NULL)
		list->first = scope->at;
}

/* Exact and suffix names that `hosts` cannot hold come first, then prefixes with "*" as the shortest. */
static int hostless_rank(const char *text, size_t len)
{
	return text[len - 1] == '*' ? 2 : text[0] == '*';
}

static int compare_entries(const void *a, const void *b)
{
	const struct hostless_entry *x = a, *y = b;
	size_t x_len = strlen(x->domain.text), y_len = strlen(y->domain.text);
	int x_rank = hostless_rank(x->domain.text, x_len);
	int y_rank = hostless_rank(y->domain.text, y_len);

	if (x_rank != y_rank)
		return x_rank - y_rank;
	if (x_len != y_len)
		return x_len > y_len ? -1 : 1;
	return (x->index > y->index) - (x->index < y->index);
}

/* Nobody has "*": what no virtual host wants gets Envoy's 404. */
static void write_nobody(struct job *job, const struct path *at, const struct scope *scope, struct rule *rule,
			 struct place *place)
{
	static const struct pattern all = { .text = "/", .prefix = true };
	static const xds_vhost no_vhost = { .name = (char *)"" };
	static const xds_route_config no_config = { .name = (char *)"" };
	static const struct scope no_scope = { .listener = "", .id = "", .config = &no_config };

	*rule = (struct rule){ .key = "no-virtual-host",
			       .name = "no virtual host",
			       .at = at,
			       .path = "",
			       .last = true };
	if (scope != NULL)
		rule->name = job_printf(job, "%s/no virtual host", scope->listener);
	rule->patterns = arena_memdup(job->arena, &all, sizeof all);
	rule->n_patterns = rule->patterns != NULL;
	job->failed |= rule->patterns == NULL;
	rule_abort(job, rule, 404, "");
	*place = (struct place){ .scope = scope != NULL ? scope : &no_scope, .vhost = &no_vhost, .tag = "nobody" };
	place_vars(job, place, NULL);
}

void hostless_write(struct hostless *list)
{
	struct job *job = list->job;
	const struct place **places;
	const struct rule **rules;
	struct place nobody_place;
	struct rule nobody;
	size_t total = 1, n = 0;

	if (list->n > 1)
		qsort(list->entries, list->n, sizeof *list->entries, compare_entries);
	for (size_t i = 0; i < list->n; i++)
		total += list->entries[i].n_rules;
	places = job_alloc(job, total, sizeof *places);
	rules = job_alloc(job, total, sizeof *rules);
	if (places == NULL || rules == NULL || list->first == NULL)
		return;
	for (size_t i = 0; i < list->n; i++) {
		for (size_t k = 0; k < list->entries[i].n_rules; k++, n++) {
			places[n] = &list->entries[i].place;
			rules[n] = &list->entries[i].rules[k];
		}
	}
	if (list->n == 0 || list->entries[list->n - 1].domain.class != DOMAIN_ANY) {
		write_nobody(job, list->first, list->scope, &nobody, &nobody_place);
		places[n] = &nobody_place;
		rules[n++] = &nobody;
	}
	write_list(job, places, rules, n);
}

void routes_hostless(struct job *job, const struct scope *given)
{
	struct hostless list = { .job = job };

	list.scope = scope_keep(job, given);
	if (list.scope == NULL)
		return;
	hostless_add(&list, list.scope);
	hostless_write(&list);
}
