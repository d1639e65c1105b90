/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reload: the file is checked whole by a new check child; any mistake leaves everything as it
 * is.  Then the sockets are bound; workers that need new processes get these beside the old ones (swap.c), and
 * only when they are ready is the new configuration in force: each other worker whose slice has changed gets it.
 * Asked for by SIGHUP (results in the log) or `meshctl reload` (results in the reply as well).
 */
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "log.h"
#include "private.h"

LOG_MODULE("supervisor");

/* What the running supervisor cannot change under itself. */
static const char *const fixed[] = { "control.socket", "user", "state_dir" };

static void log_lines(const char *text)
{
	while (*text != 0) {
		size_t n = strcspn(text, "\n");

		if (n > 0)
			log_err("%.*s", (int)n, text);
		text += n + (text[n] == '\n');
	}
}

static void answer(struct supervisor *sup, unsigned status, const char *text)
{
	struct ctl_reply *reply = sup->reload.reply;

	sup->reload.reply = NULL;
	if (status == 0)
		log_info("%s", text);
	else
		log_lines(text);
	if (reply == NULL)
		return;
	ctl_message(reply, "%s", text);
	ctl_end(reply, status);
}

/* A list of addresses: the frontend's. */
int reload_listens(const struct conf *conf, const struct listen_set *old, struct listen_set *ret_set, struct buf *why)
{
	size_t n = conf_count(conf, "frontend.options.listen");
	const char **addresses = calloc(n + 1, sizeof *addresses);
	int r;

	if (addresses == NULL) {
		buf_puts(why, "out of memory for the listening sockets\n");
		return 1;
	}
	for (size_t i = 0; i < n; i++)
		addresses[i] = conf_strf(conf, "", "frontend.options.listen[%zu]", i);
	r = listen_open(old, addresses, n, ret_set, why);
	free(addresses);
	return r;
}

static int check_fixed(const struct supervisor *sup, const struct conf *conf, struct buf *why)
{
	int bad = 0;

	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++) {
		const char *was = conf_str(sup->conf, fixed[i], ""), *is = conf_str(conf, fixed[i], "");

		if (strcmp(was, is) == 0)
			continue;
		buf_printf(why, "%s changes from '%s' to '%s': that needs a restart of meshd; nothing was changed\n",
			   fixed[i], was, is);
		bad = 1;
	}
	return bad;
}

/* Takes `conf` and `listens`; from here on the new configuration is in force. */
static void apply(struct supervisor *sup, struct conf *conf, struct listen_set *listens)
{
	struct conf *old = sup->conf;

	listen_forget(&sup->listens, listens);
	listen_deinit(&sup->listens);
	sup->listens = *listens;
	sup->conf = conf;
	conf_free(old);
	supervisor_set_log(conf);
	for (unsigned i = 1; i < _ROLE_MAX; i++) {
		struct child *c = sup->children[i];

		if (child_configure(c) < 0)
			log_err("out of memory for the configuration of %s", role_name(c->role->id));
	}
}

static void end(struct supervisor *sup)
{
	notify_ready();
	reload_resume(sup);
}

static void on_checked(struct supervisor *sup, struct conf *conf, const char *text)
{
	struct listen_set listens = { 0 };
	struct buf why = BUF_INIT;

	if (conf == NULL) {
		answer(sup, 1, text);
	} else if (check_fixed(sup, conf, &why) != 0 || reload_listens(conf, &sup->listens, &listens, &why) != 0) {
		answer(sup, 1, buf_str(&why));
		conf_free(conf);
	} else if (swap_is_needed(sup, conf)) {
		swap_start(sup, conf, &listens);
	} else {
		apply(sup, conf, &listens);
		answer(sup, 0, "the configuration has been read again");
	}
	buf_deinit(&why);
	sup->reload.check = check_free(sup->reload.check);
	if (!swap_is_running(sup))
		end(sup);
}

void reload_commit(struct supervisor *sup, struct conf *conf, struct listen_set *listens, const char *text)
{
	apply(sup, conf, listens);
	answer(sup, 0, text);
	end(sup);
}

void reload_refuse(struct supervisor *sup, const char *why)
{
	answer(sup, 1, why);
	end(sup);
}

void reload_resume(struct supervisor *sup)
{
	if (!sup->reload.again)
		return;
	sup->reload.again = false;
	reload_start(sup, NULL);
}

static void on_client_gone(void *arg)
{
	struct supervisor *sup = arg;

	sup->reload.reply = NULL;
}

static void refuse(struct ctl_reply *reply, const char *text)
{
	ctl_message(reply, "%s", text);
	ctl_end(reply, 1);
}

void reload_start(struct supervisor *sup, struct ctl_reply *reply)
{
	int r;

	if (sup->conf == NULL || sup->stopping) {
		sup->reload.again = true;	/* the file being read may be older than the signal */
		if (reply != NULL)
			refuse(reply, sup->stopping ? "meshd is stopping" : "meshd is still starting, try again");
		return;
	}
	if (sup->reload.check != NULL || swap_is_running(sup)) {
		if (reply != NULL)
			refuse(reply, "another reload is under way, try again");
		else
			sup->reload.again = true;
		return;
	}
	log_info("reloading, by %s", reply != NULL ? "meshctl" : "SIGHUP");
	notify_reloading();
	sup->reload.reply = reply;
	if (reply != NULL)
		ctl_on_gone(reply, on_client_gone, sup);
	r = check_start(sup, on_checked, &sup->reload.check);
	if (r < 0) {
		answer(sup, 1, "cannot start the check child; nothing was changed");
		notify_ready();
	}
}

void reload_deinit(struct supervisor *sup)
{
	if (sup->reload.reply != NULL)
		refuse(sup->reload.reply, "meshd is stopping");
	sup->reload.reply = NULL;
	sup->reload.check = check_free(sup->reload.check);
}
