/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checked configuration: a flat, sorted set of entries "path -> value with its position".
 *
 * The check child makes it from meshd.yaml (load.c, against the rows of schema.c and of the two
 * plugins), sends it to the supervisor, and the supervisor sends each worker its slice.  So every
 * value has been checked once, defaults are filled in, and a getter cannot fail: what is absent (an
 * optional value, another role's slice) is the caller's `def`.
 *
 * Paths are dotted names with indexes: "state_dir", "translator.debounce", "source.options.paths[0]",
 * "frontend.options.users[1].name".  Free-form values (node.metadata, MESH_OPT_ANY) are one entry, as JSON text.
 */
#ifndef MESHD_CONFIG_CONF_H
#define MESHD_CONFIG_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "meshd/ipc.pb-c.h"

enum conf_type {
	CONF_STRING = 1,
	CONF_INT,
	CONF_BOOL,
	CONF_DURATION,	/* milliseconds */
	CONF_SIZE,	/* bytes */
	CONF_JSON,	/* free-form */
	CONF_OFF,	/* the word "off" where a number was possible; num is 0 */
};

struct conf_entry {
	char *path;		/* owned */
	enum conf_type type;
	char *text;		/* owned, canonical */
	int64_t num;
	char *file;		/* owned; "" for a default */
	unsigned line, column;
};

struct conf;

struct conf *conf_new(void);
struct conf *conf_free(struct conf *c);
void conf_freep(struct conf **c);

/* Copies the entry's strings.  0, -ENOMEM, -EEXIST, -E2BIG (20,000 entries are enough). */
int conf_add(struct conf *c, const struct conf_entry *entry);

const struct conf_entry *conf_find(const struct conf *c, const char *path);	/* NULL: absent */
/* The entry at the path or at the nearest path above it ("a[1].b", "a[1]", "a", "") that has a line; NULL: none. */
const struct conf_entry *conf_find_place(const struct conf *c, const char *path);
size_t conf_size(const struct conf *c);
const struct conf_entry *conf_at(const struct conf *c, size_t i);		/* sorted by path */

/* Value of a path, or `def` where it is absent. */
const char *conf_str(const struct conf *c, const char *path, const char *def);
int64_t conf_num(const struct conf *c, const char *path, int64_t def);
bool conf_bool(const struct conf *c, const char *path, bool def);
/* Number of elements of the list at `path` ("source.options.paths"). */
size_t conf_count(const struct conf *c, const char *path);
/* printf-style path. */
const char *conf_strf(const struct conf *c, const char *def, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The entries whose path begins with one of the prefixes (NULL-terminated list). 0 or -ENOMEM. */
int conf_slice(const struct conf *c, const char *const *prefixes, struct conf **ret_slice);

/* Same entries and values (positions do not count)? */
bool conf_equal(const struct conf *a, const struct conf *b);
/* The same but for log.level and log.format, which every process takes over by itself. */
bool conf_equal_but_log(const struct conf *a, const struct conf *b);

/* To and from the pipe message.  `ret_msg` points into `c`, which must outlive it: free with conf_msg_free.
 * conf_from_msg: 0, -ENOMEM, -EBADMSG (a type, path or text that no conf has, a path twice, over a bound). */
int conf_to_msg(const struct conf *c, Mesh__Conf **ret_msg);
void conf_msg_free(Mesh__Conf *msg);
int conf_from_msg(const Mesh__Conf *msg, struct conf **ret_conf);

#endif
