/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loader of plugins, and the options that a plugin sees.
 *
 * Used by the configuration check, by the roles that host a plugin, and by meshctl offline.  A file is
 * judged before any of its code runs: owner, mode, folder; then the descriptor: ABI first, then the rest.
 */
#ifndef MESHD_CONFIG_PLUGIN_H
#define MESHD_CONFIG_PLUGIN_H

#include "buf.h"
#include "conf.h"
#include "diag.h"
#include "meshd/plugin.h"

struct plugin {
	void *handle;			/* owned */
	char *file;			/* owned: what was loaded */
	const struct mesh_plugin *desc;	/* inside of the file */
};

/*
 * `name` is a word ("file": NAME.so in the plugin folders) or an absolute path.  The folders are those of the
 * environment's MESHD_PLUGIN_DIR (separated by ':'; ignored in a set-uid program), else the one of the tree that this
 * program was installed into, else the compiled-in one.
 * File and folder must belong to root or to the calling user and be writable by nobody else.
 * 0; 1 refused, with "which file, what is wrong; what would be right" appended to `why`; -ENOMEM.
 */
int plugin_load(const char *name, enum mesh_kind kind, struct plugin **ret_plugin, struct buf *why);
struct plugin *plugin_free(struct plugin *p);	/* unloads; nothing of it may be in use */
void plugin_freep(struct plugin **p);

/* Where plugin_load() looks for a word, separated by ':'.  Borrowed. */
const char *plugin_folders(void);

/* "source" or "frontend". */
const char *plugin_kind_name(enum mesh_kind kind);

/*
 * What conf_str() and the others of struct mesh_host_ops work on.  A role's host makes one over its slice:
 * { .conf = slice, .prefix = "source.options.", .rows = plugin->desc->options }.
 */
struct mesh_conf {
	const struct conf *conf;	/* borrowed */
	const char *prefix;		/* borrowed */
	const struct mesh_opt *rows;	/* borrowed */
	const struct conf *seen;	/* borrowed; positions of all that the file names; NULL: those of conf */
};

struct mesh_diag {
	struct diag *diag;	/* borrowed */
};

/* A table with the conf_ functions alone, for check() and for a host to copy and complete. */
const struct mesh_host_ops *plugin_conf_ops(void);

#endif
