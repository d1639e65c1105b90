/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a meshd.yaml: the parser, both kinds of rows, the cross checks and the report.  The rows of a plugin
 * are a table here, so that nothing is loaded.  What passes must survive the way through a pipe message.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cross.h"
#include "fd.h"
#include "load.h"
#include "parse.h"
#include "schema.h"

static const struct mesh_opt plugin_rows[] = {
	{ .name = "paths", .type = MESH_OPT_PATH, .list = true, .required = true },
	{ .name = "listen", .type = MESH_OPT_LISTEN, .list = true, .def = "127.0.0.1:2379, [::1]:2379" },
	{ .name = "prefix", .type = MESH_OPT_STRING, .min = 1, .max = 64, .def = "/apisix" },
	{ .name = "tls.cert", .type = MESH_OPT_PATH, .required = true },
	{ .name = "users[].name", .type = MESH_OPT_STRING, .required = true },
	{ .name = "users[].quota", .type = MESH_OPT_SIZE, .max = 1 << 30, .def = "4KB" },
	{ .name = "free", .type = MESH_OPT_ANY },
	{ .name = NULL },
};

static void check(struct load *l, int fd)
{
	_cleanup_(doc_freep) struct doc *doc = parse_config(l, fd);

	if (doc == NULL)
		return;
	load_rows(l, schema_rows, "", doc_count(doc) > 0 ? doc_root(doc, 0) : NULL);
	load_rows(l, plugin_rows, "source.options.", l->source_options);
	load_rows(l, plugin_rows, "frontend.options.", l->frontend_options);
	if (l->error == 0)
		cross_check(l);
}

static void round_trip(const struct conf *conf)
{
	_cleanup_(conf_freep) struct conf *back = NULL;
	Mesh__Conf *msg;

	if (conf_to_msg(conf, &msg) < 0)
		return;
	if (conf_from_msg(msg, &back) < 0 || !conf_equal(conf, back))
		abort();
	conf_msg_free(msg);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(fd_closep) int fd = memfd_create("config", MFD_CLOEXEC);
	_cleanup_(conf_freep) struct conf *conf = conf_new();
	_cleanup_(conf_freep) struct conf *seen = conf_new();
	_cleanup_(diag_freep) struct diag *diag = diag_new();
	_cleanup_(buf_deinit) struct buf text = BUF_INIT;
	struct load l = {
		.file = "fuzz.yaml", .diag = diag, .conf = conf, .seen = seen, .env = { "host", "192.0.2.7", NULL },
	};

	if (fd < 0 || conf == NULL || seen == NULL || diag == NULL || fd_write_all(fd, data, size) < 0)
		return 0;
	check(&l, fd);
	if (diag_format(diag, &text) == 0 && l.error == 0)
		round_trip(conf);
	return 0;
}
