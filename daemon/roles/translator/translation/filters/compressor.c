/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The compressor filter as APISIX's gzip or brotli, by its library (TRANSLATION.md 5).  The library
 * stands in an Any of its own; zstd has no counterpart.  Called through filter.h.
 */
#include "any.h"
#include "envoy/extensions_compression_brotli_compressor_v3.pb-c.h"
#include "envoy/extensions_compression_gzip_compressor_v3.pb-c.h"
#include "envoy/extensions_filters_http_compressor_v3.pb-c.h"
#include "json.h"
#include "kinds.h"
#include "rewrite.h"
#include "rule.h"

typedef Envoy__Extensions__Filters__Http__Compressor__V3__Compressor compressor;
typedef Envoy__Extensions__Filters__Http__Compressor__V3__CompressorPerRoute compressor_route;
typedef Envoy__Extensions__Filters__Http__Compressor__V3__Compressor__CommonDirectionConfig direction;
typedef Envoy__Extensions__Compression__Gzip__Compressor__V3__Gzip gzip;
typedef Envoy__Extensions__Compression__Brotli__Compressor__V3__Brotli brotli;
typedef Envoy__Config__Core__V3__TypedExtensionConfig extension;

#define OVERRIDE(name) \
	ENVOY__EXTENSIONS__FILTERS__HTTP__COMPRESSOR__V3__COMPRESSOR_PER_ROUTE__OVERRIDE_##name

/* Envoy's defaults. */
#define LENGTH_DEFAULT 30
#define GZIP_DEFAULT 6
#define BROTLI_DEFAULT 3
#define BROTLI_WINDOW_DEFAULT 18

static const char *const types_default[] = {
	"application/javascript", "application/json", "application/xhtml+xml", "image/svg+xml",
	"text/css",		  "text/html",	      "text/plain",	       "text/xml",
};

/* What the response's direction says; the deprecated fields count where it is silent. */
struct wanted {
	uint32_t min_length;
	const char *const *types;
	size_t n_types;
	bool off;
};

static const direction *direction_of(const compressor *c)
{
	return c->response_direction_config != NULL ? c->response_direction_config->common_config :
						      NULL;
}

static struct wanted wanted_of(const compressor *c)
{
	const direction *d = direction_of(c);
	struct wanted w = {
		.min_length = uint32_of(c->content_length, LENGTH_DEFAULT),
		.types = (const char *const *)c->content_type,
		.n_types = c->n_content_type,
	};

	if (c->response_direction_config != NULL) {
		w.min_length = d != NULL ? uint32_of(d->min_content_length, LENGTH_DEFAULT) :
					   LENGTH_DEFAULT;
		w.types = d != NULL ? (const char *const *)d->content_type : NULL;
		w.n_types = d != NULL ? d->n_content_type : 0;
		w.off = d != NULL && d->enabled != NULL && !bool_of(d->enabled->default_value, false);
	}
	if (w.n_types == 0) {
		w.types = types_default;
		w.n_types = ARRAY_SIZE(types_default);
	}
	return w;
}

static void write_common(struct json *j, const struct wanted *w)
{
	json_key_uint(j, "min_length", w->min_length > 0 ? w->min_length : 1);
	json_key(j, "types");
	json_arr_open(j);
	for (size_t i = 0; i < w->n_types; i++)
		json_str(j, w->types[i]);
	json_arr_close(j);
	json_key_bool(j, "vary", true);
}

static const char *gzip_json(struct job *job, const gzip *g, const struct wanted *w)
{
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);
	int level = (int)g->compression_level;

	json_obj_open(&j);
	json_key_int(&j, "comp_level", level >= 1 && level <= 9 ? level : GZIP_DEFAULT);
	write_common(&j, w);
	json_obj_close(&j);
	return job_take(job, &b);
}

static const char *brotli_json(struct job *job, const brotli *br, const struct wanted *w)
{
	uint32_t quality = uint32_of(br->quality, BROTLI_DEFAULT);
	uint32_t window = uint32_of(br->window_bits, BROTLI_WINDOW_DEFAULT);
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	json_obj_open(&j);
	json_key_uint(&j, "comp_level", quality <= 11 ? quality : BROTLI_DEFAULT);
	json_key_uint(&j, "lgwin", window >= 10 && window <= 24 ? window : BROTLI_WINDOW_DEFAULT);
	write_common(&j, w);
	json_obj_close(&j);
	return job_take(job, &b);
}

/* The library: the filter's, or that of the place. NULL: nothing is compressed here. */
static const extension *library_of(const struct filter_use *use)
{
	const compressor_route *route = (const compressor_route *)use->setting;
	const extension *own = ((const compressor *)use->filter->config)->compressor_library;

	if (route == NULL)
		return own;
	if (route->override_case == OVERRIDE(DISABLED))
		return route->disabled ? NULL : own;
	return route->override_case == OVERRIDE(OVERRIDES) &&
			       route->overrides->compressor_library != NULL ?
		       route->overrides->compressor_library :
		       own;
}

static const char lost[] = "responses are not compressed";

static enum filter_result apply(struct job *job, const struct filter_use *use, struct rule *rule)
{
	const struct path *at = use->filter->at;
	struct wanted w = wanted_of((const compressor *)use->filter->config);
	const extension *library = library_of(use);
	struct any inside = any_open(job, library != NULL ? library->typed_config : NULL, NULL);
	const ProtobufCMessageDescriptor *type =
		inside.message != NULL ? inside.message->descriptor : NULL;

	if (library == NULL || w.off)
		return FILTER_DONE;
	if (type == &envoy__extensions__compression__gzip__compressor__v3__gzip__descriptor)
		rule_plugin_offered(job, rule, "gzip",
				    gzip_json(job, (const gzip *)inside.message, &w), at, lost);
	else if (type == &envoy__extensions__compression__brotli__compressor__v3__brotli__descriptor)
		rule_plugin_offered(job, rule, "brotli",
				    brotli_json(job, (const brotli *)inside.message, &w), at, lost);
	else
		job_note(job, at, B_WARN, "APISIX has no compression library '%s'; %s", inside.type,
			 lost);
	if ((rule_has_plugin(rule, "gzip") || rule_has_plugin(rule, "brotli")) &&
	    rewrite_keep(job, rule, "accept-encoding"))
		job_note(job, at, B_WARN,
			 "Accept-Encoding is passed on: nginx looks at it when the response comes");
	return FILTER_DONE;
}

const struct filter_kind filter_compressor = {
	.type = &envoy__extensions__filters__http__compressor__v3__compressor__descriptor,
	.per_route =
		&envoy__extensions__filters__http__compressor__v3__compressor_per_route__descriptor,
	.apply = apply,
};
