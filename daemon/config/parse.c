/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a file to its tree (parse.h).  A syntax error ends it, since nobody knows what would have followed;
 * a key that stands twice does not: it is reported, made a key that nobody knows in our copy of the text, and
 * the text is read again, so that the other mistakes are seen too.
 */
#include "parse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fd.h"
#include "file.h"

enum { PARSE_NODES = 20000, PARSE_DEPTH = 100 };

static void file_error(struct load *l, int r)
{
	if (r == -EFBIG)
		load_error(l, NULL, NULL, "is larger than 1 MB; a meshd.yaml is small, is this the right file?");
	else if (r == -EISDIR)
		load_error(l, NULL, NULL, "is a directory; name the YAML file in it");
	else if (r == -EMEDIUMTYPE)
		load_error(l, NULL, NULL, "is a FIFO, socket or device; name a regular file");
	else if (r == -ENOENT)
		load_error(l, NULL, NULL, "does not exist; make it, or name another one with --config");
	else if (r == -ENOMEM)
		l->error = r;
	else
		load_error(l, NULL, NULL, "cannot be read: %s", file_strerror(r));
}

/* What file_open() refuses by name is refused here by descriptor. */
static int check_regular(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	return S_ISREG(st.st_mode) ? 0 : -EMEDIUMTYPE;
}

static int read_file(struct load *l, int fd, uint8_t **ret_text, size_t *ret_size)
{
	int r;

	if (fd < 0) {
		r = file_read(l->file, PARSE_FILE_MAX, ret_text, ret_size);
	} else {
		r = check_regular(fd);
		if (r == 0)
			r = file_read_fd(fd, PARSE_FILE_MAX, ret_text, ret_size);
	}
	if (r < 0)
		file_error(l, r);
	return r;
}

static void syntax_error(struct load *l, const struct doc_error *error)
{
	const struct diag_at at = { .file = l->file, .line = error->line, .column = error->col };

	diag_add(l->diag, &at, "%s", error->msg);
}

/* The byte of a place given as line and column in characters; NULL if there is no such place. */
static char *place_find(char *text, const struct doc_error *at)
{
	for (unsigned line = 1; line < at->line; line++) {
		text = strchr(text, '\n');
		if (text == NULL)
			return NULL;
		text++;
	}
	for (unsigned col = 1; col < at->col; col++) {
		if (*text == '\0')
			return NULL;
		text++;
		while (((unsigned char)*text & 0xc0) == 0x80)
			text++;
	}
	return text;
}

/* Changes the first letter of the second key; a different one each time, so that it never meets another. */
static bool hide_duplicate(struct load *l, char *text, const struct doc_error *at)
{
	static const char letters[LOAD_DUPLICATES_MAX + 1] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	char *key;

	if (l->n_duplicates == LOAD_DUPLICATES_MAX)
		return false;
	key = place_find(text, at);
	if (key != NULL && (*key == '"' || *key == '\''))
		key++;
	if (key == NULL || *key < '0' || *key > 'z')
		return false;
	*key = letters[l->n_duplicates];
	l->duplicates[l->n_duplicates].line = at->line;
	l->duplicates[l->n_duplicates].column = at->col;
	l->n_duplicates++;
	return true;
}

static struct doc *parse_text(struct load *l, char *text, size_t size)
{
	const struct doc_limits limits = { .bytes = PARSE_FILE_MAX, .nodes = PARSE_NODES, .depth = PARSE_DEPTH };
	struct doc *doc = NULL;

	for (;;) {
		struct doc_error error = { 0 };
		int r = doc_parse(text, size, DOC_AUTO, &limits, &doc, &error);

		if (r == 0)
			return doc;
		if (r == -ENOMEM)
			l->error = r;
		else
			syntax_error(l, &error);
		if (r != -EEXIST || !hide_duplicate(l, text, &error))
			return NULL;
	}
}

struct doc *parse_config(struct load *l, int fd)
{
	_cleanup_free_ uint8_t *text = NULL;
	size_t size = 0;

	return read_file(l, fd, &text, &size) == 0 ? parse_text(l, (char *)text, size) : NULL;
}
