/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The source plugin `file`: the mesh is what files and directories on disk hold, and follows them
 * as they change. The parts are files.[ch] (what is known), watch.[ch] (when to look), deliver.[ch]
 * and report.[ch] (what is told); here they are put together: look, read one file per turn of the
 * loop, then deliver what differs. Running out of memory leaves everything as it was and is tried
 * again with the next change.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>

#include "deliver.h"
#include "files.h"
#include "reader.h"
#include "report.h"
#include "watch.h"

struct source {
	struct mesh_host *host; /* borrowed */
	const char **paths;	/* owned list of borrowed texts */
	size_t n_paths;
	struct files files;
	struct watch *watch; /* owned */
	struct event *turn;  /* owned: the next turn of the work at hand */
	struct deliver deliver;
	char *origin;		/* owned: what identifies these paths */
	uint64_t paths_told;
	bool look; /* the list of files may be old */
};

static void fail(struct source *s, int error)
{
	mesh_log(s->host, MESH_ERR,
		 "cannot follow the mesh files: %s; trying again with the next change",
		 strerror(-error));
}

static void next_turn(struct source *s)
{
	static const struct timeval at_once = { 0, 0 };

	event_add(s->turn, &at_once);
}

static bool on_is_busy(void *arg, const char *path)
{
	struct source *s = arg;

	return watch_is_busy(s->watch, path);
}

static void on_gone(void *arg, const char *path)
{
	struct source *s = arg;

	report_gone(s->host, path);
}

/* Finds out which files there are and where to watch. Seldom watches nothing new at the first try.
 */
static int look(struct source *s)
{
	_cleanup_(paths_deinit) struct path_list paths = { 0 };
	int r = paths_scan(s->paths, s->n_paths, &paths);

	s->look = false;
	if (r == 0)
		r = watch_set(s->watch, paths.watches, paths.n_watches, &s->look);
	if (r == 0 && !s->look)
		r = files_update(&s->files, &paths, on_is_busy, on_gone, s);
	if (r == 0 && !s->look)
		r = report_paths(s->host, &paths, &s->paths_told);
	return r;
}

static void tell_state(struct source *s, const struct set *set)
{
	struct mesh_source_state state = { .connected = true, .origin = s->origin };
	size_t resources = 0;
	char detail[160];

	for (unsigned k = 0; k < _KIND_MAX; k++)
		resources += set->kinds[k].n;
	snprintf(detail, sizeof detail, "%zu files, %zu resources, %zu broken%s", s->files.n,
		 resources, files_broken(&s->files),
		 watch_is_blind(s->watch)
			 ? "; not all can be watched (fs.inotify limits), looking every 2 s"
			 : "");
	state.detail = detail;
	s->host->ops->source_state(s->host, &state);
}

static int publish(struct source *s)
{
	_cleanup_(set_deinit) struct set set = SET_INIT;
	bool incomplete[_KIND_MAX];
	int r = files_set(&s->files, &set);

	if (r == 0)
		r = report_files(s->host, &s->files, &set);
	if (r < 0)
		return r;
	for (unsigned k = 0; k < _KIND_MAX; k++)
		incomplete[k] = files_incomplete(&s->files, (enum kind)k);
	tell_state(s, &set);
	return deliver_offer(&s->deliver, &set, incomplete);
}

/* One step: look, or read one file, or, when there is nothing left to read, publish. */
static void on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct source *s = arg;
	bool looked = s->look;
	int r = looked ? look(s) : files_read_next(&s->files);

	if (r > 0 || (r == 0 && looked))
		next_turn(s);
	else if (r == 0)
		r = publish(s);
	if (r < 0)
		fail(s, r);
}

static void on_change(void *arg)
{
	struct source *s = arg;

	s->look = true;
	next_turn(s);
}

static void source_free(struct source *s)
{
	if (s == NULL)
		return;
	watch_free(s->watch);
	if (s->turn != NULL)
		event_free(s->turn);
	deliver_deinit(&s->deliver);
	files_deinit(&s->files);
	free(s->paths);
	free(s->origin);
	free(s);
}
DEFINE_FREEP(struct source *, source_free);

