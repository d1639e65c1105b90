/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meshd: argv, and who runs what.  Without --role this is the supervisor; with it, one of the
 * workers or the check child, started by the supervisor alone.
 *
 * Exit status: 0 done; 1 refused, with the reasons on standard error; 2 wrong usage.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "check.h"
#include "checker.h"
#include "frontend.h"
#include "log.h"
#include "roles.h"
#include "sandbox.h"
#include "source.h"
#include "supervisor.h"
#include "translator.h"
#include "worker.h"

LOG_MODULE("main");

/* The role bodies; capture and admin follow. */
static const struct worker_ops *const workers[_ROLE_MAX] = {
	[ROLE_SOURCE] = &source_worker_ops,
	[ROLE_TRANSLATOR] = &translator_worker_ops,
	[ROLE_FRONTEND] = &frontend_worker_ops,
};

static const char usage[] =
	"usage: meshd [--config FILE] [--check] [--version]\n"
	"  --config FILE  the configuration (default " MESHD_CONFIG ")\n"
	"  --check        check it, say everything that is wrong, and end\n"
	"  --version      print the version and end\n"
	"meshd runs in the foreground; meshctl talks to it. See meshd(8).\n";

static int run_check(const char *path)
{
	struct buf text = BUF_INIT;
	struct conf *conf = NULL;
	int r = check_config(-1, path, &conf, &text);

	if (r < 0)
		fprintf(stderr, "%s: cannot check it: %s\n", path, strerror(-r));
	else if (text.len > 0)
		fputs(buf_str(&text), stderr);
	if (r == 0)
		printf("%s: no mistakes\n", path);
	conf_free(conf);
	buf_deinit(&text);
	return r == 0 ? 0 : 1;
}

static void set_process_name(enum role_id role)
{
	char name[16];

	snprintf(name, sizeof name, "meshd-%s", role_name(role));
	prctl(PR_SET_NAME, name);
}

static bool confine(const char *name, const struct role_sandbox *profile)
{
	int r;

	log_init(name);
	r = sandbox_calls(profile);
	if (r < 0)
		log_err_errno(r, "cannot filter system calls");
	return r >= 0;
}

static int run_worker(enum role_id role)
{
	set_process_name(role);
	return confine(role_name(role), roles[role].sandbox) ? worker_main(workers[role]) : 1;
}

static int run_check_child(const char *file)
{
	return confine("check", &check_sandbox) ? check_child_main(file) : 1;
}

static int run_role(const char *name, const char *file)
{
	enum role_id role = role_find(name);

	if (strcmp(name, "check") == 0 && file != NULL)
		return run_check_child(file);
	if (role == _ROLE_MAX || workers[role] == NULL) {
		fprintf(stderr, "meshd: there is no role '%s'\n", name);
		return 2;
	}
	return run_worker(role);
}

static int wrong_usage(void)
{
	fputs(usage, stderr);
	return 2;
}

static int print(const char *text)
{
	fputs(text, stdout);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "check", no_argument, NULL, 'k' },
		{ "version", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ "role", required_argument, NULL, 'r' }, /* internal */
		{ NULL, 0, NULL, 0 },
	};
	struct supervisor_options supervisor = { .config = MESHD_CONFIG };
	const char *role = NULL;
	bool check = false;
	int opt;

	while ((opt = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		if (opt == 'c')
			supervisor.config = optarg;
		else if (opt == 'k')
			check = true;
		else if (opt == 'r')
			role = optarg;
		else if (opt == 'v')
			return print("meshd " MESHD_VERSION "\n");
		else
			return opt == 'h' ? print(usage) : wrong_usage();
	}
	if (role != NULL)
		return run_role(role, argv[optind]);
	if (optind != argc)
		return wrong_usage();
	return check ? run_check(supervisor.config) : supervisor_run(&supervisor);
}
