/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the Dataplane: variables are replaced in the text, type, mesh and name are compared or put in, everything
 * else goes to the control plane as it is, which knows better than we do what it may hold. See dataplane.h.
 */
#include "dataplane.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "doc.h"
#include "filestamp.h"
#include "json.h"
#include "subst.h"

#define FILE_MAX ((size_t)1 << 20)

struct reading {
	const char *path, *mesh, *name;
	char *why;
	size_t why_size;
};

static int fail(const struct reading *r, const char *fmt, ...) _printf_(2, 3);

static int fail(const struct reading *r, const char *fmt, ...)
{
	int n = snprintf(r->why, r->why_size, "the Dataplane in '%s': ", r->path);
	va_list ap;

	va_start(ap, fmt);
	if (n >= 0 && (size_t)n < r->why_size)
		vsnprintf(r->why + n, r->why_size - (size_t)n, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

/* ---- text ---- */

static int replace(const struct reading *r, const char *text, struct buf *out)
{
	_cleanup_(buf_deinit) struct buf why = BUF_INIT;
	int n;

	if (strstr(text, "{{") != NULL)
		return fail(r, "it has a variable of kuma-dp's ({{ … }}); here they are ${HOSTNAME} and ${IP}, "
			       "and mesh "
			       "and name may be left out");
	/* Workers do not get the environment that meshd was started with. */
	if (strstr(text, "${env:") != NULL)
		return fail(r, "the environment is not known here; write the value itself in place of ${env:…}");
	n = subst_text(&(struct subst_env){ 0 }, text, out, &why);
	if (n > 0)
		return fail(r, "%s", buf_str(&why) != NULL ? buf_str(&why) : "a variable cannot be replaced");
	return n;
}

static int load(const struct reading *r, struct doc **ret_doc)
{
	_cleanup_(buf_deinit) struct buf file = BUF_INIT, text = BUF_INIT;
	struct doc_error de;
	int n = file_slurp(r->path, FILE_MAX, &file);

	if (n < 0) {
		fail(r, "it cannot be read: %s; %s", strerror(-n), file_remedy(n));
		return n;
	}
	if (buf_str(&file) == NULL)
		return -ENOMEM;
	n = replace(r, buf_str(&file), &text);
	if (n < 0)
		return n;
	if (buf_str(&text) == NULL)
		return -ENOMEM;
	n = doc_parse(buf_str(&text), text.len, DOC_AUTO, NULL, ret_doc, &de);
	if (n == 0 || n == -ENOMEM)
		return n;
	return fail(r, "line %u, column %u: %s", de.line, de.col, de.msg);
}

/* ---- what it says ---- */

static int check_root(const struct reading *r, const struct doc *doc)
{
	if (doc_count(doc) != 1)
		return fail(r, "there are %zu resources in it; it must be the one of this machine", doc_count(doc));
	if (doc_kind(doc_root(doc, 0)) != DOC_MAP)
		return fail(r, "it is %s; it must be a map with networking in it", doc_kind_name(doc_root(doc, 0)));
	if (doc_map_get(doc_root(doc, 0), "apiVersion") != NULL)
		return fail(r, "it is written for Kubernetes; in Universal mode networking stands beside type, mesh "
			    "and name");
	if (doc_map_get(doc_root(doc, 0), "networking") == NULL)
		return fail(r, "it has no networking (address, inbound); see Kuma's documentation of Dataplane");
	return 0;
}

/* One of type, mesh and name: what stands there must be what we say. */
static int check_word(const struct reading *r, const struct doc_node *root, const char *key, const char *wanted)
{
	const struct doc_node *node = doc_map_get(root, key);
	const char *text = node != NULL ? doc_text(node) : wanted;

	if (text != NULL && strcmp(text, wanted) == 0)
		return 0;
	return fail(r, "its %s is '%.100s', and we are '%s'; leave it out there, or change one of them%s%s", key,
		    text != NULL ? text : "no text", wanted, key[0] == 't' ? "" : ": source.options.",
		    key[0] == 't' ? "" : key);
}

static const struct doc_node *first_tags(const struct doc_node *root)
{
	const struct doc_node *networking = doc_map_get(root, "networking");
	const struct doc_node *inbound = doc_map_get(networking, "inbound");

	if (inbound != NULL && doc_kind(inbound) == DOC_SEQ && doc_len(inbound) > 0)
		return doc_map_get(doc_item(inbound, 0), "tags");
	inbound = doc_map_get(networking, "gateway");
	return inbound != NULL ? doc_map_get(inbound, "tags") : NULL;
}

static void take_service(const struct doc_node *root, struct buf *out)
{
	const struct doc_node *tags = first_tags(root);
	const struct doc_node *service = tags != NULL ? doc_map_get(tags, "kuma.io/service") : NULL;

	if (service != NULL && doc_text(service) != NULL)
		buf_puts(out, doc_text(service));
}

static bool is_ours(const char *key)
{
	return strcmp(key, "type") == 0 || strcmp(key, "mesh") == 0 || strcmp(key, "name") == 0;
}

static void write_json(const struct reading *r, const struct doc_node *root, struct buf *out)
{
	struct json j = JSON_INIT(out);

	json_obj_open(&j);
	json_key_str(&j, "type", "Dataplane");
	json_key_str(&j, "mesh", r->mesh);
	json_key_str(&j, "name", r->name);
	for (size_t i = 0; i < doc_len(root); i++) {
		if (is_ours(doc_text(doc_key(root, i))))
			continue;
		json_key(&j, doc_text(doc_key(root, i)));
		doc_write_json(doc_value(root, i), &j);
	}
	json_obj_close(&j);
}

int dataplane_read(const char *path, const char *mesh, const char *name, struct dataplane *ret_dataplane, char *why,
		   size_t why_size)
{
	const struct reading r = { .path = path, .mesh = mesh, .name = name, .why = why, .why_size = why_size };
	_cleanup_(dataplane_deinit) struct dataplane d = { .json = BUF_INIT, .service = BUF_INIT };
	_cleanup_(doc_freep) struct doc *doc = NULL;
	const struct doc_node *root;
	int n = load(&r, &doc);

	if (n == 0)
		n = check_root(&r, doc);
	if (n < 0)
		return n;
	root = doc_root(doc, 0);
	n = check_word(&r, root, "type", "Dataplane");
	if (n == 0)
		n = check_word(&r, root, "mesh", mesh);
	if (n == 0)
		n = check_word(&r, root, "name", name);
	if (n < 0)
		return n;
	write_json(&r, root, &d.json);
	take_service(root, &d.service);
	if (buf_str(&d.json) == NULL || buf_str(&d.service) == NULL)
		return -ENOMEM;
	*ret_dataplane = d;
	d = (struct dataplane){ .json = BUF_INIT, .service = BUF_INIT };
	return 0;
}

void dataplane_deinit(struct dataplane *d)
{
	buf_deinit(&d->json);
	buf_deinit(&d->service);
}
