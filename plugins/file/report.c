/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gathers the findings of an origin into one list, hashes it, and calls the host when it is not
 * what was told before. Errors are logged once, by the same rule. Called by file.c after each
 * reading.
 */
#include "report.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define ORIGIN_PATHS "paths"

static uint64_t hash_text(uint64_t hash, const char *text)
{
	return XXH3_64bits_withSeed(text, strlen(text) + 1, hash);
}

/* 0 for an empty list. */
static uint64_t hash_findings(const struct mesh_finding *f, size_t n)
{
	uint64_t hash = n;

	for (size_t i = 0; i < n; i++) {
		hash = hash_text(hash, f[i].name);
		hash = hash_text(hash, f[i].field);
		hash = hash_text(hash, f[i].reason);
	}
	return hash;
}

static void tell(struct mesh_host *host, const char *origin, const struct mesh_finding *f, size_t n,
		 uint64_t *told)
{
	uint64_t hash = hash_findings(f, n);

	if (hash == *told)
		return;
	*told = hash;
	host->ops->source_findings(host, origin, f, n);
	for (size_t i = 0; i < n; i++) {
		if (f[i].severity == MESH_SEV_ERROR)
			mesh_log(host, MESH_ERR, "%s", f[i].reason);
	}
}

static int report_file(struct mesh_host *host, struct file *file, const struct set *set)
{
	_cleanup_(buf_deinit) struct buf list = BUF_INIT;
	_cleanup_(arena_deinit) struct arena arena;
	_cleanup_(buf_deinit) struct buf text = BUF_INIT;
	struct mesh_finding f;
	int r = 0;

	arena_init(&arena, 0);
	if (file->latest != NULL)
		buf_append(&list, file->latest->findings, file->latest->n_findings * sizeof f);
	for (size_t i = 0; r == 0 && i < set->n_duplicates; i++) {
		if (set->duplicates[i].loser.content != file->good)
			continue;
		r = set_duplicate_finding(&set->duplicates[i], &text, &f);
		f.reason = r == 0 ? arena_strdup(&arena, f.reason) : NULL;
		if (f.reason == NULL)
			return -ENOMEM;
		buf_append(&list, &f, sizeof f);
	}
	if (r < 0 || buf_error(&list) < 0)
		return -ENOMEM;
	tell(host, file->path, (const struct mesh_finding *)(const void *)list.data,
	     list.len / sizeof f, &file->told);
	return 0;
}

int report_files(struct mesh_host *host, struct files *files, const struct set *set)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < files->n; i++)
		r = report_file(host, files->list[i], set);
	return r;
}

void report_gone(struct mesh_host *host, const char *path)
{
	host->ops->source_findings(host, path, NULL, 0);
}

static int problem_finding(const struct path_problem *p, struct arena *arena,
			   struct mesh_finding *ret)
{
	static const struct {
		enum mesh_severity severity;
		const char *behaviour, *outcome;
	} rows[] = {
		[PATH_MISSING] = { MESH_SEV_WARN, "warn", "; it is read as soon as it appears" },
		[PATH_UNREADABLE] = { MESH_SEV_ERROR, "keep", "; what it held stays" },
		[PATH_LEFT_OUT] = { MESH_SEV_WARN, "skip", "" },
	};
	char reason[512];

	snprintf(reason, sizeof reason, "%.300s: %s%s", p->path, p->why, rows[p->trouble].outcome);
	*ret = (struct mesh_finding){
		.severity = rows[p->trouble].severity,
		.type = "",
		.name = p->path,
		.field = "",
		.behaviour = rows[p->trouble].behaviour,
		.reason = arena_strdup(arena, reason),
	};
	return ret->reason == NULL ? -ENOMEM : 0;
}

int report_paths(struct mesh_host *host, const struct path_list *paths, uint64_t *told)
{
	_cleanup_(arena_deinit) struct arena arena;
	_cleanup_free_ struct mesh_finding *list = calloc(paths->n_problems + 1, sizeof *list);
	int r = 0;

	arena_init(&arena, 0);
	if (list == NULL)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < paths->n_problems; i++)
		r = problem_finding(&paths->problems[i], &arena, &list[i]);
	if (r == 0)
		tell(host, ORIGIN_PATHS, list, paths->n_problems, told);
	return r;
}
