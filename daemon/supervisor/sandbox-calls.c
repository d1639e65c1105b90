/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The filter of system calls.  What a role has no use for fails with EPERM; what only an intruder
 * would call (another process's memory, signals, execution) ends the process.  Lists are by name,
 * because a name that an architecture lacks is simply skipped.
 */
#include <seccomp.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "error.h"
#include "sandbox.h"

static const char *const common[] = {
	/* bytes and descriptors */
	"read", "readv", "pread64", "preadv", "write", "writev", "pwrite64", "pwritev", "close", "close_range",
	"dup", "dup2", "dup3", "fcntl", "fcntl64", "lseek", "_llseek", "pipe", "pipe2", "fadvise64",
	"fadvise64_64", "eventfd2", "memfd_create", "sendfile", "sendfile64",
	/* files, as far as their modes and Landlock let it */
	"open", "openat", "openat2", "access", "faccessat", "faccessat2", "stat", "stat64", "lstat", "lstat64",
	"fstat", "fstat64", "newfstatat", "fstatat64", "statx", "statfs", "statfs64", "fstatfs", "fstatfs64",
	"readlink", "readlinkat", "getcwd", "getdents", "getdents64", "umask",
	/* sockets */
	"socket", "socketpair", "accept", "accept4", "sendmsg", "sendmmsg", "sendto", "send", "recvmsg", "recvmmsg",
	"recvfrom", "recv", "shutdown", "getsockname", "getpeername", "getsockopt", "setsockopt", "socketcall",
	/* waiting */
	"poll", "ppoll", "ppoll_time64", "select", "_newselect", "pselect6", "pselect6_time64", "epoll_create",
	"epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2", "timerfd_create",
	"timerfd_settime", "timerfd_gettime", "timerfd_settime64", "timerfd_gettime64", "nanosleep",
	"clock_nanosleep", "clock_nanosleep_time64", "futex", "futex_time64", "sched_yield", "restart_syscall",
	/* memory */
	"brk", "mmap", "mmap2", "munmap", "mremap", "mprotect", "madvise", "mlock", "munlock", "membarrier",
	/* time, identity, limits */
	"clock_gettime", "clock_gettime64", "clock_getres", "clock_getres_time64", "gettimeofday", "time", "times",
	"getpid", "gettid", "getppid", "getuid", "geteuid", "getgid", "getegid", "getuid32", "geteuid32",
	"getgid32", "getegid32", "getgroups", "getgroups32", "getresuid", "getresgid", "getresuid32", "getresgid32",
	"getpgrp", "getrusage", "getrlimit", "ugetrlimit", "prlimit64", "sysinfo", "uname", "getrandom",
	"sched_getaffinity", "getcpu", "prctl", "arch_prctl",
	/* signals to oneself, threads of libraries, the end */
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigreturn", "rt_sigtimedwait", "rt_sigpending",
	"sigaltstack", "set_robust_list", "get_robust_list", "set_tid_address", "rseq", "exit", "exit_group",
	NULL,
};

/* AddressSanitizer's leak check stops the process from a helper thread that it traces. */
static const char *const sanitizer[] = {
	"ptrace", "clone", "clone3", "wait4", "waitpid", "mincore", "personality", "process_vm_readv", "kill",
	"getpgid", "unlink", "mkdir", NULL,
};

/* Nobody here has an honest use for these. */
static const char *const deadly[] = {
	"ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "kill", "tkill", "rt_sigqueueinfo",
	"rt_tgsigqueueinfo", "pidfd_send_signal", "pidfd_getfd", "execve", "execveat", "mount", "umount2",
	"pivot_root", "setns", "unshare", "init_module", "finit_module", "delete_module", "kexec_load", "bpf",
	"add_key", "request_key", "keyctl", "userfaultfd", "perf_event_open", "reboot", NULL,
};

static bool listed(const char *const *list, const char *name)
{
	for (size_t i = 0; list != NULL && list[i] != NULL; i++)
		if (__builtin_strcmp(list[i], name) == 0)
			return true;
	return false;
}

static int add_all(scmp_filter_ctx filter, uint32_t action, const char *const *names, const char *const *except)
{
	for (size_t i = 0; names != NULL && names[i] != NULL; i++) {
		int nr = seccomp_syscall_resolve_name(names[i]), r;

		if (nr == __NR_SCMP_ERROR || nr < 0 || listed(except, names[i]))
			continue;
		r = seccomp_rule_add(filter, action, nr, 0);
		if (r < 0 && r != -EEXIST)
			return error_origin(r);
	}
	return 0;
}

/* abort() and assert() signal the own process. */
static int allow_abort(scmp_filter_ctx filter)
{
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
				SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
}

/* Questions about one's own descriptors; not TIOCSTI, which types into the terminal that started meshd. */
static int allow_ioctls(scmp_filter_ctx filter)
{
	static const unsigned long harmless[] = { FIONREAD, FIONBIO, FIOCLEX, FIONCLEX, TCGETS, TIOCGWINSZ };
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(harmless) && r == 0; i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
				     SCMP_A1(SCMP_CMP_MASKED_EQ, UINT32_MAX, harmless[i]));
	return r;
}

static int fill(scmp_filter_ctx filter, const struct role_sandbox *profile)
{
	const char *const *extra = sandbox_is_sanitized() ? sanitizer : NULL;
	int r;

	r = add_all(filter, SCMP_ACT_KILL_PROCESS, deadly, extra);
	if (r == 0)
		r = add_all(filter, SCMP_ACT_ALLOW, common, NULL);
	if (r == 0)
		r = add_all(filter, SCMP_ACT_ALLOW, profile->calls, NULL);
	if (r == 0)
		r = add_all(filter, SCMP_ACT_ALLOW, extra, NULL);
	if (r == 0)
		r = allow_ioctls(filter);
	return r == 0 ? allow_abort(filter) : r;
}

int sandbox_calls(const struct role_sandbox *profile)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int r;

	if (filter == NULL)
		return error_origin(-ENOMEM);
	r = fill(filter, profile);
	if (r == 0) {
		r = seccomp_load(filter);
		/* The kernel was built without it, or a container forbids it: sandbox_probe() has said so. */
		if (r == -EINVAL || r == -ENOSYS || r == -ECANCELED)
			r = 1;
	}
	seccomp_release(filter);
	return r < 0 ? error_origin(r) : r;
}
