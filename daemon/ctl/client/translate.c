/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `meshctl translate`: reads mesh files with the file source's own reader and prints what the
 * translation makes of them. All files are one mesh, or with --each every file is its own. The
 * order of the arguments does not matter: files are taken in the order of their paths. Findings are
 * no failure; a file or folder that cannot be read is (exit 1), the others go on.
 */
#include "translate.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include <offline.h> /* of the translation, not the one beside this file */

#include "feature.h"
#include "finding.h"
#include "lines.h"
#include "load.h"
#include "overlay.h"
#include "paths.h"
#include "reader.h"
#include "result.h"
#include "set.h"

#define OVERLAYS_MAX 100

struct job {
	const char *prefix;
	bool each, capture, report, addresses, coverage;
	unsigned skip; /* features that are left out */
	const char *overlays[OVERLAYS_MAX];
	size_t n_overlays;
	struct overlay *overlay; /* owned; NULL: none */
	bool failed; /* something could not be read */
	size_t errors; /* among the findings, which are not what is printed */
};

static int usage(const char *what, const char *arg)
{
	fprintf(stderr, "meshctl: translate: %s%s\n", what, arg);
	fputs("usage: meshctl translate [--each] [--capture] [--feature NAME=VALUE]… [--overlay FILE]… "
	      "[--report|--addresses|--coverage] [--prefix PREFIX] FILE|DIR…\n", stderr);
	return EXIT_USAGE;
}

/* A prefix is a path without a slash at its end, as in meshd.yaml. */
static bool is_prefix(const char *text)
{
	size_t n = strlen(text);

	return n > 1 && text[0] == '/' && text[n - 1] != '/';
}

static int add_items(struct offline *o, const struct set *set)
{
	int r = 0;

	for (unsigned k = 0; k < _KIND_MAX; k++) {
		for (size_t i = 0; r >= 0 && i < set->kinds[k].n; i++) {
			const struct content_item *item = set->kinds[k].entries[i].item;
			_cleanup_(resource_unrefp) struct resource *resource = NULL;

			r = resource_new(rt_find(kind_info(item->kind)->type_url), item->name, "",
					 item->body, item->size, &resource);
			if (r == 0)
				r = offline_add(o,
						resource); /* refused ones have become findings */
		}
	}
	return r < 0 ? r : 0;
}

/* What the reader found, and resources that stand in several files. */
static int write_findings(struct content *const *contents, size_t n, const struct set *set,
			  struct buf *out)
{
	_cleanup_(buf_deinit) struct buf text = BUF_INIT;
	struct mesh_finding f;
	int r = 0;

	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; contents[i] != NULL && j < contents[i]->n_findings; j++)
			finding_write(&contents[i]->findings[j], out);
	}
	for (size_t i = 0; r == 0 && i < set->n_duplicates; i++) {
		r = set_duplicate_finding(&set->duplicates[i], &text, &f);
		if (r == 0)
			finding_write(&f, out);
	}
	return r;
}

/* All findings, a line each. */
static int collect_findings(struct offline *o, struct content *const *contents, size_t n, const struct set *set,
			    struct buf *out)
{
	int r = write_findings(contents, n, set, out);

	return r == 0 ? offline_findings(o, out) : r;
}

static int count_errors(struct job *job, struct offline *o, struct content *const *contents, size_t n,
			const struct set *set)
{
	_cleanup_(buf_deinit) struct buf text = BUF_INIT;
	int r = collect_findings(o, contents, n, set, &text);

	for (const char *at = buf_str(&text); r == 0 && (at = strstr(at, "{\"severity\":\"error\"")) != NULL; at++)
		job->errors++;
	return r;
}

