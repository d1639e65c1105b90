/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of things: check the configuration, find the user, make state_dir, bind the sockets, start
 * the workers, answer signals, end them in order.  What prevents a start is logged with its remedy and
 * ends the process with 1; after that nothing but SIGTERM and SIGINT does.
 */
#include "supervisor.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "error.h"
#include "log.h"
#include "private.h"
#include "sandbox.h"

LOG_MODULE("supervisor");

static void end(struct supervisor *sup, int status)
{
	sup->status = status;
	event_base_loopbreak(sup->base);
}

/* ---- end ---- */

static unsigned stop_ms(const struct supervisor *sup)
{
	return sup->options.stop_ms > 0 ? sup->options.stop_ms : STOP_MS;
}

/* Each stage may take its share of the whole; the kill that may follow is quick. */
static unsigned stage_ms(const struct supervisor *sup)
{
	return stop_ms(sup) / (_ROLE_MAX - 1) * 4 / 5;
}

static struct child *child_of_stage(struct supervisor *sup, unsigned stage)
{
	for (unsigned i = 1; i < _ROLE_MAX; i++)
		if (sup->children[i]->role->stop_order == stage)
			return sup->children[i];
	return NULL;
}

/* Goes on to the next role that still has a process. */
static void stop_next(struct supervisor *sup)
{
	for (; sup->stop_stage < _ROLE_MAX; sup->stop_stage++) {
		struct child *c = child_of_stage(sup, sup->stop_stage);

		if (c == NULL || c->pid == 0)
			continue;
		if (c->state != CHILD_STOPPING)
			child_stop(c, stage_ms(sup));
		return;
	}
	end(sup, sup->status);
}

static void on_stop_timer(struct loop_timer *timer)
{
	struct supervisor *sup = container_of(timer, struct supervisor, stop_timer);

	log_warn("not everything has ended within %u ms: killing the rest", stop_ms(sup));
	end(sup, sup->status);
}

static void stop(struct supervisor *sup, int signo)
{
	if (sup->stopping)
		return;
	log_info("stopping, by %s", strsignal(signo));
	sup->stopping = true;
	notify_stopping();
	control_close(sup);
	swap_abort(sup);
	reload_deinit(sup);
	sup->first_check = check_free(sup->first_check);
	sup->stop_stage = 1;
	loop_timer_set(&sup->stop_timer, stop_ms(sup));
	stop_next(sup);
}

/* ---- signals ---- */

static void on_term(struct loop_signal *sig)
{
	struct supervisor *sup = sig->signo == SIGTERM ? container_of(sig, struct supervisor, sigterm)
						       : container_of(sig, struct supervisor, sigint);

	stop(sup, sig->signo);
}

static void on_hup(struct loop_signal *sig)
{
	struct supervisor *sup = container_of(sig, struct supervisor, sighup);

	reload_start(sup, NULL);
}

static void reap(struct supervisor *sup, pid_t pid, int status)
{
	struct child *c;

	if (check_on_exit(sup->first_check, pid, status) || check_on_exit(sup->reload.check, pid, status))
		return;
	for (unsigned i = 1; i < _ROLE_MAX; i++)
		if (sup->children[i]->pid == pid) {
			child_on_exit(sup->children[i], status);
			return;
		}
	c = swap_find(sup, pid);
	if (c != NULL)
		child_on_exit(c, status);
}

static void on_chld(struct loop_signal *sig)
{
	struct supervisor *sup = container_of(sig, struct supervisor, sigchld);
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		reap(sup, pid, status);
	if (sup->stopping)
		stop_next(sup);
}

/* ---- start ---- */

void supervisor_on_ready(struct supervisor *sup)
{
	bool all = true;

	notify_state(sup);
	for (unsigned i = 1; i < _ROLE_MAX; i++)
		if (role_enabled(&roles[i], sup->conf) && sup->children[i]->state != CHILD_READY)
			all = false;
	if (!all || sup->ready)
		return;
	sup->ready = true;
	log_info("all workers are ready");
	notify_ready();
}

static int find_user(struct supervisor *sup)
{
	struct buf text = BUF_INIT;
	int r = identity_find(conf_str(sup->conf, "user", "meshd"), &sup->who, &text);

	if (r != 0)
		log_err("%s", buf_str(&text));
	else if (text.len > 0)
		log_warn("%s", buf_str(&text));
	buf_deinit(&text);
	return r;
}

static void warn_sandbox(void)
{
	struct buf lacking = BUF_INIT;

	sandbox_probe(&lacking);
	if (lacking.len > 0)
		log_warn("this kernel limits the workers less than it could: %s", buf_str(&lacking));
	buf_deinit(&lacking);
}

static int bind_sockets(struct supervisor *sup)
{
	struct buf why = BUF_INIT;
	int r = reload_listens(sup->conf, NULL, &sup->listens, &why);

	if (r != 0)
		for (char *save = NULL, *line = strtok_r((char *)(uintptr_t)buf_str(&why), "\n", &save); line != NULL;
		     line = strtok_r(NULL, "\n", &save))
			log_err("%s", line);
	buf_deinit(&why);
	return r;
}

