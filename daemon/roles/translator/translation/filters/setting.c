/* SPDX-License-Identifier: Apache-2.0 */
/*
 * typed_per_filter_config: what the levels of a route say about a filter, the most specific first
 * (a weighted cluster, the route, the virtual host, the route configuration); see filter.h.
 * Called by use.c for each filter and route, so what many routes share is read once.
 */
#include <string.h>

#include "any.h"
#include "coverage.h"
#include "filter.h"
#include "registry.h"
#include "walk.h"

typedef Envoy__Config__Route__V3__FilterConfig filter_config;

/* The entry messages of all levels have the same shape, so one reader serves them. */
static const pb_any *entry_find(void *const *entries, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		const per_filter *entry = entries[i];

		if (strcmp(entry->key, name) == 0)
			return entry->value;
	}
	return NULL;
}

#define ENTRY(message, name)                                                                       \
	entry_find((void *const *)(message)->typed_per_filter_config,                              \
		   (message)->n_typed_per_filter_config, (name))

/* What a FilterConfig wraps, if that is one. NULL: nothing, or an Any of no type, which only turns the filter on. */
static const pb_any *setting_inside(const pb_any *any, const filter_config *config)
{
	const pb_any *inside = config != NULL ? config->config : any;

	return inside != NULL && (config == NULL || inside->type_url[0] != '\0') ? inside : NULL;
}

/* A FilterConfig may wrap the setting, once. */
static void setting_read(struct job *job, const struct filter *filter, const pb_any *any,
			 struct filter_setting *ret)
{
	const ProtobufCMessageDescriptor *type =
		filter->kind != NULL ? filter->kind->per_route : NULL;
	const filter_config *config = (const filter_config *)job_any(
		job, any, &envoy__config__route__v3__filter_config__descriptor);
	const pb_any *inside = setting_inside(any, config);
	struct any opened = any_open(job, inside, NULL);

	*ret = (struct filter_setting){ .any = any };
	ret->disabled = config != NULL && config->disabled;
	ret->optional = config != NULL && config->is_optional;
	if (opened.message != NULL && opened.message->descriptor == type)
		ret->message = opened.message;
	else
		ret->strange = inside != NULL;
}

static void setting_add(struct job *job, const struct filter *filter, const pb_any *any,
			struct filter_setting *seen, const struct path *at, struct filter_use *use)
{
	struct filter_setting *setting = &use->settings[use->n_settings];

	if (any == NULL)
		return;
	if (seen != NULL && seen->any == any) {
		*setting = *seen;
	} else {
		setting_read(job, filter, any, setting);
		if (seen != NULL)
			*seen = *setting;
	}
	setting->at = at;
	use->n_settings++;
}

static bool any_same(const pb_any *a, const pb_any *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return strcmp(a->type_url, b->type_url) == 0 && a->value.len == b->value.len &&
	       (a->value.len == 0 || memcmp(a->value.data, b->value.data, a->value.len) == 0);
}

/* The setting of all clusters that get requests. False: they differ. */
static bool weights_setting(const xds_weighted *weighted, const char *name, const pb_any **ret_any)
{
	bool first = true;

	for (size_t i = 0; i < weighted->n_clusters; i++) {
		const xds_weight *c = weighted->clusters[i];
		const pb_any *any = ENTRY(c, name);

		if (uint32_of(c->weight, 0) == 0)
			continue;
		if (!first && !any_same(*ret_any, any))
			return false;
		*ret_any = any;
		first = false;
	}
	return true;
}

static void weights_add(struct job *job, const struct filter *filter,
			const struct filter_levels *levels, struct filter_use *use)
{
	const xds_route *route = levels->route;
	struct path action = PATH_AT(levels->route_at, "route");
	struct path at = PATH_AT(&action, "weighted_clusters");
	const pb_any *any = NULL;

	if (route->action_case != XDS_ROUTE(ROUTE__ACTION_ROUTE) ||
	    route->route->cluster_specifier_case !=
		    XDS_ROUTE(ROUTE_ACTION__CLUSTER_SPECIFIER_WEIGHTED_CLUSTERS))
		return;
	if (weights_setting(route->route->weighted_clusters, filter->name, &any)) {
		setting_add(job, filter, any, NULL, any != NULL ? path_keep(job, &at) : NULL, use);
		return;
	}
	if (filter->kind == NULL || filter->kind->security) {
		use->closed = true;
		job_note(job, &at, B_CLOSED,
			 "clusters of one route that differ in filter '%s' cannot be told apart in "
			 "APISIX; the route answers 403",
			 filter->name);
	} else {
		job_note(job, &at, B_WARN,
			 "clusters of one route that differ in filter '%s' cannot be told apart in "
			 "APISIX; these settings are left out",
			 filter->name);
	}
}

