/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Landlock: which files a worker may open, and that it neither binds TCP ports nor signals others.
 * The numbers are the kernel's (Documentation/userspace-api/landlock.rst) and written down here,
 * because the headers of the build machine may be older than the kernel that runs.
 *
 * A rule holds for the inode that a path names now.  Files that are replaced by rename get a new
 * one, so a rule is laid on the folder around each configured path, or on the nearest that exists.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "error.h"
#include "fd.h"
#include "plugin.h"
#include "sandbox.h"

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

#define FS_EXECUTE (UINT64_C(1) << 0)
#define FS_WRITE_FILE (UINT64_C(1) << 1)
#define FS_READ_FILE (UINT64_C(1) << 2)
#define FS_READ_DIR (UINT64_C(1) << 3)
#define FS_REMOVE_DIR (UINT64_C(1) << 4)
#define FS_REMOVE_FILE (UINT64_C(1) << 5)
#define FS_MAKE_DIR (UINT64_C(1) << 7)
#define FS_MAKE_REG (UINT64_C(1) << 8)
#define FS_ALL_1 ((UINT64_C(1) << 13) - 1)
#define FS_REFER (UINT64_C(1) << 13)	/* from ABI 2 */
#define FS_TRUNCATE (UINT64_C(1) << 14)	/* from ABI 3 */
#define NET_BIND_TCP (UINT64_C(1) << 0)	/* from ABI 4 */
#define NET_CONNECT_TCP (UINT64_C(1) << 1)
#define SCOPE_ALL UINT64_C(3)		/* from ABI 6: abstract sockets, signals */

#define FS_FILE (FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE)
#define FS_READ (FS_EXECUTE | FS_READ_FILE | FS_READ_DIR)
#define FS_WRITE                                                                              \
	(FS_READ_FILE | FS_READ_DIR | FS_WRITE_FILE | FS_REMOVE_DIR | FS_REMOVE_FILE |        \
	 FS_MAKE_DIR | FS_MAKE_REG | FS_REFER | FS_TRUNCATE)

struct ruleset_attr {
	uint64_t fs, net, scoped;
};

struct path_attr {
	uint64_t access;
	int32_t parent_fd;
} __attribute__((packed));

struct rules {
	int fd;
	uint64_t handled;
};

/* What every program needs to run: libraries, resolver, time zones, its own state in /proc. */
static const char *const system_paths[] = {
	"/usr", "/lib", "/lib64", "/lib32", "/etc", "/proc", "/sys/devices/system/cpu", "/dev/null", "/dev/urandom",
	"/dev/zero", "/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager", "/proc/self/exe", NULL,
};

int sandbox_files_abi(void)
{
	return (int)syscall(SYS_landlock_create_ruleset, NULL, 0, 1U);
}

static int allow(const struct rules *rules, const char *path, uint64_t access)
{
	_cleanup_(fd_closep) int fd = open(path, O_PATH | O_CLOEXEC);
	struct path_attr attr = { .access = access & rules->handled };
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return 0; /* nothing there that could be read */
	if (!S_ISDIR(st.st_mode))
		attr.access &= FS_FILE;
	attr.parent_fd = fd;
	if (syscall(SYS_landlock_add_rule, rules->fd, 1, &attr, 0U) < 0)
		return error_origin(-errno);
	return 0;
}

/* The folder around a path, or the nearest that exists; "/" only if the path lies in it and is not there. */
static int allow_around(const struct rules *rules, const char *path)
{
	char dir[PATH_MAX];
	int r;

	if (snprintf(dir, sizeof dir, "%s", path) >= (int)sizeof dir)
		return 0;
	r = allow(rules, path, FS_READ);
	for (;;) {
		char *slash = strrchr(dir, '/');

		if (r < 0 || slash == NULL)
			return r;
		if (slash == dir)
			return access(path, F_OK) == 0 ? 0 : allow(rules, "/", FS_READ);
		*slash = 0;
		if (access(dir, F_OK) == 0)
			return allow(rules, dir, FS_READ);
	}
}

static int allow_slice(const struct rules *rules, const struct sandbox *s)
{
	for (size_t i = 0; s->slice != NULL && i < conf_size(s->slice); i++) {
		const struct conf_entry *e = conf_at(s->slice, i);
		int r;

		if (e->type != CONF_STRING || e->text[0] != '/' || strcmp(e->path, "state_dir") == 0)
			continue;
		/* A path of an API ("/apisix") is no file: nothing of that name, nothing allowed. */
		if (strcmp(e->path, "frontend.options.prefix") == 0)
			continue;
		r = allow_around(rules, e->text);
		if (r < 0)
			return error_trace(r);
	}
	return 0;
}

/* The folders that plugins are loaded from. */
static int allow_plugins(const struct rules *rules)
{
	_cleanup_free_ char *list = strdup(plugin_folders());
	char *save = NULL;
	int r = 0;

	if (list == NULL)
		return error_origin(-ENOMEM);
	for (char *dir = strtok_r(list, ":", &save); dir != NULL && r == 0; dir = strtok_r(NULL, ":", &save))
		r = allow(rules, dir, FS_READ);
	return r;
}

static int fill(const struct rules *rules, const struct sandbox *s)
{
	int r = 0;

	if (s->profile->read_all)
		return error_trace(allow(rules, "/", FS_READ));
	for (size_t i = 0; system_paths[i] != NULL && r == 0; i++)
		r = allow(rules, system_paths[i], FS_READ);
	if (r == 0)
		r = allow(rules, "/dev/null", FS_READ_FILE | FS_WRITE_FILE);
	if (r == 0)
		r = allow_plugins(rules);
	if (r == 0)
		r = allow_slice(rules, s);
	if (r == 0 && s->profile->write_state && s->state_dir != NULL)
		r = allow(rules, s->state_dir, FS_WRITE);
	return r;
}

static struct ruleset_attr handled(const struct sandbox *s, int abi)
{
	struct ruleset_attr a = { .fs = FS_ALL_1 };

	if (abi >= 2)
		a.fs |= FS_REFER;
	if (abi >= 3)
		a.fs |= FS_TRUNCATE;
	if (abi >= 4)
		a.net = s->profile->connects ? NET_BIND_TCP : NET_BIND_TCP | NET_CONNECT_TCP;
	/* The leak checker signals its helper, which lives in the same domain; the supervisor does not. */
	if (abi >= 6)
		a.scoped = SCOPE_ALL;
	return a;
}

int sandbox_files(const struct sandbox *s)
{
	int abi = sandbox_files_abi(), r;
	_cleanup_(fd_closep) int fd = -1;
	struct ruleset_attr attr;
	struct rules rules;

	if (abi < 1)
		return 1;
	attr = handled(s, abi);
	fd = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0U);
	if (fd < 0)
		return error_origin(-errno);
	rules = (struct rules){ .fd = fd, .handled = attr.fs };
	r = fill(&rules, s);
	if (r < 0)
		return error_trace(r);
	return syscall(SYS_landlock_restrict_self, fd, 0U) < 0 ? error_origin(-errno) : 0;
}
