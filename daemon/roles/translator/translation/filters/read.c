/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the http_filters of a connection manager; see filter.h.  Called by listener.c once for each.
 * What means nothing for routes is reported here and forgotten; what guards access and cannot be
 * read stays in the list, so that its routes are closed.
 */
#include <string.h>

#include "any.h"
#include "coverage.h"
#include "feature.h"
#include "envoy/extensions_common_matching_v3.pb-c.h"
#include "filter.h"
#include "registry.h"
#include "scope.h"
#include "walk.h"

typedef Envoy__Config__Core__V3__ExtensionConfigSource extension_source;
typedef Envoy__Config__Core__V3__TypedExtensionConfig extension;
typedef Envoy__Extensions__Common__Matching__V3__ExtensionWithMatcher matched_extension;

const struct filter_kind *filter_kind_of(const char *type)
{
	const ProtobufCMessageDescriptor *desc = registry_find_url(type);

	for (size_t i = 0; desc != NULL && filter_kinds[i] != NULL; i++)
		if (filter_kinds[i]->type == desc)
			return filter_kinds[i];
	return NULL;
}

void filter_add(struct job *job, struct filters *filters, const struct filter *given)
{
	struct filter *filter = job_alloc(job, 1, sizeof *filter);

	if (filter == NULL || !job_grow(job, (void **)&filters->list, filters->n, &filters->cap,
					sizeof(*filters->list)))
		return;
	*filter = *given;
	filter->at = path_keep(job, given->at);
	filter->memo = job_alloc(job, 2, sizeof(*filter->memo));
	filters->list[filters->n++] = filter;
}

/* May a filter of this type refuse requests? */
static bool type_guards(const char *type)
{
	const struct type_cover *row = coverage_type(type);
	const struct filter_kind *kind = filter_kind_of(type);

	return (row != NULL && row->class == TYPE_SECURITY) || (kind != NULL && kind->security);
}

/* A filter that a matcher turns on for some requests: what it guards is closed to all. */
static bool filter_matched(struct job *job, struct filters *filters, struct filter *filter,
			   const struct path *at)
{
	const matched_extension *m = (const matched_extension *)filter->config;
	const char *type;

	if (m == NULL ||
	    m->base.descriptor !=
		    &envoy__extensions__common__matching__v3__extension_with_matcher__descriptor)
		return false;
	type = m->extension_config != NULL ? any_type(job, m->extension_config->typed_config) : "";
	if (type_guards(type)) {
		job_note(job, at, B_CLOSED,
			 "a matcher cannot turn on '%s' in APISIX; what it governs answers 403", type);
		filter_add(job, filters, filter);
	} else {
		job_note(job, at, B_WARN,
			 "a matcher cannot turn on '%s' in APISIX; the filter is left out", type);
	}
	return true;
}

/* A configuration, wherever it came from; `at` is the place of the Any. */
static void filter_open(struct job *job, struct filters *filters, const xds_http_filter *from,
			const pb_any *any, const struct path *at)
{
	struct any inside = any_open(job, any, NULL);
	const struct type_cover *row = coverage_type(inside.type);
	struct filter filter = {
		.name = from->name,
		.type = row != NULL ? row->name : inside.type,
		.kind = filter_kind_of(inside.type),
		.config = inside.message,
		.off = from->disabled,
		.at = at,
	};

	if (filter_matched(job, filters, &filter, at))
		return;
	if (feature_leaves_out(job, inside.type, at)) {
		return;
	} else if (filter.kind != NULL) {
		if (row != NULL && row->class == TYPE_USED)
			walk_any(job, any, at);
		if (filter.config != NULL || filter.kind->security)
			filter_add(job, filters, &filter);
	} else if (row != NULL && row->class == TYPE_SECURITY) {
		job_note(job, at, row->behaviour, "%s", row->reason);
		filter_add(job, filters, &filter);
	} else if (row == NULL && from->is_optional) {
		job_note(job, at, B_INFO, "optional filter '%s' is left out", inside.type);
	} else if (row == NULL) {
		job_note(job, at, B_WARN, "filter '%s' is not translated", inside.type);
	} else {
		walk_any(job, any, at);
	}
}

static bool source_allows(const extension_source *source, const char *type)
{
	const ProtobufCMessageDescriptor *desc = registry_find_url(type);

	for (size_t i = 0; i < source->n_type_urls; i++)
		if (strcmp(source->type_urls[i], type) == 0 ||
		    (desc != NULL && registry_find_url(source->type_urls[i]) == desc))
			return true;
	return false;
}