void filter_settings(struct job *job, struct filter *filter, const struct filter_levels *levels,
		     struct filter_use *use)
{
	if (filter->name == NULL)
		return;
	if (levels->route != NULL) {
		weights_add(job, filter, levels, use);
		setting_add(job, filter, ENTRY(levels->route, filter->name), NULL, levels->route_at,
			    use);
	}
	setting_add(job, filter, ENTRY(levels->vhost, filter->name), &filter->seen[0],
		    levels->vhost_at, use);
	setting_add(job, filter, ENTRY(levels->config, filter->name), &filter->seen[1],
		    levels->config_at, use);
}

static const struct filter *filter_named(const struct filters *filters, const char *name)
{
	for (size_t i = 0; i < filters->n; i++)
		if (filters->list[i]->name != NULL && strcmp(filters->list[i]->name, name) == 0)
			return filters->list[i];
	return NULL;
}

/* Is this the setting of some kind of filter, though there is none of that name here? */
static bool kind_takes(const char *type)
{
	const ProtobufCMessageDescriptor *desc = registry_find_url(type);

	for (size_t i = 0; desc != NULL && filter_kinds[i] != NULL; i++)
		if (filter_kinds[i]->per_route == desc)
			return true;
	return false;
}

static void report_lonely(struct job *job, const struct filter_setting *setting, const pb_any *any,
			  const struct path *at)
{
	const char *type = any_type(job, any);

	if (kind_takes(type))
		job_note(job, at, B_INFO,
			 "there is no such filter here; the setting has no effect");
	else if (setting->optional && coverage_type(type) == NULL)
		job_note(job, at, B_INFO, "optional filter '%s' is left out", type);
	else
		walk_any(job, any, at);
}

static void report_strange(struct job *job, const struct filter *filter, const struct path *at)
{
	if (filter->kind == NULL)
		job_note(job, at, B_CLOSED,
			 "the filter's settings for this place cannot be said in APISIX; what they "
			 "govern answers 403");
	else if (filter->kind->security)
		job_note(job, at, B_CLOSED,
			 "cannot be read as a setting of this filter; what it governs answers 403");
	else
		job_note(job, at, B_WARN,
			 "cannot be read as a setting of this filter and has no effect");
}

static void report_setting(struct job *job, const struct filter *filter,
			   const ProtobufCMessage *message, const pb_any *any,
			   const struct path *at)
{
	const struct type_cover *row = coverage_type(any_type(job, any));

	if (row != NULL && row->class == TYPE_USED)
		walk_any(job, any, at);
	if (filter->kind->check_setting != NULL)
		filter->kind->check_setting(job, message, at);
}

static void report_entry(struct job *job, const struct filters *filters, const per_filter *entry,
			 const struct path *at)
{
	static const struct filter nothing;
	const struct filter *filter = filter_named(filters, entry->key);
	struct path here = PATH_KEY(at, "typed_per_filter_config", entry->key);
	const filter_config *config = (const filter_config *)job_any(
		job, entry->value, &envoy__config__route__v3__filter_config__descriptor);
	const pb_any *inside = setting_inside(entry->value, config);
	struct filter_setting setting;

	setting_read(job, filter != NULL ? filter : &nothing, entry->value, &setting);
	if (inside == NULL)
		return;
	if (filter == NULL)
		report_lonely(job, &setting, inside, &here);
	else if (setting.message != NULL)
		report_setting(job, filter, setting.message, inside, &here);
	else if (!setting.disabled)
		report_strange(job, filter, &here);
}

void filters_report(struct job *job, const struct filters *filters, void *const *entries, size_t n,
		    const struct path *at)
{
	for (size_t i = 0; i < n; i++) {
		const per_filter *entry = entries[i];

		if (entry->value != NULL)
			report_entry(job, filters, entry, at);
	}
}
