/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is published in place of an object that APISIX would ignore; see apisix.h.  An ignored route
 * would let its requests fall to the next one, an ignored upstream would answer 502.  Called for
 * refused objects only, so it may cost.
 */
#include <string.h>

#include "check.h"
#include "json.h"

/* How much of the match is kept. */
enum width { WIDTH_SAME, WIDTH_NO_CONDITIONS, WIDTH_ALL, _WIDTH_MAX };

static const struct {
	const char *name;
	enum width width; /* kept up to this one */
} match[] = {
	{ "id", WIDTH_ALL },		     { "name", WIDTH_SAME },
	{ "uri", WIDTH_NO_CONDITIONS },	     { "uris", WIDTH_NO_CONDITIONS },
	{ "host", WIDTH_NO_CONDITIONS },     { "hosts", WIDTH_NO_CONDITIONS },
	{ "priority", WIDTH_NO_CONDITIONS }, { "methods", WIDTH_SAME },
	{ "vars", WIDTH_SAME },		     { "remote_addr", WIDTH_SAME },
	{ "remote_addrs", WIDTH_SAME },
};

static bool kept(const struct scan_text *name, enum width width)
{
	for (size_t i = 0; i < sizeof match / sizeof *match; i++)
		if (name->len == strlen(match[i].name) &&
		    memcmp(name->raw, match[i].name, name->len) == 0)
			return match[i].width >= width;
	return false;
}

static void answer_write(const struct apisix *a, struct json *j, unsigned status)
{
	static const char nowhere[] = "{\"nodes\":[],\"type\":\"roundrobin\"}";

	if (!apisix_plugin_enabled(a, "fault-injection", 0)) {
		json_key(j, "upstream");
		json_raw(j, nowhere, strlen(nowhere));
		return;
	}
	json_key(j, "plugins");
	json_obj_open(j);
	json_key(j, "fault-injection");
	json_obj_open(j);
	json_key(j, "abort");
	json_obj_open(j);
	json_key_str(j, "body", "");
	json_key_uint(j, "http_status", status);
	json_obj_close(j);
	json_obj_close(j);
	json_obj_close(j);
}

static void route_write(const struct apisix *a, struct span route, enum width width, unsigned status,
			struct buf *out)
{
	struct json j = JSON_INIT(out);
	struct scan_list l = scan_list(route);
	struct scan_text name;
	struct span value;

	json_obj_open(&j);
	while (scan_object_next(&l, &name, &value)) {
		if (!kept(&name, width))
			continue;
		json_keyn(&j, (const char *)name.raw, name.len);
		json_raw(&j, (const char *)value.start, (size_t)(value.end - value.start));
	}
	if (width == WIDTH_ALL)
		json_key_str(&j, "uri", "/*");
	answer_write(a, &j, status);
	json_key_int(&j, "status", 1);
	json_obj_close(&j);
}

/* Is this what keeps somebody out? */
static bool route_guards(const struct apisix *a, struct span route)
{
	struct span plugins = scan_member(route, "plugins");
	struct scan_list l = scan_list(plugins);
	struct scan_text name;
	struct span conf, status;

	while (span_type(plugins) == T_OBJECT && scan_object_next(&l, &name, &conf)) {
		if (plugin_guards(a, (const char *)name.raw, name.len))
			return true;
		status = scan_member(scan_member(conf, "abort"), "http_status");
		if (span_is(status, "401") || span_is(status, "403"))
			return true;
	}
	return false;
}

static int route_stand_in(struct apisix *a, const char *id, struct span route, struct buf *out,
			  unsigned *ret_status)
{
	bool guards = route_guards(a, route);
	struct apisix_error error;
	size_t start = out->len;

	for (int width = WIDTH_SAME; width < (guards ? _WIDTH_MAX : WIDTH_NO_CONDITIONS); width++) {
		route_write(a, route, (enum width)width, guards ? 403 : 503, out);
		if (buf_error(out) == 0 &&
		    apisix_check(a, "routes", id, out->data + start, out->len - start, &error) == 0) {
			*ret_status = guards ? 403 : 503;
			return 0;
		}
		out->len = start;
	}
	return 1;
}

static int upstream_stand_in(struct apisix *a, const char *id, struct buf *out, unsigned *ret_status)
{
	struct json j = JSON_INIT(out);
	struct apisix_error error;
	size_t start = out->len;

	json_obj_open(&j);
	json_key_str(&j, "id", id);
	json_key(&j, "nodes");
	json_arr_open(&j);
	json_arr_close(&j);
	json_key_int(&j, "retries", 0);
	json_key_str(&j, "type", "roundrobin");
	json_obj_close(&j);
	if (buf_error(out) == 0 &&
	    apisix_check(a, "upstreams", id, out->data + start, out->len - start, &error) == 0) {
		*ret_status = 0;
		return 0;
	}
	out->len = start;
	return 1;
}

int apisix_stand_in(struct apisix *a, const char *kind, const char *id, const uint8_t *json, size_t size,
		    struct buf *out, unsigned *ret_status)
{
	struct span object = { .start = json, .end = json + size };
	struct scan scan = { .p = json, .end = json + size };

	if (strcmp(kind, "upstreams") == 0)
		return upstream_stand_in(a, id, out, ret_status);
	/* Only what is JSON at all can be looked into. */
	if (strcmp(kind, "routes") != 0 || scan_type(&scan) != T_OBJECT || !scan_skip(&scan, DEPTH_MAX))
		return 1;
	return route_stand_in(a, id, object, out, ret_status);
}