/* The extension resource of this name. True: there is one, and it was read. */
static bool discovered(struct job *job, struct filters *filters, const xds_http_filter *from,
		       const struct path *at)
{
	const struct resource *r = job_find(job, RT_EXTENSION, from->name);
	struct path root = PATH_ROOT(RT_EXTENSION, from->name);
	struct path inside = PATH_AT(&root, "typed_config");
	const extension *found;
	const char *type;

	if (r == NULL)
		return false;
	found = (const extension *)job_decode(
		job, &envoy__config__core__v3__typed_extension_config__descriptor, r->body, r->size,
		&root);
	if (found == NULL || found->typed_config == NULL)
		return false;
	type = any_type(job, found->typed_config);
	if (!source_allows(from->config_discovery, type)) {
		job_note(job, at, B_WARN,
			 "extension '%s' is a '%s', which type_urls does not allow; it is not used",
			 from->name, type);
		return false;
	}
	filter_open(job, filters, from, found->typed_config, &inside);
	return true;
}

/* Nothing is known yet but what it may be. */
static void missing(struct job *job, struct filters *filters, const xds_http_filter *from,
		    const struct path *at)
{
	const extension_source *source = from->config_discovery;

	for (size_t i = 0; i < source->n_type_urls; i++) {
		const struct type_cover *row = coverage_type(source->type_urls[i]);
		struct filter filter = { .name = from->name, .off = from->disabled, .at = at };

		if (row == NULL || !type_guards(source->type_urls[i]))
			continue;
		if (feature_leaves_out(job, source->type_urls[i], at))
			return;
		filter.type = row->name;
		job_note(job, at, B_CLOSED,
			 "extension '%s' is not there; it may be a '%s', which refuses requests, so "
			 "its routes answer 403 until it comes",
			 from->name, row->name);
		filter_add(job, filters, &filter);
		return;
	}
	job_note(job, at, B_WARN,
		 "extension '%s' is not there; requests pass without the filter until it comes",
		 from->name);
}

static void filter_discover(struct job *job, struct filters *filters, const xds_http_filter *from,
			    const struct path *at)
{
	struct path here = PATH_AT(at, "config_discovery");
	struct path otherwise = PATH_AT(&here, "default_config");

	if (discovered(job, filters, from, &here))
		return;
	if (from->config_discovery->default_config == NULL) {
		missing(job, filters, from, &here);
		return;
	}
	job_note(job, &here, B_INFO,
		 "extension '%s' is not there; default_config is used until it comes", from->name);
	filter_open(job, filters, from, from->config_discovery->default_config, &otherwise);
}

static void filter_read(struct job *job, struct filters *filters, const xds_http_filter *from,
			const struct path *at)
{
	struct path here = PATH_AT(at, "typed_config");

	if (from->config_type_case == XDS_HCM(HTTP_FILTER__CONFIG_TYPE_CONFIG_DISCOVERY) &&
	    from->config_discovery != NULL)
		filter_discover(job, filters, from, at);
	else if (from->config_type_case == XDS_HCM(HTTP_FILTER__CONFIG_TYPE_TYPED_CONFIG))
		filter_open(job, filters, from, from->typed_config, &here);
	else
		job_note(job, at, B_WARN, "filter '%s' has no configuration and is not translated",
			 from->name);
}

void filters_read(struct job *job, const xds_hcm *hcm, const struct path *at, struct filters *ret)
{
	for (size_t i = 0; i < hcm->n_http_filters; i++) {
		struct path here = PATH_INDEX(at, "http_filters", i);

		filter_read(job, ret, hcm->http_filters[i], &here);
	}
	ret->room = job_alloc(job, ret->n, sizeof *ret->room);
}

void filters_check(struct job *job, const struct scope *scope)
{
	for (size_t i = 0; i < scope->filters.n; i++) {
		const struct filter *filter = scope->filters.list[i];

		if (filter->kind == NULL)
			continue;
		if (filter->config == NULL)
			job_note(job, filter->at, B_CLOSED,
				 "cannot be read; it may refuse requests, so its routes answer 403");
		else if (filter->kind->check != NULL)
			filter->kind->check(job, filter, scope);
	}
}
