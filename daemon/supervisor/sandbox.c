/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ids, capabilities and the proof; see sandbox.h.  Runs in a forked child of the supervisor; an
 * error ends that child, so a worker with too much power never starts.
 */
#include "sandbox.h"

#include <cap-ng.h>
#include <grp.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"

bool sandbox_is_sanitized(void)
{
#if defined(__SANITIZE_ADDRESS__)
	return true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
	return true;
#else
	return false;
#endif
#else
	return false;
#endif
}

/* While still privileged: nothing that is exec'd later can get more than this. */
static int cut_bounds(uint64_t caps)
{
	for (int cap = 0; cap <= CAP_LAST_CAP; cap++) {
		if ((caps >> cap & 1) != 0 || prctl(PR_CAPBSET_READ, cap) != 1)
			continue;
		if (prctl(PR_CAPBSET_DROP, cap) < 0 && errno != EPERM && errno != EINVAL)
			return error_origin(-errno);
	}
	return 0;
}

static int change_ids(const struct identity *who)
{
	if (!who->drop)
		return 0;
	if (prctl(PR_SET_KEEPCAPS, 1) < 0)
		return error_origin(-errno);
	if (setgroups((size_t)who->n_groups, who->groups) < 0)
		return error_origin(-errno);
	if (setresgid(who->gid, who->gid, who->gid) < 0)
		return error_origin(-errno);
	if (setresuid(who->uid, who->uid, who->uid) < 0)
		return error_origin(-errno);
	return 0;
}

/* Exactly `caps`, in all sets including ambient, so that they live on in the exec'd worker. */
static int set_caps(uint64_t caps)
{
	capng_clear(CAPNG_SELECT_CAPS);
	for (int cap = 0; cap <= CAP_LAST_CAP; cap++) {
		if ((caps >> cap & 1) == 0)
			continue;
		/* One that we do not have ourselves cannot be given: the role will say what it lacks. */
		if (prctl(PR_CAPBSET_READ, cap) != 1)
			continue;
		capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_INHERITABLE, (unsigned)cap);
	}
	if (capng_apply(CAPNG_SELECT_CAPS) < 0)
		return error_origin(-EPERM);
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
		return error_origin(-errno);
	for (int cap = 0; cap <= CAP_LAST_CAP; cap++)
		if ((caps >> cap & 1) != 0)
			prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0);
	return 0;
}

/* After an id change, because that clears it; and a parent that died before this call is noticed. */
static int die_with_parent(pid_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return error_origin(-errno);
	return getppid() == parent ? 0 : error_origin(-ESRCH);
}

static int prove(const struct identity *who)
{
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return error_origin(-EPERM);
	if (who->drop && (setresuid(0, 0, 0) == 0 || setresgid(0, 0, 0) == 0 || setgroups(0, NULL) == 0))
		return error_origin(-EPERM);
	if (who->drop && (getuid() == 0 || geteuid() == 0 || getgid() != who->gid))
		return error_origin(-EPERM);
	return 0;
}

int sandbox_enter(const struct sandbox *s, const char **what)
{
	int r;

	*what = "chdir";
	umask(0077);
	if (chdir("/") < 0)
		return error_origin(-errno);
	*what = "capability bounds";
	r = cut_bounds(s->profile->caps);
	if (r < 0)
		return error_trace(r);
	*what = "change of user";
	r = change_ids(s->who);
	if (r < 0)
		return error_trace(r);
	*what = "capabilities";
	r = set_caps(s->profile->caps);
	if (r < 0)
		return error_trace(r);
	*what = "signal at the supervisor's death";
	r = die_with_parent(s->parent);
	if (r < 0)
		return error_trace(r);
	*what = "no_new_privs";
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_origin(-errno);
	*what = "file system rules";
	r = sandbox_files(s);
	if (r < 0)
		return error_trace(r);
	*what = "proof that root is gone";
	return error_trace(prove(s->who));
}

void sandbox_probe(struct buf *lacking)
{
	if (sandbox_files_abi() < 1)
		buf_puts(lacking, "no Landlock (files are limited by their modes alone)");
	if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0)
		buf_printf(lacking, "%sno seccomp (system calls are not filtered)", lacking->len > 0 ? ", " : "");
}