static int make_origin(struct source *s)
{
	_cleanup_(buf_deinit) struct buf origin = BUF_INIT;

	buf_puts(&origin, "file ");
	for (size_t i = 0; i < s->n_paths; i++)
		buf_printf(&origin, "%s%s", i > 0 ? "," : "", s->paths[i]);
	s->origin = (char *)buf_steal(&origin, NULL);
	return s->origin != NULL ? 0 : -ENOMEM;
}

static int read_options(struct source *s)
{
	const struct mesh_host_ops *ops = s->host->ops;
	const struct mesh_conf *conf = ops->options(s->host);

	s->n_paths = ops->conf_count(conf, "paths");
	s->paths = calloc(s->n_paths + 1, sizeof *s->paths);
	if (s->paths == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < s->n_paths; i++)
		s->paths[i] = ops->conf_str(conf, "paths", i);
	files_init(&s->files, (size_t)ops->conf_num(conf, "max_size", 0));
	return make_origin(s);
}

static int file_open(struct mesh_host *host, void **ret_ctx)
{
	_cleanup_(source_freep) struct source *s = calloc(1, sizeof *s);
	struct event_base *base = host->ops->loop(host);
	int r;

	if (s == NULL)
		return -ENOMEM;
	s->host = host;
	r = read_options(s);
	if (r == 0)
		r = deliver_init(&s->deliver, host);
	if (r == 0)
		r = watch_new(base, on_change, s, &s->watch);
	if (r < 0)
		return r;
	s->turn = evtimer_new(base, on_turn, s);
	if (s->turn == NULL)
		return -ENOMEM;
	*ret_ctx = TAKE(s);
	return 0;
}

static int file_start(void *ctx)
{
	on_change(ctx);
	return 0;
}

/* Events may still fire until close(), but nothing is told any more. */
static void file_stop(void *ctx)
{
	struct source *s = ctx;

	s->watch = watch_free(s->watch);
	event_del(s->turn);
	event_del(s->deliver.next);
}

static void file_close(void *ctx)
{
	source_free(ctx);
}

/* Files need no memory of what is held, and hold everything whether it is asked for or not. */
static void file_held(void *ctx, const struct mesh_holding *holdings, size_t n)
{
}

static void file_subscribe(void *ctx, const struct mesh_subscription *subscription)
{
}

static void file_verdict(void *ctx, const struct mesh_verdict *verdict)
{
	struct source *s = ctx;

	if (!verdict->accepted)
		mesh_log(s->host, MESH_WARN,
			 "resources of type %s were refused: %s; their last good versions stay",
			 verdict->type_url,
			 verdict->detail != NULL ? verdict->detail : "no reason given");
}

static void file_resume(void *ctx)
{
	struct source *s = ctx;

	deliver_resume(&s->deliver);
}

static void file_restart(void *ctx)
{
	struct source *s = ctx;

	deliver_forget(&s->deliver);
	files_mark_all(&s->files);
	on_change(s);
}

static const char *file_origin(void *ctx)
{
	const struct source *s = ctx;

	return s->origin;
}

static const struct mesh_opt options[] = {
	{ .name = "paths",
	  .type = MESH_OPT_PATH,
	  .list = true,
	  .required = true,
	  .doc = "Files, and directories of which everything below that ends in .yaml, .yml or "
		 ".json is read." },
	{ .name = "max_size",
	  .type = MESH_OPT_SIZE,
	  .def = "64MB",
	  .min = 1,
	  .max = (int64_t)1 << 30,
	  .doc = "Largest file that is read; a larger one is reported and left alone." },
	{ .name = NULL },
};

static const struct mesh_source_api source_api = {
	.size = sizeof(struct mesh_source_api),
	.held = file_held,
	.subscribe = file_subscribe,
	.verdict = file_verdict,
	.resume = file_resume,
	.restart = file_restart,
	.origin = file_origin,
};

MESH_PLUGIN("file", .kind = MESH_SOURCE, .description = "the mesh is what files on disk hold",
	    .options = options, .open = file_open, .start = file_start, .stop = file_stop,
	    .close = file_close, .source = &source_api);