static int start_workers(struct supervisor *sup)
{
	for (unsigned order = 1; order < _ROLE_MAX; order++)
		for (unsigned i = 1; i < _ROLE_MAX; i++)
			if (sup->children[i]->role->start_order == order && child_configure(sup->children[i]) < 0)
				return -ENOMEM;
	return 0;
}

void supervisor_set_log(const struct conf *conf)
{
	enum log_level level;

	if (log_level_find(conf_str(conf, "log.level", "info"), &level) == 0)
		log_set_level(NULL, level);
	log_set_format(strcmp(conf_str(conf, "log.format", "text"), "json") == 0 ? LOG_FORMAT_JSON : LOG_FORMAT_TEXT);
}

static int bring_up(struct supervisor *sup)
{
	supervisor_set_log(sup->conf);
	if (find_user(sup) != 0 || state_dir_open(sup) != 0)
		return 1;
	warn_sandbox();
	if (control_open(sup, conf_str(sup->conf, "control.socket", "/run/meshd/control.sock")) < 0)
		return 1;
	return bind_sockets(sup) != 0 || start_workers(sup) < 0;
}

static void on_first_check(struct supervisor *sup, struct conf *conf, const char *text)
{
	if (conf == NULL) {
		/* Lines of "file:line:column: …" stay as they are, so that editors find them. */
		dprintf(STDERR_FILENO, "%s%s", text, text[0] != 0 && text[strlen(text) - 1] == '\n' ? "" : "\n");
		log_err("not started: the configuration has mistakes");
		end(sup, 1);
		return;
	}
	sup->conf = conf;
	if (bring_up(sup) != 0)
		end(sup, 1);
	else
		reload_resume(sup);
}

static int supervisor_init(struct supervisor *sup, const struct supervisor_options *options)
{
	int r;

	sup->options = *options;
	if (sup->options.exec_path == NULL)
		sup->options.exec_path = "/proc/self/exe";
	sup->started_ms = loop_now_ms();
	sup->control.fd = sup->state_fd = -1;
	for (unsigned i = 0; i < CONTROL_CONNS; i++)
		sup->control.conns[i].fd = -1;
	r = loop_new(&sup->base);
	for (unsigned i = 1; i < _ROLE_MAX && r == 0; i++)
		r = child_new(sup, &roles[i], false, &sup->children[i]);
	if (r == 0)
		r = arrows_init(sup);
	if (r == 0)
		r = swap_init(sup);
	if (r == 0)
		r = loop_timer_init(&sup->stop_timer, sup->base, on_stop_timer);
	if (r == 0)
		r = loop_signal_init(&sup->sigterm, sup->base, SIGTERM, on_term);
	if (r == 0)
		r = loop_signal_init(&sup->sigint, sup->base, SIGINT, on_term);
	if (r == 0)
		r = loop_signal_init(&sup->sighup, sup->base, SIGHUP, on_hup);
	if (r == 0)
		r = loop_signal_init(&sup->sigchld, sup->base, SIGCHLD, on_chld);
	return r == 0 ? notify_watchdog(sup) : r;
}

static void supervisor_deinit(struct supervisor *sup)
{
	swap_deinit(sup);
	reload_deinit(sup);
	check_free(sup->first_check);
	control_close(sup);
	for (unsigned i = 1; i < _ROLE_MAX; i++)
		sup->children[i] = child_free(sup->children[i]);
	arrows_deinit(sup);
	listen_forget(&sup->listens, NULL);
	listen_deinit(&sup->listens);
	state_dir_close(sup);
	loop_timer_deinit(&sup->stop_timer);
	loop_timer_deinit(&sup->watchdog);
	loop_signal_deinit(&sup->sigterm);
	loop_signal_deinit(&sup->sigint);
	loop_signal_deinit(&sup->sighup);
	loop_signal_deinit(&sup->sigchld);
	sup->conf = conf_free(sup->conf);
	if (sup->base != NULL)
		ctl_close_all(sup->base);
	sup->base = loop_free(sup->base);
}

int supervisor_run(const struct supervisor_options *options)
{
	struct supervisor *sup = calloc(1, sizeof *sup);
	int r, status = 1;

	if (sup == NULL)
		return 1;
	log_init("supervisor");
	signal(SIGPIPE, SIG_IGN);
	r = supervisor_init(sup, options);
	if (r == 0)
		r = check_start(sup, on_first_check, &sup->first_check);
	if (r < 0) {
		log_err_errno(r, "cannot start");
	} else {
		if (sup->status == 0 && event_base_dispatch(sup->base) < 0)
			log_err("the event loop failed");
		else
			status = sup->status;
	}
	supervisor_deinit(sup);
	free(sup);
	return status;
}
