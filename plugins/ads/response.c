/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a response (envoy.service.discovery.v3: DiscoveryResponse and DeltaDiscoveryResponse share the numbers of
 * version, resources, type and nonce).  See response.h.
 *
 * A resource's name is that of its wrapper; where there is none, it is read from the body: it is field 1 of every type
 * that is discovered (Cluster.name, ClusterLoadAssignment.cluster_name, Listener, RouteConfiguration, Secret, Runtime,
 * TypedExtensionConfig, ScopedRouteConfiguration, VirtualHost).
 */
#include "response.h"

#include <errno.h>

#include "utf8.h"

#define RESOURCE_TYPE "envoy.service.discovery.v3.Resource"

enum { FIELD_VERSION = 1, FIELD_RESOURCES = 2, FIELD_TYPE = 4, FIELD_NONCE = 5 };

static struct span span_of(const struct pb_field *f)
{
	return (struct span){ .data = f->data, .size = f->len };
}

static bool is_text(struct span s)
{
	return s.size == 0 || utf8_is_string(s.data, s.size);
}

int response_read(const struct response_fields *fields, const uint8_t *data, size_t size, struct response *ret)
{
	struct response r = { .fields = fields, .data = data, .size = size };
	struct pb_cursor c = pb_cursor_of(data, size);
	struct pb_field f;
	int rc;

	while ((rc = pb_field_next(&c, &f)) == PB_FIELD) {
		if (f.wire != PB_LEN)
			continue;
		if (f.number == FIELD_VERSION)
			r.version = span_of(&f);
		else if (f.number == FIELD_TYPE)
			r.type_url = span_of(&f);
		else if (f.number == FIELD_NONCE)
			r.nonce = span_of(&f);
		else if (f.number == FIELD_RESOURCES)
			r.n_resources++;
	}
	if (rc < 0 || r.type_url.size == 0 || r.type_url.size > ADS_NAME_MAX || r.version.size > ADS_NAME_MAX ||
	    r.nonce.size > ADS_NAME_MAX || !is_text(r.type_url) || !is_text(r.version) || !is_text(r.nonce))
		return -EBADMSG;
	*ret = r;
	return 0;
}

/* The last field of that number, as protobuf has it; `ret` stays as it is where there is none.  0 or -EBADMSG. */
static int find_field(struct span in, uint32_t number, struct span *ret, bool *ret_found)
{
	struct pb_cursor c = pb_cursor_of(in.data, in.size);
	struct pb_field f;
	int rc;

	while ((rc = pb_field_next(&c, &f)) == PB_FIELD) {
		if (f.number != number || f.wire != PB_LEN)
			continue;
		*ret = span_of(&f);
		if (ret_found != NULL)
			*ret_found = true;
	}
	return rc;
}

static int read_any(struct span any, struct item *item)
{
	item->type_url = item->body = (struct span){ 0 };
	if (find_field(any, 1, &item->type_url, NULL) < 0)
		return -EBADMSG;
	return find_field(any, 2, &item->body, NULL);
}

static int read_wrapper(struct span wrapper, struct item *item)
{
	struct span any = { 0 }, name = { 0 };
	bool has_body = false;

	if (find_field(wrapper, 8, &name, NULL) < 0 || find_field(name, 1, &item->name, NULL) < 0 ||
	    find_field(wrapper, 3, &item->name, NULL) < 0 || find_field(wrapper, 1, &item->version, NULL) < 0 ||
	    find_field(wrapper, 2, &any, &has_body) < 0)
		return -EBADMSG;
	item->beat = !has_body;
	return has_body ? read_any(any, item) : 0;
}

static bool is_wrapper(struct span type_url)
{
	static const char suffix[] = "/" RESOURCE_TYPE;
	size_t len = sizeof suffix - 1;

	return type_url.size >= len && memcmp(type_url.data + type_url.size - len, suffix, len) == 0;
}

/* The first field 1 is taken, so that a large body is not walked through. */
static int name_inside(struct item *item)
{
	struct pb_cursor c = pb_cursor_of(item->body.data, item->body.size);
	struct pb_field f;
	int rc;

	while ((rc = pb_field_next(&c, &f)) == PB_FIELD) {
		if (f.number != 1 || f.wire != PB_LEN)
			continue;
		item->name = span_of(&f);
		return 0;
	}
	return rc;
}

static int read_resource(const struct response *r, struct span in, struct item *item)
{
	int rc = r->fields->wrapped ? read_wrapper(in, item) : read_any(in, item);

	if (rc == 0 && !r->fields->wrapped && is_wrapper(item->type_url))
		rc = read_wrapper(item->body, item);
	if (rc == 0 && item->name.size == 0 && !item->beat)
		rc = name_inside(item);
	return rc;
}

/* ResourceName.name inside of field 1 of what stands at `in`, or in `in` itself. */
static int read_error(struct span in, struct item *item)
{
	struct span name = { 0 }, status = { 0 };
	struct pb_cursor c;
	struct pb_field f;
	int rc;

	if (find_field(in, 1, &name, NULL) < 0 || find_field(name, 1, &item->name, NULL) < 0 ||
	    find_field(in, 2, &status, NULL) < 0 || find_field(status, 2, &item->text, NULL) < 0)
		return -EBADMSG;
	c = pb_cursor_of(status.data, status.size);
	while ((rc = pb_field_next(&c, &f)) == PB_FIELD)
		if (f.number == 1 && f.wire == PB_VARINT)
			item->code = (int64_t)f.value;
	return rc;
}

static int read_item(const struct response *r, const struct pb_field *f, struct item *item)
{
	const struct response_fields *n = r->fields;

	*item = (struct item){ .kind = ITEM_RESOURCE };
	if (f->number == FIELD_RESOURCES)
		return read_resource(r, span_of(f), item);
	item->kind = f->number == n->errors ? ITEM_ERROR : ITEM_REMOVED;
	if (item->kind == ITEM_ERROR)
		return read_error(span_of(f), item);
	if (f->number == n->removed_names)
		return find_field(span_of(f), 1, &item->name, NULL);
	item->name = span_of(f);
	return 0;
}

static bool is_item(const struct response *r, const struct pb_field *f)
{
	const struct response_fields *n = r->fields;

	return f->wire == PB_LEN && (f->number == FIELD_RESOURCES || f->number == n->removed ||
				     f->number == n->removed_names || f->number == n->errors);
}

int response_item(const struct response *r, struct pb_cursor *at, struct item *ret_item)
{
	struct pb_field f;
	int rc;

	while ((rc = pb_field_next(at, &f)) == PB_FIELD)
		if (is_item(r, &f))
			return read_item(r, &f, ret_item) < 0 ? -EBADMSG : 1;
	return rc;
}
