/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plugin as a host sees it, on real files and real inotify: what is delivered at the start, how
 * every kind of change arrives, what broken files do and do not do.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "fakehost.h"

extern const struct mesh_plugin mesh_plugin;

struct fixture {
	struct host *host;
	char dir[64], mesh[80], later[2][100];
};

static char *path_of(struct fixture *f, const char *name)
{
	static char paths[4][256];
	static unsigned turn;
	char *path = paths[turn++ % 4];

	snprintf(path, sizeof paths[0], "%s/%s", f->dir, name);
	return path;
}

static void put(struct fixture *f, const char *name, const char *text)
{
	FILE *file = fopen(path_of(f, name), "w");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

/* The way that does not let anybody see half of it. */
static void put_by_rename(struct fixture *f, const char *name, const char *text)
{
	put(f, "mesh/.new", text);
	assert_int_equal(rename(path_of(f, "mesh/.new"), path_of(f, name)), 0);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	snprintf(f->dir, sizeof f->dir, "/tmp/meshd-file.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->mesh, sizeof f->mesh, "%s/mesh", f->dir);
	assert_int_equal(mkdir(f->mesh, 0700), 0);
	f->host = host_new();
	f->host->paths[0] = f->mesh;
	f->host->n_paths = 1;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char command[256];

	if (f->host->plugin != NULL)
		host_close(f->host);
	host_free(f->host);
	snprintf(command, sizeof command, "chmod -R u+rwx '%s'; rm -rf '%s'", f->dir, f->dir);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

#define CLUSTER_A "clusters: [{name: a}]\n"

static bool six(const struct host *h, const void *arg)
{
	return h->n_snapshots == 6;
}

static bool has_cluster(const struct host *h, const void *name)
{
	return host_has(h, "Cluster", name);
}

static bool lacks_cluster(const struct host *h, const void *name)
{
	return !host_has(h, "Cluster", name);
}

static bool has_finding(const struct host *h, const void *text)
{
	return host_finding(h, text) != NULL;
}

static bool lacks_finding(const struct host *h, const void *text)
{
	return host_finding(h, text) == NULL;
}

static bool changed(const struct host *h, const void *version)
{
	return host_version(h, "a") != NULL && strcmp(host_version(h, "a"), version) != 0;
}

static void start(struct fixture *f)
{
	host_start(f->host);
	host_wait(f->host, six, NULL);
	host_clear_counts(f->host);
}

static void test_empty(void **state)
{
	static const char *const order[] = { "Cluster",
					     "ClusterLoadAssignment",
					     "Secret",
					     "TypedExtensionConfig",
					     "RouteConfiguration",
					     "Listener" };
	struct fixture *f = *state;

	host_start(f->host);
	host_wait(f->host, six, NULL);
	for (size_t i = 0; i < 6; i++) {
		assert_string_equal(f->host->types[i], order[i]);
		assert_false(f->host->incomplete[i]);
	}
	assert_int_equal(f->host->n_resources, 0);
	assert_string_equal(f->host->detail, "0 files, 0 resources, 0 broken");
	assert_non_null(strstr(f->host->origin, f->mesh));
}

static void test_changes(void **state)
{
	struct fixture *f = *state;

	put(f, "mesh/a.yaml", CLUSTER_A);
	put(f, "mesh/.hidden.yaml", "clusters: [{name: hidden}]");
	put(f, "mesh/a.yaml~", "clusters: [{name: backup}]");
	put(f, "mesh/a.yaml.tmp", "clusters: [{name: temporary}]");
	start(f);
	assert_true(host_has(f->host, "Cluster", "a"));
	assert_int_equal(f->host->n_resources, 1);

	put_by_rename(f, "mesh/b.yml", "clusters: [{name: b}]");
	host_wait(f->host, has_cluster, "b");
	assert_int_equal(f->host->n_snapshots, 1); /* of clusters alone */

	put(f, "mesh/a.yaml", "clusters: [{name: a2}]"); /* in place */
	host_wait(f->host, has_cluster, "a2");
	assert_false(host_has(f->host, "Cluster", "a"));

	assert_int_equal(rename(path_of(f, "mesh/b.yml"), path_of(f, "mesh/c.json")),
			 0); /* no JSON inside */
	host_wait(f->host, has_finding, "c.json:1:");
	assert_false(host_has(f->host, "Cluster", "b"));
	assert_int_equal(unlink(path_of(f, "mesh/c.json")), 0);
	host_wait(f->host, lacks_finding, "c.json");

	assert_int_equal(mkdir(path_of(f, "mesh/sub"), 0700), 0);
	put(f, "mesh/sub/d.yaml", "clusters: [{name: d}]");
	host_wait(f->host, has_cluster, "d");
	put(f, "mesh/sub/d.yaml", "clusters: [{name: d2}]");
	host_wait(f->host, has_cluster, "d2");
	assert_int_equal(rename(path_of(f, "mesh/sub"), path_of(f, "elsewhere")), 0);
	host_wait(f->host, lacks_cluster, "d2");
	assert_true(host_has(f->host, "Cluster", "a2"));
}

/* Written and not closed: it is read when it has been quiet for a moment. */
static void test_open_writer(void **state)
{
	struct fixture *f = *state;
	int fd;

	put(f, "mesh/a.yaml", CLUSTER_A);
	start(f);
	fd = open(path_of(f, "mesh/w.yaml"), O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "clusters: [{name: w}]", 21), 21);
	put(f, "mesh/other.yaml",
	    "clusters: [{name: other}]"); /* does not make it read the open one */
	host_wait(f->host, has_cluster, "other");
	assert_false(host_has(f->host, "Cluster", "w"));
	host_wait(f->host, has_cluster, "w");
	close(fd);
}

/* A file that we know, rewritten slowly: it keeps what it held until that is over. */
static void test_open_rewriter(void **state)
{
	struct fixture *f = *state;
	int fd;

	put(f, "mesh/a.yaml", CLUSTER_A);
	start(f);
	fd = open(path_of(f, "mesh/a.yaml"), O_WRONLY | O_TRUNC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "clusters:\n", 10), 10);
	put(f, "mesh/other.yaml", "clusters: [{name: other}]");
	host_wait(f->host, has_cluster, "other");
	assert_true(host_has(f->host, "Cluster", "a"));
	assert_int_equal(write(fd, "- {name: a2}\n", 13), 13);
	close(fd);
	host_wait(f->host, has_cluster, "a2");
	assert_false(host_has(f->host, "Cluster", "a"));
}

/* The same content again is no change, whatever its times. */
static void test_same_content(void **state)
{
	struct fixture *f = *state;

	put(f, "mesh/a.yaml", CLUSTER_A);
	start(f);
	put_by_rename(f, "mesh/a.yaml", CLUSTER_A);
	put(f, "mesh/a.yaml", "# a comment\n" CLUSTER_A);
	put(f, "mesh/l.yaml", "listeners: [{name: l}]");
	while (!host_has(f->host, "Listener", "l"))
		host_rest(f->host);
	assert_int_equal(f->host->n_snapshots, 1);
	assert_string_equal(f->host->types[0], "Listener");
}

static void test_broken_keeps(void **state)
{
	struct fixture *f = *state;
	const struct host_finding *finding;

	put(f, "mesh/a.yaml", CLUSTER_A);
	put(f, "mesh/b.yaml", "clusters: [{name: b}]");
	start(f);
	put(f, "mesh/a.yaml", "clusters:\n- {name: [\n");
	host_wait(f->host, has_finding, "a.yaml:");
	finding = host_finding(f->host, "a.yaml:");
	assert_int_equal(finding->severity, MESH_SEV_ERROR);
	assert_string_equal(finding->behaviour, "keep");
	put(f, "mesh/b.yaml", "clusters: [{name: b2}]"); /* the other goes on */
	host_wait(f->host, has_cluster, "b2");
	assert_true(host_has(f->host, "Cluster", "a"));
	assert_non_null(strstr(f->host->detail, "1 broken"));

	put(f, "mesh/a.yaml", ""); /* cut off is no order to delete */
	host_wait(f->host, has_finding, "is empty");
	assert_true(host_has(f->host, "Cluster", "a"));

	put(f, "mesh/a.yaml",
	    "clusters: [{name: a, type: NOPE}, {name: new}]"); /* a bad resource */
	host_wait(f->host, has_cluster, "new");
	assert_true(host_has(f->host, "Cluster", "a"));
	assert_false(f->host->incomplete[f->host->n_snapshots - 1]);

	put(f, "mesh/a.yaml", "resources: []");
	host_wait(f->host, lacks_cluster, "a");
	assert_null(host_finding(f->host, "a.yaml:"));
}

/* Nobody remembers what a file held that was broken before we came: nothing may go because of it.
 */
static void test_broken_at_start(void **state)
{
	struct fixture *f = *state;

	put(f, "mesh/a.yaml", "clusters: [");
	put(f, "mesh/b.yaml", "clusters: [{name: b}]");
	host_start(f->host);
	host_wait(f->host, six, NULL);
	for (size_t i = 0; i < 6; i++)
		assert_true(f->host->incomplete[i]);
	assert_true(host_has(f->host, "Cluster", "b"));
	host_clear_counts(f->host);
	put(f, "mesh/a.yaml", CLUSTER_A);
	host_wait(f->host, six, NULL); /* all kinds again, whole now */
	for (size_t i = 0; i < 6; i++)
		assert_false(f->host->incomplete[i]);
}

static void test_bad_resource_at_start(void **state)
{
	struct fixture *f = *state;

	put(f, "mesh/a.yaml", "clusters: [{name: a, type: NOPE}]\n");
	host_start(f->host);
	host_wait(f->host, six, NULL);
	assert_true(f->host->incomplete[0]);
	assert_false(f->host->incomplete[1]);
}

static void test_appears_later(void **state)
{
	struct fixture *f = *state;

	snprintf(f->later[0], sizeof f->later[0], "%s/far/away/mesh.d", f->dir);
	snprintf(f->later[1], sizeof f->later[1], "%s/later.yaml", f->dir);
	f->host->paths[0] = f->later[0];
	f->host->paths[1] = f->later[1];
	f->host->n_paths = 2;
	host_start(f->host);
	host_wait(f->host, six, NULL);
	assert_true(f->host->incomplete[0]);
	assert_non_null(host_finding(f->host, "does not exist"));
	assert_int_equal(mkdir(path_of(f, "far"), 0700), 0);
	assert_int_equal(mkdir(path_of(f, "far/away"), 0700), 0);
	assert_int_equal(mkdir(path_of(f, "far/away/mesh.d"), 0700), 0);
	put(f, "far/away/mesh.d/a.yaml", CLUSTER_A);
	host_wait(f->host, has_cluster, "a");
	put(f, "later.yaml", "clusters: [{name: later}]");
	host_wait(f->host, has_cluster, "later");
	host_wait(f->host, lacks_finding, "does not exist");
	assert_false(f->host->incomplete[f->host->n_snapshots - 1]);
	assert_int_equal(unlink(path_of(f, "later.yaml")), 0);
	host_wait(f->host, lacks_cluster, "later");
}

/* As a mounted ConfigMap changes: one link is exchanged, names stay. */
static void test_link_swap(void **state)
{
	struct fixture *f = *state;
	char version[32];

	mkdir(path_of(f, "mesh/..1"), 0700);
	mkdir(path_of(f, "mesh/..2"), 0700);
	put(f, "mesh/..1/a.yaml", "clusters: [{name: a}]");
	put(f, "mesh/..2/a.yaml", "clusters: [{name: a, type: EDS}]");
	assert_int_equal(symlink("..1", path_of(f, "mesh/..data")), 0);
	assert_int_equal(symlink("..data/a.yaml", path_of(f, "mesh/a.yaml")), 0);
	start(f);
	assert_int_equal(f->host->n_resources, 1);
	snprintf(version, sizeof version, "%s", host_version(f->host, "a"));
	assert_int_equal(symlink("..2", path_of(f, "mesh/..tmp")), 0);
	assert_int_equal(rename(path_of(f, "mesh/..tmp"), path_of(f, "mesh/..data")), 0);
	host_wait(f->host, changed, version);

	snprintf(version, sizeof version, "%s", host_version(f->host, "a"));
	put(f, "mesh/..2/a.yaml", "clusters: [{name: a, type: STATIC}]"); /* behind the link */
	host_wait(f->host, changed, version);
}

static void test_duplicates(void **state)
{
	struct fixture *f = *state;
	const struct host_finding *finding;
	char version[32];

	put(f, "mesh/1.yaml", "clusters: [{name: a, type: EDS}]");
	put(f, "mesh/2.yaml", "\nclusters: [{name: a}]");
	start(f);
	finding = host_finding(f->host, "2.yaml:2:12: the same cluster stands in");
	assert_non_null(finding);
	assert_non_null(strstr(finding->reason, "1.yaml:1:12"));
	assert_int_equal(finding->severity, MESH_SEV_WARN);
	assert_int_equal(f->host->n_resources, 1);
	snprintf(version, sizeof version, "%s", host_version(f->host, "a"));
	assert_int_equal(unlink(path_of(f, "mesh/1.yaml")), 0);
	host_wait(f->host, changed, version); /* the second takes its place */
	assert_null(host_finding(f->host, "the same cluster"));
}

static void test_strange_files(void **state)
{
	struct fixture *f = *state;
	int fd;

	put(f, "mesh/a.yaml", CLUSTER_A);
	assert_int_equal(mkfifo(path_of(f, "mesh/fifo.yaml"), 0600), 0);
	fd = open(path_of(f, "mesh/large.yaml"), O_CREAT | O_WRONLY, 0600);
	assert_int_equal(ftruncate(fd, (off_t)1 << 30), 0);
	close(fd);
	assert_int_equal(symlink("..", path_of(f, "mesh/loop")), 0);
	assert_int_equal(symlink("nowhere", path_of(f, "mesh/dangling.yaml")), 0);
	start(f);
	assert_true(host_has(f->host, "Cluster", "a"));
	assert_non_null(host_finding(f->host, "fifo.yaml: is a FIFO, must be a regular file"));
	assert_non_null(host_finding(f->host, "large.yaml: has 1073741824 bytes"));
	assert_non_null(host_finding(f->host, "leads back to a directory above"));
}

static void fill(struct fixture *f)
{
	FILE *file = fopen(path_of(f, "mesh/many.yaml"), "w");

	f->host->max_size = 8 << 20;
	fputs("clusters:\n", file);
	for (unsigned i = 0; i < 300; i++)
		fprintf(file, "- {name: c%u, alt_stat_name: \"%*s\"}\n", i, 10000, "x");
	fclose(file);
}

/* Three megabytes: in pieces; with a host that asks for a pause after each. */
static void test_pieces(void **state)
{
	struct fixture *f = *state;

	fill(f);
	host_open(f->host);
	f->host->always_busy = true;
	host_start(f->host);
	while (f->host->n_snapshots < 6) {
		size_t calls = f->host->n_calls;

		host_rest(f->host);
		assert_true(f->host->n_calls <= calls + 1); /* none without resume() */
		mesh_plugin.source->resume(f->host->plugin);
	}
	assert_int_equal(f->host->n_resources, 300);
	assert_true(f->host->largest <= 1 << 20);
	assert_true(f->host->largest > 512 << 10);
	assert_true(f->host->n_calls >= 6 + 2);
}

static void test_restart(void **state)
{
	struct fixture *f = *state;

	put(f, "mesh/a.yaml", CLUSTER_A);
	start(f);
	mesh_plugin.source->restart(f->host->plugin);
	host_wait(f->host, six, NULL);
	assert_true(host_has(f->host, "Cluster", "a"));
}

/* What the host would not take is offered again with the next change. */
static void test_refused_update(void **state)
{
	struct fixture *f = *state;
	struct mesh_verdict verdict = {
		.id = 1, .type_url = "x", .accepted = false, .detail = "no"
	};

	put(f, "mesh/a.yaml", CLUSTER_A);
	f->host->answer = -EFBIG;
	host_start(f->host);
	host_rest(f->host);
	assert_int_equal(f->host->n_snapshots, 0);
	assert_int_equal(f->host->n_calls, 6);
	f->host->answer = 0;
	put(f, "mesh/b.yaml", "clusters: [{name: b}]");
	host_wait(f->host, six, NULL);
	assert_true(host_has(f->host, "Cluster", "a"));
	mesh_plugin.source->verdict(f->host->plugin, &verdict);
}

static void test_descriptor(void **state)
{
	assert_int_equal(mesh_plugin.abi, MESH_ABI);
	assert_int_equal(mesh_plugin.size, sizeof mesh_plugin);
	assert_int_equal(mesh_plugin.kind, MESH_SOURCE);
	assert_string_equal(mesh_plugin.name, "file");
	mesh_plugin.close(NULL);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_descriptor),
		CASE(test_empty),
		CASE(test_changes),
		CASE(test_open_writer),
		CASE(test_open_rewriter),
		CASE(test_same_content),
		CASE(test_broken_keeps),
		CASE(test_broken_at_start),
		CASE(test_appears_later),
		CASE(test_bad_resource_at_start),
		CASE(test_link_swap),
		CASE(test_duplicates),
		CASE(test_strange_files),
		CASE(test_pieces),
		CASE(test_restart),
		CASE(test_refused_update),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
