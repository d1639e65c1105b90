/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operator's overlay files, as far as the check may read them: mistakes in them are mistakes of the
 * configuration, so a reload with a broken one changes nothing.  A file that only meshd's own user may read
 * (it holds keys) is checked by the translator when it starts with it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "cross.h"
#include "overlay.h"

#define OVERLAY "translator.overlay"

static void on_problem(void *arg, const char *file, unsigned line, unsigned column, const char *text)
{
	struct load *l = arg;

	diag_add(l->diag, &(struct diag_at){ .file = file, .line = line, .column = column, .path = OVERLAY },
		 "%s", text);
}

/* Changes whenever the file does. */
static void stamp(const char *path, struct buf *out)
{
	struct stat st;

	if (stat(path, &st) < 0)
		memset(&st, 0, sizeof st);
	buf_printf(out, "%llu.%lld.%09ld.%lld ", (unsigned long long)st.st_ino, (long long)st.st_mtim.tv_sec,
		   st.st_mtim.tv_nsec, (long long)st.st_size);
}

/* 0 or -ENOMEM. Mistakes are in the diag. */
static int read_files(struct load *l, const char **files, size_t n)
{
	struct overlay *o = NULL;
	int r = overlay_load(files, n, on_problem, l, &o);

	overlay_free(o);
	return r < 0 ? r : 0;
}

static int add_stamp(struct load *l, struct buf *text)
{
	struct conf_entry e = { .path = (char *)OVERLAY "_stamp", .type = CONF_STRING, .file = (char *)"" };

	if (buf_str(text) == NULL)
		return -ENOMEM;
	e.text = (char *)text->data;
	return conf_add(l->conf, &e);
}

void check_overlays(struct load *l)
{
	size_t n = conf_count(l->conf, OVERLAY), readable = 0;
	_cleanup_free_ const char **files = calloc(n + 1, sizeof *files);
	_cleanup_(buf_deinit) struct buf stamps = BUF_INIT;
	int r = files != NULL ? 0 : -ENOMEM;

	if (n == 0 || r < 0) {
		l->error = r;
		return;
	}
	for (size_t i = 0; i < n; i++) {
		const char *path = conf_strf(l->conf, "", OVERLAY "[%zu]", i);

		stamp(path, &stamps);
		if (access(path, R_OK) == 0 || errno != EACCES)
			files[readable++] = path;
	}
	r = read_files(l, files, readable);
	if (r == 0)
		r = add_stamp(l, &stamps);
	l->error = r;
}
