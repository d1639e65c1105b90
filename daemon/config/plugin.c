/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loading of plugins (plugin.h).  Called with names that come from the configuration file, so every refusal
 * is a sentence for the operator and never ends the process.  Nothing of a file is executed before its owner,
 * its mode and those of its folder have been found good; a path is resolved once and used in that form.
 */
#include "plugin.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "schema.h"

#ifndef MESHD_PLUGIN_DIR
#error "the build says where plugins are installed"
#endif

enum { PLUGINS_SHOWN = 10 };

/* Members up to `close`: what the first version of the contract had. */
#define PLUGIN_SIZE_MIN offsetof(struct mesh_plugin, source)

struct plugin *plugin_free(struct plugin *p)
{
	if (p == NULL)
		return NULL;
	if (p->handle != NULL)
		dlclose(p->handle);
	free(p->file);
	free(p);
	return NULL;
}

void plugin_freep(struct plugin **p)
{
	*p = plugin_free(*p);
}

const char *plugin_kind_name(enum mesh_kind kind)
{
	return kind == MESH_SOURCE ? "source" : "frontend";
}

/*
 * An installed tree may be moved as a whole (DESTDIR, a copy): the folder that lies to this program as the
 * compiled-in one lies to <prefix>/sbin.  NULL: the program was not moved, or has no such folder beside it.
 */
static const char *moved_folder(void)
{
	static char path[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *slash;

	path[MAX(len, 0)] = '\0';
	for (int up = 0; up < 2; up++) {
		slash = strrchr(path, '/');
		if (slash == NULL)
			return NULL;
		*slash = '\0';
	}
	if (strlen(path) + strlen("/" MESHD_PLUGIN_SUBDIR) >= sizeof(path))
		return NULL;
	strcat(path, "/" MESHD_PLUGIN_SUBDIR);
	return access(path, F_OK) == 0 ? path : NULL;
}

const char *plugin_folders(void)
{
	const char *dir = secure_getenv("MESHD_PLUGIN_DIR");

	if (dir == NULL || dir[0] == '\0')
		dir = moved_folder();
	return dir != NULL ? dir : MESHD_PLUGIN_DIR;
}

/* Root's or ours, and writable by nobody else? */
static int check_owner(const char *path, const struct stat *st, const char *what, struct buf *why)
{
	if (st->st_uid != 0 && st->st_uid != getuid()) {
		buf_printf(why, "%s '%s' belongs to uid %u; it must belong to root or to uid %u, who runs this", what,
			   path, (unsigned)st->st_uid, (unsigned)getuid());
		return 1;
	}
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		buf_printf(why, "%s '%s' can be written by others (mode %04o); use: chmod go-w %s", what, path,
			   (unsigned)(st->st_mode & 07777), path);
		return 1;
	}
	return 0;
}

static int check_folder(const char *file, struct buf *why)
{
	_cleanup_free_ char *folder = strdup(file);
	struct stat st;

	if (folder == NULL)
		return -ENOMEM;
	folder[strrchr(folder, '/') == folder ? 1 : strrchr(folder, '/') - folder] = '\0';
	if (stat(folder, &st) < 0) {
		buf_printf(why, "plugin folder '%s' cannot be read: %s", folder, strerror(errno));
		return 1;
	}
	return check_owner(folder, &st, "plugin folder", why);
}

static int check_file(const char *file, struct buf *why)
{
	struct stat st;
	int r;

	if (stat(file, &st) < 0) {
		buf_printf(why, "plugin file '%s' cannot be read: %s", file, strerror(errno));
		return 1;
	}
	if (!S_ISREG(st.st_mode)) {
		buf_printf(why, "plugin file '%s' is not a regular file; name a .so file", file);
		return 1;
	}
	r = check_owner(file, &st, "plugin file", why);
	return r != 0 ? r : check_folder(file, why);
}

/* Names of the plugins in a folder, sorted. */
static void append_folder(const char *folder, unsigned *shown, struct buf *out)
{
	struct dirent **list = NULL;
	int n = scandir(folder, &list, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		size_t len = strlen(list[i]->d_name);

		if (len > 3 && strcmp(list[i]->d_name + len - 3, ".so") == 0 && *shown < PLUGINS_SHOWN)
			buf_printf(out, "%s%.*s", (*shown)++ > 0 ? ", " : "", (int)len - 3, list[i]->d_name);
		free(list[i]);
	}
	free(list);
}

static int append_available(struct buf *out)
{
	_cleanup_free_ char *folders = strdup(plugin_folders());
	char *state = NULL;
	unsigned shown = 0;

	if (folders == NULL)
		return -ENOMEM;
	for (char *f = strtok_r(folders, ":", &state); f != NULL; f = strtok_r(NULL, ":", &state))
		append_folder(f, &shown, out);
	if (shown == 0)
		buf_puts(out, "none");
	return 1;
}

static bool name_ok(const char *name)
{
	return name[0] != '\0' && strlen(name) <= 64 &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == strlen(name);
}

static int not_found(const char *name, enum mesh_kind kind, struct buf *why)
{
	buf_printf(why, "there is no %s plugin '%s' in %s; plugins there: ", plugin_kind_name(kind), name,
		   plugin_folders());
	return append_available(why);
}

