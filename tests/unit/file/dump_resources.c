/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Test tool: prints what the reader makes of mesh files, one line of JSON per resource and finding.
 * tests/functional/test_pbjson.py compares it with what the official definitions say.
 * Usage: dump_resources FILE...; exit 1 when a file is broken or unreadable.
 */
#include <stdio.h>

#include "json.h"
#include "load.h"
#include "reader.h"

static void print_item(struct json *j, const char *path, const struct content_item *item)
{
	json_obj_open(j);
	json_key_str(j, "file", path);
	json_key_str(j, "type", kind_info(item->kind)->message);
	json_key_str(j, "name", item->name);
	json_key_uint(j, "line", item->line);
	json_key_uint(j, "col", item->col);
	json_key(j, "body");
	json_base64(j, item->body, item->size);
	json_obj_close(j);
}

static void print_finding(struct json *j, const struct mesh_finding *f)
{
	static const char *const severities[] = { "info", "warn", "error" };

	json_obj_open(j);
	json_key_str(j, "severity", severities[f->severity]);
	json_key_str(j, "type", f->type);
	json_key_str(j, "name", f->name);
	json_key_str(j, "field", f->field);
	json_key_str(j, "behaviour", f->behaviour);
	json_key_str(j, "reason", f->reason);
	json_obj_close(j);
}

static void print_line(struct buf *b)
{
	fwrite(b->data, 1, b->len, stdout);
	putchar('\n');
	buf_reset(b);
}

static int dump(const char *path)
{
	_cleanup_(content_unrefp) struct content *c = NULL;
	_cleanup_(buf_deinit) struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);
	int r = load_content(path, READER_BYTES, NULL, &c);

	if (r < 0)
		return r;
	for (size_t i = 0; i < c->n_items; i++) {
		j.comma = false;
		print_item(&j, path, &c->items[i]);
		print_line(&b);
	}
	for (size_t i = 0; i < c->n_findings; i++) {
		j.comma = false;
		print_finding(&j, &c->findings[i]);
		print_line(&b);
	}
	return c->broken ? -1 : 0;
}

int main(int argc, char **argv)
{
	int failed = 0;

	for (int i = 1; i < argc; i++)
		failed |= dump(argv[i]) < 0;
	return failed;
}
