/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of the frontend worker: opens the store, then the plugin, and is ready to serve what the
 * store holds before the translator has said a word.  Where the store was lost it waits for the
 * translator's first complete set, so that APISIX never sees an emptied key space.  At the very first
 * start it waits as well, but not for ever: an APISIX that loads an empty key space and is given the mesh
 * within its first second can miss that first change for good (seen with 3.18).
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "fd.h"
#include "log.h"
#include "private.h"

LOG_MODULE("frontend");

#define FIRST_WAIT_MS 5000	/* at the first start, for the first complete set */

/* ---- the store ----------------------------------------------------------------------------- */

/*
 * With `secrets: memory`: keys of certificates, what consumers prove themselves with, tokens of secret
 * managers, and objects that carry a client key stay off the disk.
 */
static bool may_store(void *ctx, const struct blob *key, const struct blob *value)
{
	static const char *const secret[] = { "ssls", "consumers", "secrets" };
	const struct frontend *f = ctx;

	for (size_t i = 0; i < ARRAY_SIZE(secret); i++) {
		char directory[PREFIX_SIZE_MAX + 16];
		int len = snprintf(directory, sizeof(directory), "%s/%s/", f->prefix, secret[i]);

		if (key->size > (size_t)len && memcmp(key->data, directory, (size_t)len) == 0)
			return false;
	}
	return memmem(value->data, value->size, "\"client_key\"", 12) == NULL;
}

void frontend_log_note(const char *text)
{
	while (*text != '\0') {
		size_t len = strcspn(text, "\n");

		log_warn("%.*s", (int)len, text);
		text += len + (text[len] == '\n');
	}
}

static void log_report(const struct store_report *report)
{
	static const char *const words[] = {
		[STORE_NEW] = "new",
		[STORE_WHOLE] = "whole",
		[STORE_BEHIND] = "behind: newer changes are lost, watches of before are cancelled",
		[STORE_LOST] = "lost",
	};

	frontend_log_note(report->note.text);
	log_info("object store: %s; %zu keys, revision %llu, %zu transactions of history, %zu from the journal",
		 words[report->source], report->keys, (unsigned long long)report->revision, report->history,
		 report->repeated);
}

static void read_boot_id(char *ret_id, size_t size)
{
	_cleanup_free_ uint8_t *data = NULL;
	size_t len = 0;

	ret_id[0] = '\0';
	if (file_read("/proc/sys/kernel/random/boot_id", size - 1, &data, &len) < 0)
		return;
	memcpy(ret_id, data, len);
	ret_id[len] = '\0';
	ret_id[strcspn(ret_id, "\n")] = '\0';
}

static int open_state_dir(struct frontend *f)
{
	const char *path = conf_str(worker_conf(f->hosted.worker), "state_dir", "/var/lib/meshd");

	f->dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f->dirfd >= 0)
		return 0;
	return log_err_errno(-errno, "state_dir '%s' cannot be opened", path);
}

static void on_commit(void *ctx, const struct txn *t)
{
	struct frontend *f = ctx;
	struct mesh_txn public;

	saver_note(f);
	if (!f->started)
		return;
	if (host_txn(f, t, &public) == NULL) {
		log_err("no memory to tell watchers of revision %llu; restarting", (unsigned long long)t->revision);
		worker_exit(f->hosted.worker, EXIT_FAILURE);
		return;
	}
	f->hosted.plugin->desc->frontend->committed(f->hosted.ctx, &public);
	host_txn_done(f);
}

static int open_store(struct frontend *f, struct store_report *report)
{
	const struct conf *conf = worker_conf(f->hosted.worker);
	char boot_id[64];
	struct store_options options = {
		.dirfd = f->dirfd,
		.boot_id = boot_id,
		.history = {
			.time_ms = (uint64_t)conf_num(conf, "frontend.options.history.time", 0),
			.revisions = (uint64_t)conf_num(conf, "frontend.options.history.revisions", 0),
			.bytes = (uint64_t)conf_num(conf, "frontend.options.history.bytes", 0),
		},
	};
	int r;

	read_boot_id(boot_id, sizeof(boot_id));
	options.journal = worker_memory(f->hosted.worker, &options.journal_size);
	if (strcmp(conf_str(conf, "secrets", "store"), "memory") == 0)
		options.filter = (struct store_filter){ .fn = may_store, .ctx = f };
	r = store_open(&options, frontend_now_ms(), &f->store, report);
	log_report(report);
	if (r < 0)
		return log_err_errno(r, "the object store cannot be opened");
	f->observer = (struct ks_observer){ .fn = on_commit, .ctx = f };
	ks_observe(store_keys(f->store), &f->observer);
	return 0;
}

/* ---- the plugin ---------------------------------------------------------------------------- */

static int start_plugin(struct frontend *f)
{
	int r;

	if (f->started)
		return 0;
	r = hosted_start(&f->hosted);
	f->started = r == 0;
	return r;
}

void frontend_complete(struct frontend *f)
{
	loop_timer_cancel(&f->first);
	if (start_plugin(f) < 0)
		worker_exit(f->hosted.worker, EXIT_FAILURE);
}

static void on_first_wait(struct loop_timer *timer)
{
	frontend_complete(container_of(timer, struct frontend, first));
}

/* ---- life ---------------------------------------------------------------------------------- */

static struct frontend *frontend_free(struct frontend *f)
{
	if (f == NULL)
		return NULL;
	if (f->started)
		f->hosted.plugin->desc->stop(f->hosted.ctx);
	hosted_deinit(&f->hosted);
	loop_timer_deinit(&f->first);
	saver_deinit(f);
	lease_deinit(f);
	sink_clear(&f->sink);
	store_free(f->store);
	fd_close(f->dirfd);
	free(f->scratch);
	free(f);
	return NULL;
}