/* The first folder that has NAME.so. */
static int find_file(const char *name, enum mesh_kind kind, char **ret_file, struct buf *why)
{
	for (const char *p = plugin_folders(); *p != '\0';) {
		size_t len = strcspn(p, ":");
		_cleanup_free_ char *file = NULL;

		if (asprintf(&file, "%.*s/%s.so", (int)len, p, name) < 0) {
			file = NULL;
			return -ENOMEM;
		}
		if (len > 0 && p[0] == '/' && access(file, F_OK) == 0) {
			*ret_file = TAKE(file);
			return 0;
		}
		p += len + (p[len] == ':');
	}
	return not_found(name, kind, why);
}

static int resolve(const char *name, enum mesh_kind kind, char **ret_file, struct buf *why)
{
	_cleanup_free_ char *file = NULL;
	char *real;
	int r;

	if (name[0] != '/' && !name_ok(name)) {
		diag_quote(why, name);
		buf_puts(why, " is not the name of a plugin; write a word such as file, or the absolute path of a "
			      ".so file");
		return 1;
	}
	if (name[0] != '/') {
		r = find_file(name, kind, &file, why);
		if (r != 0)
			return r;
	}
	real = realpath(file != NULL ? file : name, NULL);
	if (real == NULL) {
		buf_puts(why, "plugin file ");
		diag_quote(why, file != NULL ? file : name);
		buf_printf(why, " cannot be opened: %s", strerror(errno));
		return 1;
	}
	*ret_file = real;
	return 0;
}

/* `abi` is read before anything else: the other members mean something only then. */
static int check_descriptor(const struct plugin *p, const char *name, enum mesh_kind kind, struct buf *why)
{
	const struct mesh_plugin *d = p->desc;

	if (d->abi != MESH_ABI) {
		buf_printf(why, "plugin file '%s' was built for plugin ABI %u, this meshd has %u; rebuild the "
			   "plugin with the installed meshd/plugin.h", p->file, d->abi, MESH_ABI);
		return 1;
	}
	if (d->size < PLUGIN_SIZE_MIN || d->size > (1u << 16)) {
		buf_printf(why, "plugin file '%s' has a descriptor of %u bytes, at least %zu are needed; make it with "
			   "MESH_PLUGIN()", p->file, d->size, PLUGIN_SIZE_MIN);
		return 1;
	}
	if (d->kind != kind) {
		buf_printf(why, "plugin file '%s' is %s, not a %s plugin", p->file,
			   d->kind == MESH_SOURCE   ? "a source plugin" :
			   d->kind == MESH_FRONTEND ? "a frontend plugin" : "of an unknown kind",
			   plugin_kind_name(kind));
		return 1;
	}
	if (d->name == NULL || (name[0] != '/' && strcmp(d->name, name) != 0)) {
		buf_printf(why, "plugin file '%s' calls itself '%.64s', not '%s'; name the file after the plugin",
			   p->file, d->name != NULL ? d->name : "", name);
		return 1;
	}
	return 0;
}

static int check_functions(const struct plugin *p, struct buf *why)
{
	const struct mesh_plugin *d = p->desc;
	const void *table = d->kind == MESH_SOURCE ? (const void *)d->source : (const void *)d->frontend;

	if (d->size < sizeof(*d) || table == NULL || d->open == NULL || d->start == NULL || d->close == NULL) {
		buf_printf(why, "plugin file '%s' lacks open, start, close or its %s table; fill them in",
			   p->file, plugin_kind_name(d->kind));
		return 1;
	}
	if (d->options != NULL) {
		_cleanup_(buf_deinit) struct buf detail = BUF_INIT;

		if (schema_check(d->options, &detail) != 0) {
			buf_printf(why, "plugin file '%s' has a schema that cannot be used: %s", p->file,
				   buf_str(&detail) != NULL ? buf_str(&detail) : "");
			return 1;
		}
	}
	return 0;
}

static int open_file(struct plugin *p, struct buf *why)
{
	/* It stays: the loop may end later than the plugin, with call-backs of libraries that only the plugin
	 * brought. */
	p->handle = dlopen(p->file, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (p->handle == NULL) {
		buf_printf(why, "plugin file '%s' cannot be loaded: %s", p->file, dlerror());
		return 1;
	}
	p->desc = dlsym(p->handle, MESH_PLUGIN_SYMBOL);
	if (p->desc == NULL) {
		buf_printf(why, "plugin file '%s' has no symbol " MESH_PLUGIN_SYMBOL "; it is not a plugin of meshd",
			   p->file);
		return 1;
	}
	return 0;
}

int plugin_load(const char *name, enum mesh_kind kind, struct plugin **ret_plugin, struct buf *why)
{
	_cleanup_(plugin_freep) struct plugin *p = calloc(1, sizeof(*p));
	int r;

	if (p == NULL)
		return -ENOMEM;
	r = resolve(name, kind, &p->file, why);
	if (r == 0)
		r = check_file(p->file, why);
	if (r == 0)
		r = open_file(p, why);
	if (r == 0)
		r = check_descriptor(p, name, kind, why);
	if (r == 0)
		r = check_functions(p, why);
	if (r != 0)
		return r;
	*ret_plugin = TAKE(p);
	return 0;
}
