/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fork and exec, see spawn.h.  Between fork and exec only this process's own memory is touched: no loop,
 * no pipe; every descriptor of the supervisor is closed by number before exec.
 */
#include "spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "fd.h"
#include "log.h"

LOG_MODULE("spawn");

#define SPAWN_FAILED 126
#define SPAWN_ENV_MAX 32

/* What a worker may know of our environment. */
static const char *const kept[] = {
	"PATH", "LANG", "LC_ALL", "TZ", "JOURNAL_STREAM", "MESHD_PLUGIN_DIR", "MESHD_TRACE_ERRORS", "MALLOC_ARENA_MAX",
	"ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS",
};

static void clean_environment(char **env)
{
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(kept) && n < SPAWN_ENV_MAX - 1; i++)
		for (char **e = environ; *e != NULL; e++) {
			size_t len = strlen(kept[i]);

			if (strncmp(*e, kept[i], len) == 0 && (*e)[len] == '=')
				env[n++] = *e;
		}
	env[n] = NULL;
}

/* A terminal's signals go to the whole group; only the supervisor acts on them, so they stay ignored over exec. */
static void reset_signals(void)
{
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, sig == SIGINT || sig == SIGTERM || sig == SIGHUP || sig == SIGPIPE ? SIG_IGN : SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Descriptors 0 and 3… as wanted, all above closed. */
static int place_fds(const struct spawn *s)
{
	int high[SPAWN_FDS], in;

	/* First out of the way, because 3 may be the source of 4. */
	for (int i = 0; i < SPAWN_FDS; i++) {
		high[i] = s->fds[i] < 0 ? -1 : fd_dup(s->fds[i], 3 + 2 * SPAWN_FDS);
		if (s->fds[i] >= 0 && high[i] < 0)
			return error_trace(high[i]);
	}
	in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (in >= 0)
		dup2(in, STDIN_FILENO);
	for (int i = 0; i < SPAWN_FDS; i++) {
		close(3 + i);
		if (high[i] >= 0 && dup2(high[i], 3 + i) < 0)
			return error_origin(-errno);
	}
	return error_trace(fd_close_from(3 + SPAWN_FDS));
}

__attribute__((noreturn)) static void child(const struct spawn *s)
{
	char *env[SPAWN_ENV_MAX];
	const char *what = "descriptors";
	int r;

	reset_signals();
	log_init(s->name);
	r = place_fds(s);
	if (r == 0)
		r = sandbox_enter(s->sandbox, &what);
	if (r < 0) {
		log_err_errno(r, "cannot start: %s failed", what);
		_exit(SPAWN_FAILED);
	}
	clean_environment(env);
	execve(s->exec_path, (char *const *)(uintptr_t)s->argv, s->full_environment ? environ : env);
	log_err_errno(-errno, "cannot execute '%s'", s->exec_path);
	_exit(SPAWN_FAILED);
}

pid_t spawn_process(const struct spawn *s)
{
	sigset_t all, old;
	pid_t pid;

	/* No handler of the supervisor may run in the child. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	pid = fork();
	if (pid == 0)
		child(s);
	sigprocmask(SIG_SETMASK, &old, NULL);
	return pid < 0 ? error_origin(-errno) : pid;
}