/* What needs no store: the plugin tells here what is wrong with its options. */
static int prepare(struct frontend *f)
{
	int r = loop_timer_init(&f->first, worker_base(f->hosted.worker), on_first_wait);

	return r == 0 ? hosted_open(&f->hosted, MESH_FRONTEND, "etcd") : r;
}

/* Opens the store, and serves it. */
static int serve(struct frontend *f)
{
	struct store_report report;
	int r = saver_init(f);

	if (r == 0)
		r = open_state_dir(f);
	if (r == 0)
		r = lease_init(f);
	if (r == 0)
		r = open_store(f, &report);
	if (r == 0)
		r = client_start(f);
	if (r < 0)
		return r;
	if (report.source == STORE_LOST) {
		log_warn("nothing is served until the translator has published a complete set");
		return 0;
	}
	r = sink_placeholders(f);
	if (r < 0)
		return log_err_errno(r, "the directories of APISIX cannot be created");
	if (report.source == STORE_NEW) {
		loop_timer_set(&f->first, FIRST_WAIT_MS);
		return 0;
	}
	return start_plugin(f);
}

static int frontend_start(struct worker *w, void **ret_ctx)
{
	struct frontend *f = calloc(1, sizeof(*f));
	int r;

	if (f == NULL)
		return -ENOMEM;
	f->hosted = (struct hosted){
		.host.ops = frontend_host_ops(),
		.worker = w,
		.module = &log_module_here,
	};
	f->dirfd = -1;
	f->prefix = conf_str(worker_conf(w), "frontend.options.prefix", "/apisix");
	access_init(&f->access, worker_conf(w));
	r = prepare(f);
	if (r == 0 && !worker_is_beside(w))
		r = serve(f);
	if (r < 0) {
		frontend_free(f);
		return r;
	}
	*ret_ctx = f;
	worker_ready(w, f->hosted.plugin->desc->name);
	return 0;
}

/* The one that served has written its last commit: the store and the sockets are this one's. */
static int frontend_take_over(void *ctx)
{
	return serve(ctx);
}

static void on_lost(void *ctx)
{
	struct frontend *f = ctx;

	sink_clear(&f->sink);
}

static void frontend_stop(void *ctx, unsigned grace_ms)
{
	struct frontend *f = ctx;
	int r;

	(void)grace_ms;
	if (f->store == NULL) {
		worker_exit(f->hosted.worker, EXIT_SUCCESS);
		return;
	}
	if (f->started)
		f->hosted.plugin->desc->stop(f->hosted.ctx);
	f->started = false;
	loop_timer_cancel(&f->first);
	loop_timer_cancel(&f->save);
	loop_timer_cancel(&f->tick);
	loop_timer_cancel(&f->recall);
	loop_timer_cancel(&f->client.expiry);
	ks_unobserve(store_keys(f->store), &f->observer);
	r = store_close(TAKE(f->store), frontend_now_ms());
	if (r < 0)
		(void)log_err_errno(r, "the object store could not be written at the end");
	worker_exit(f->hosted.worker, EXIT_SUCCESS);
}

static void frontend_deinit(void *ctx)
{
	frontend_free(ctx);
}

/* ---- meshctl status ------------------------------------------------------------------------ */

static void row(void *arg, const char *name, uint64_t value)
{
	struct ctl_reply *reply = arg;

	ctl_text(reply, name);
	ctl_num(reply, (int64_t)value);
	ctl_row_end(reply);
}

static void ctl_status(void *ctx, struct ctl_reply *reply, int argc, char **argv)
{
	static const char *const counter_columns[] = { "name", "value", NULL };
	struct frontend *f = ctx;
	const struct keyspace *ks = store_keys(f->store);
	const char *problem = store_problem(f->store);

	(void)argc;
	(void)argv;
	hosted_status(&f->hosted, reply);
	ctl_table(reply, "frontend", counter_columns);
	row(reply, "serving", f->started);
	row(reply, "keys", ks_count(ks));
	row(reply, "revision", ks_revision(ks));
	row(reply, "compacted_revision", ks_compacted(ks));
	row(reply, "stored_revision", store_stored(f->store));
	row(reply, "history_transactions", ks_history_count(ks));
	row(reply, "history_bytes", ks_history_bytes(ks));
	row(reply, "journal_percent", store_pressure(f->store));
	row(reply, "client_keys", f->client.keys);
	row(reply, "client_bytes", f->client.bytes);
	row(reply, "client_writes", f->client.writes);
	row(reply, "client_refused", f->client.refused);
	row(reply, "leases", f->client.n_leases);
	row(reply, "leases_expired", f->client.expired);
	row(reply, "commits", f->sink.commits);
	row(reply, "commits_without_change", f->sink.unchanged);
	if (f->started && f->hosted.plugin->desc->frontend->stats != NULL)
		f->hosted.plugin->desc->frontend->stats(f->hosted.ctx, row, reply);
	if (problem != NULL)
		ctl_message(reply, "frontend: %s", problem);
	ctl_end(reply, 0);
}

static const struct ctl_handler frontend_commands[] = {
	{ "status", ctl_status },
	{ NULL, NULL },
};

static const struct worker_peer frontend_peers[] = {
	{ .role = ROLE_TRANSLATOR, .handlers = sink_handlers, .on_lost = on_lost },
	{ .handlers = NULL },
};

const struct worker_ops frontend_worker_ops = {
	.role = ROLE_FRONTEND,
	.peers = frontend_peers,
	.commands = frontend_commands,
	.start = frontend_start,
	.take_over = frontend_take_over,
	.stop = frontend_stop,
	.deinit = frontend_deinit,
};
