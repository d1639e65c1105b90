/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of roles, see roles.h.  A new role is a row here, a member of enum role_id, its name in
 * message.c, its struct worker_ops in main.c, and its arrows below.
 */
#include "roles.h"

#include <linux/capability.h>

#define MEMORY_SIZE (64u << 20) /* sparse: only what is written takes room */

static const char *const source_slice[] = { "node.", "source.", "log.", NULL };
static const char *const translator_slice[] = {
	"translator.", "capture.", "proxy.", "state_dir", "secrets", "log.", "frontend.options.prefix", NULL,
};
static const char *const frontend_slice[] = { "frontend.", "proxy.", "user", "state_dir", "secrets", "log.", NULL };
static const char *const capture_slice[] = { "capture.", "proxy.", "user", "log.", NULL };
static const char *const admin_slice[] = { "admin.", "log.", NULL };

static const char *const source_calls[] = {
	"connect", "bind", "inotify_init", "inotify_init1", "inotify_add_watch", "inotify_rm_watch", NULL,
};
static const char *const store_calls[] = {
	"rename", "renameat", "renameat2", "unlink", "unlinkat", "mkdir", "mkdirat", "rmdir", "ftruncate",
	"truncate", "fallocate", "fsync", "fdatasync", "sync_file_range", "chmod", "fchmod", "fchmodat",
	"link", "linkat", "utimensat", "flock", "msync", "copy_file_range", "bind", "connect", "inotify_init1",
	"inotify_add_watch", "inotify_rm_watch", NULL,
};
static const char *const netlink_calls[] = { "bind", NULL };

static const struct role_sandbox source_sandbox = { .connects = true, .calls = source_calls };
static const struct role_sandbox store_sandbox = { .write_state = true, .calls = store_calls };
static const struct role_sandbox capture_sandbox = {
	.caps = UINT64_C(1) << CAP_NET_ADMIN,
	.calls = netlink_calls,
};
static const struct role_sandbox admin_sandbox = { 0 };
const struct role_sandbox check_sandbox = { .read_all = true, .calls = netlink_calls };

const struct role roles[_ROLE_MAX] = {
	[ROLE_SUPERVISOR] = { .id = ROLE_SUPERVISOR },
	[ROLE_SOURCE] = {
		.id = ROLE_SOURCE,
		.swap_group = 1,
		.peers = ROLE_BIT(ROLE_TRANSLATOR),
		.slice = source_slice,
		.sandbox = &source_sandbox,
		.start_order = 3, .stop_order = 1,
	},
	[ROLE_TRANSLATOR] = {
		.id = ROLE_TRANSLATOR,
		.swap_group = 1,
		.peers = ROLE_BIT(ROLE_SOURCE) | ROLE_BIT(ROLE_FRONTEND) | ROLE_BIT(ROLE_CAPTURE),
		.slice = translator_slice,
		.memory = MEMORY_SIZE, .memory_name = "meshd-tail",
		.sandbox = &store_sandbox,
		.start_order = 2, .stop_order = 2,
	},
	[ROLE_FRONTEND] = {
		.id = ROLE_FRONTEND,
		.swap_group = 2,
		.peers = ROLE_BIT(ROLE_TRANSLATOR),
		.slice = frontend_slice,
		.memory = MEMORY_SIZE, .memory_name = "meshd-journal",
		.listens = true,
		.sandbox = &store_sandbox,
		.start_order = 1, .stop_order = 3,
	},
	[ROLE_CAPTURE] = {
		.id = ROLE_CAPTURE,
		.peers = ROLE_BIT(ROLE_TRANSLATOR),
		.slice = capture_slice,
		.enabled_by = "capture.enabled",
		.sandbox = &capture_sandbox,
		.start_order = 0, .stop_order = 4,
	},
	[ROLE_ADMIN] = {
		.id = ROLE_ADMIN,
		.slice = admin_slice,
		.enabled_by = "admin.listen",
		.sandbox = &admin_sandbox,
		.start_order = 0, .stop_order = 5,
	},
};

const struct role_arrow role_arrows[ROLE_ARROWS] = {
	{ ROLE_SOURCE, ROLE_TRANSLATOR },
	{ ROLE_TRANSLATOR, ROLE_FRONTEND },
	{ ROLE_TRANSLATOR, ROLE_CAPTURE },
};

bool role_enabled(const struct role *role, const struct conf *conf)
{
	if (role->start_order == 0)
		return false;
	if (role->enabled_by == NULL)
		return true;
	return conf_bool(conf, role->enabled_by, false) || conf_str(conf, role->enabled_by, "")[0] != 0;
}