/* These contents, sorted by path, are one mesh: prints it. file: a first member for each line. */
static int print_mesh(struct job *job, struct content *const *contents, size_t n,
		      const char *file)
{
	_cleanup_(offline_freep) struct offline *o = NULL;
	_cleanup_(set_deinit) struct set set = SET_INIT;
	_cleanup_(buf_deinit) struct buf out = BUF_INIT;
	struct cover_counts counts = { 0 };
	const struct translation_options options = {
		.capture = job->capture, .skip = job->skip, .overlay = job->overlay, .counts = &counts,
	};
	int r = offline_new(&options, &o);

	if (r == 0)
		r = set_build(contents, n, &set);
	if (r == 0)
		r = add_items(o, &set);
	if (r == 0)
		r = offline_run(o);
	if (r == 0 && !job->report)
		r = count_errors(job, o, contents, n, &set);
	if (r == 0 && job->report)
		r = collect_findings(o, contents, n, &set, &out);
	else if (r == 0 && job->coverage)
		buf_printf(&out, "{\"translated\":%zu,\"reported\":%zu,\"unknown\":%zu}\n", counts.translated,
			   counts.reported, counts.unknown);
	else if (r == 0)
		r = job->addresses ? offline_addresses(o, &out) : offline_objects(o, job->prefix, &out);
	return r < 0 ? r : lines_print(&out, job->report, file, stdout);
}

/* A broken file is said on stderr too: who pipes the objects on must not miss it. */
static int load(struct job *job, const char *path, struct content **ret_content)
{
	struct content *c = NULL;
	int r = load_content(path, READER_BYTES, NULL, &c);

	if (r == -ENOENT)
		r = reader_broken(path, "does not exist", &c);
	if (r < 0)
		return r;
	for (size_t i = 0; c->broken && i < c->n_findings; i++)
		fprintf(stderr, "meshctl: %s\n", c->findings[i].reason);
	job->failed = job->failed || c->broken;
	*ret_content = c;
	return 0;
}

static int translate_each(struct job *job, const struct path_list *paths)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < paths->n_files; i++) {
		_cleanup_(content_unrefp) struct content *c = NULL;

		r = load(job, paths->files[i], &c);
		if (r == 0)
			r = print_mesh(job, &c, 1, paths->files[i]);
	}
	return r;
}

static int translate_all(struct job *job, const struct path_list *paths)
{
	_cleanup_free_ struct content **contents =
		calloc(paths->n_files + 1, sizeof(struct content *));
	int r = contents == NULL ? -ENOMEM : 0;

	for (size_t i = 0; r == 0 && i < paths->n_files; i++)
		r = load(job, paths->files[i], &contents[i]);
	if (r == 0)
		r = print_mesh(job, contents, paths->n_files, NULL);
	for (size_t i = 0; contents != NULL && i < paths->n_files; i++)
		content_unref(contents[i]);
	return r;
}

static void say_problems(struct job *job, const struct path_list *paths)
{
	for (size_t i = 0; i < paths->n_problems; i++) {
		fprintf(stderr, "meshctl: %s: %s\n", paths->problems[i].path,
			paths->problems[i].why);
		job->failed = job->failed || paths->problems[i].trouble != PATH_LEFT_OUT;
	}
}

/* Everything that was loaded is one mesh. */
static int mesh_make(struct content *const *contents, size_t n, struct offline **ret_offline)
{
	_cleanup_(offline_freep) struct offline *o = NULL;
	_cleanup_(set_deinit) struct set set = SET_INIT;
	const struct translation_options options = { .provenance = true };
	int r = offline_new(&options, &o);

	if (r == 0)
		r = set_build(contents, n, &set);
	if (r == 0)
		r = add_items(o, &set);
	if (r == 0)
		r = offline_run(o);
	if (r == 0)
		*ret_offline = TAKE(o);
	return r;
}

