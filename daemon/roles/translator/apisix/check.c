/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks one object; see apisix.h.  Called by the translation for every object whose bytes changed
 * and for what overlay files bring.  Nothing is changed by a refusal.
 */
#include <stdio.h>
#include <string.h>

#include "buf.h"
#include "check.h"
#include "utf8.h"

static void at_print(const struct at *at, struct buf *out)
{
	if (at == NULL)
		return;
	at_print(at->up, out);
	if (at->name == NULL)
		buf_printf(out, "[%zu]", at->index);
	else
		buf_printf(out, "%s%.*s", at->up != NULL ? "." : "",
			   (int)(at->len < 100 ? at->len : 100), (const char *)at->name);
}

/* What came from the object must not break the lines of a log, nor its UTF-8 where it was cut. */
static void line_make(char *s)
{
	size_t len = strlen(s), valid = utf8_check(s, len);

	s[valid] = '\0';
	for (size_t i = 0; i < valid; i++)
		if ((unsigned char)s[i] < ' ' || s[i] == 0x7f)
			s[i] = '?';
}

static bool fail(struct check *c, const struct at *at, const char *fmt, va_list ap) _printf_(3, 0);

static bool fail(struct check *c, const struct at *at, const char *fmt, va_list ap)
{
	_cleanup_(buf_deinit) struct buf path = BUF_INIT;

	if (c->muted > 0 || c->failed)
		return false;
	c->failed = true;
	at_print(at, &path);
	snprintf(c->error->path, sizeof c->error->path, "%s",
		 path.len > 0 && buf_str(&path) != NULL ? buf_str(&path) : "");
	vsnprintf(c->error->reason, sizeof c->error->reason, fmt, ap);
	line_make(c->error->path);
	line_make(c->error->reason);
	return false;
}

bool check_fail(struct check *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fail(c, c->at, fmt, ap);
	va_end(ap);
	return false;
}

bool check_fail_at(struct check *c, const char *member, size_t index, const char *fmt, ...)
{
	struct at at = { .up = c->at, .name = (const uint8_t *)member, .len = strlen(member) };
	struct at element = { .up = &at, .index = index };
	va_list ap;

	va_start(ap, fmt);
	fail(c, index == NO_INDEX ? &at : &element, fmt, ap);
	va_end(ap);
	return false;
}

/* What APISIX keeps beside a plugin: the id is its name. */
static const struct schema *metadata_schema(struct check *c)
{
	size_t len = strlen(c->id);
	bool http, enabled;
	const struct schema *conf = plugin_schema(c->apisix, c->id, len, ROLE_HTTP, &http);
	const struct schema *row = plugin_schema(c->apisix, c->id, len, ROLE_METADATA, &enabled);

	c->references = true;
	if (row == NULL && conf != NULL)
		check_fail(c, "the plugin '%.60s' has no metadata", c->id);
	else if (!enabled)
		check_fail(c, "the plugin '%.60s' is not enabled in APISIX (translator.apisix_plugins)",
			   c->id);
	return row != NULL ? row : &schema_plugin_conf;
}

/* Others find the object by its key, so the id in it must be the same. */
static bool check_own_id(struct check *c, struct span object)
{
	static const char below[] = "/credentials/";
	const char *credential = strstr(c->id, below);
	static const char begin[] = "{\"id\":\"";
	size_t len = strlen(c->id), left = (size_t)(object.end - object.start);
	const uint8_t *first = object.start + strlen(begin);
	_text_ id = { .owned = NULL };

	/* As the translation writes it. */
	if (left > strlen(begin) + len && memchr(c->id, '\\', len) == NULL &&
	    memcmp(object.start, begin, strlen(begin)) == 0 && memcmp(first, c->id, len) == 0 && first[len] == '"')
		return true;
	text_of(&id, scan_member(object, "id"));
	return id.data == NULL || text_is(&id, c->id) ||
	       (credential != NULL && text_is(&id, credential + strlen(below))) ||
	       check_fail_at(c, "id", NO_INDEX, "is '%.*s', but the key says '%.60s'",
			     (int)(id.len < 60 ? id.len : 60), id.data, c->id);
}

static bool check_whole(struct check *c, const struct schema *schema)
{
	struct span object = { .start = c->scan.p };

	if (!check_value(c, schema))
		return false;
	object.end = c->scan.p;
	if (scan_type(&c->scan) != 0 || c->scan.p != c->scan.end)
		return check_fail(c, "is not JSON: something follows the object");
	if (span_type(object) != T_OBJECT)
		return check_fail(c, "must be an object");
	return check_own_id(c, object);
}

int apisix_check(struct apisix *a, const char *kind, const char *id, const uint8_t *json,
		 size_t size, struct apisix_error *ret_error)
{
	struct check c = {
		.apisix = a,
		.id = id,
		.scan = { .p = json, .end = json + size },
		.error = ret_error,
		.references = strcmp(kind, "ssls") == 0,
	};
	const struct schema *schema = strcmp(kind, "plugin_metadata") == 0 ? metadata_schema(&c) :
									     kind_schema(kind, id);

	if (schema == NULL)
		check_fail(&c, "APISIX reads no objects '%.60s/%.60s'", kind, id);
	return !c.failed && check_whole(&c, schema) ? 0 : 1;
}