int translate_mesh(const char *const *args, size_t n, struct offline **ret_offline, bool *ret_unreadable)
{
	_cleanup_(paths_deinit) struct path_list paths = { 0 };
	_cleanup_free_ struct content **contents = NULL;
	struct job job = { .prefix = "" };
	int r = paths_scan(args, n, &paths);

	if (r < 0)
		return r;
	say_problems(&job, &paths);
	contents = calloc(paths.n_files + 1, sizeof(struct content *));
	r = contents == NULL ? -ENOMEM : 0;
	for (size_t i = 0; r == 0 && i < paths.n_files; i++)
		r = load(&job, paths.files[i], &contents[i]);
	if (r == 0)
		r = mesh_make(contents, paths.n_files, ret_offline);
	for (size_t i = 0; contents != NULL && i < paths.n_files; i++)
		content_unref(contents[i]);
	*ret_unreadable = job.failed;
	return r;
}

static int translate(struct job *job, const char *const *args, size_t n)
{
	_cleanup_(paths_deinit) struct path_list paths = { 0 };
	int r = paths_scan(args, n, &paths);

	if (r == 0) {
		say_problems(job, &paths);
		r = job->each ? translate_each(job, &paths) : translate_all(job, &paths);
	}
	if (r == 0 && fflush(stdout) != 0)
		r = -errno;
	if (r == 0 && job->errors > 0)
		fprintf(stderr, "meshctl: %zu error%s in this mesh; 'meshctl translate --report' with the same files "
				"tells what and where\n", job->errors, job->errors > 1 ? "s" : "");
	if (r < 0)
		fprintf(stderr, "meshctl: translate: %s\n", strerror(-r));
	return r < 0 || job->failed ? EXIT_REFUSED : EXIT_DONE;
}

static void on_problem(void *arg, const char *file, unsigned line, unsigned column, const char *text)
{
	struct job *job = arg;

	fprintf(stderr, "meshctl: %s:%u:%u: %s\n", file, line, column, text);
	job->failed = true;
}

/* The rest of a broken overlay is used; the exit status tells. */
static int with_overlay(struct job *job, char **paths, size_t n)
{
	int r = job->n_overlays > 0 ?
			overlay_load(job->overlays, job->n_overlays, on_problem, job, &job->overlay) : 0;

	if (r < 0) {
		fprintf(stderr, "meshctl: translate: %s\n", strerror(-r));
		return EXIT_REFUSED;
	}
	return translate(job, (const char *const *)paths, n);
}

int translate_main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "each", no_argument, NULL, 'e' },
		{ "capture", no_argument, NULL, 'c' },
		{ "overlay", required_argument, NULL, 'o' },
		{ "report", no_argument, NULL, 'r' },
		{ "coverage", no_argument, NULL, 'C' },
		{ "addresses", no_argument, NULL, 'a' },
		{ "prefix", required_argument, NULL, 'p' },
		{ "feature", required_argument, NULL, 'f' },
		{ NULL, 0, NULL, 0 },
	};
	struct job job = { .prefix = "/apisix" };
	int c;

	optind = 0; /* main() has used getopt before */
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (c == ':' || c == '?')
			return usage(c == ':' ? "a value is missing: " : "unknown option: ",
				     argv[optind - 1]);
		job.each = job.each || c == 'e';
		job.capture = job.capture || c == 'c' || c == 'a';
		job.report = job.report || c == 'r';
		job.coverage = job.coverage || c == 'C';
		job.addresses = job.addresses || c == 'a';
		if (c == 'p')
			job.prefix = optarg;
		if (c == 'f' && feature_set(optarg, &job.skip) != 0)
			return usage("a feature is NAME=closed or NAME=skip, with a name of "
				     "translator.features: ", optarg);
		if (c == 'o' && job.n_overlays == OVERLAYS_MAX)
			return usage("too many overlays at ", optarg);
		if (c == 'o')
			job.overlays[job.n_overlays++] = optarg;
	}
	if (!is_prefix(job.prefix))
		return usage("a prefix begins with a slash and does not end with one: ",
			     job.prefix);
	if (optind == argc)
		return usage("files or folders are missing", "");
	c = with_overlay(&job, argv + optind, (size_t)(argc - optind));
	overlay_free(job.overlay);
	return c;
}
