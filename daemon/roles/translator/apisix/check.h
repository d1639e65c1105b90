/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One object under check: shared by the files of this room, seen by nobody else.
 */
#ifndef MESHD_APISIX_CHECK_H
#define MESHD_APISIX_CHECK_H

#include <stdarg.h>

#include "apisix.h"
#include "scan.h"

/* Where the check is: one link per open container, on the stack. */
struct at {
	const struct at *up;
	const uint8_t *name;	/* NULL: an element */
	size_t len, index;
};

struct check {
	struct apisix *apisix;
	const char *id;			/* of the object */
	struct scan scan;
	const struct at *at;
	unsigned depth;
	unsigned muted;			/* > 0: alternatives are tried, nobody wants to know why */
	bool references;		/* a text may be a reference to a secret */
	struct apisix_error *error;	/* written by the first failure that is not muted */
	bool failed;
};

/* Writes the reason with the place; false. */
bool check_fail(struct check *c, const char *fmt, ...) _printf_(2, 3);
/* The same for something below the place. */
bool check_fail_at(struct check *c, const char *member, size_t index, const char *fmt, ...) _printf_(4, 5);
#define NO_INDEX ((size_t)-1)

/* value.c: reads the value that begins here. */
bool check_value(struct check *c, const struct schema *s);
/* The same of a value that has been read before; the position stays. */
bool check_again(struct check *c, const struct schema *s, struct span value);

/* good.c: skips an object or a list that was found good before, byte by byte. */
bool good_skip(struct check *c, const struct schema *s);
/* The one from `start` to here is good. */
void good_keep(struct check *c, const struct schema *s, const uint8_t *start);

/* regex.c: does PCRE2 compile it, as nginx would? */
bool check_regex_text(struct check *c, const char *regex, size_t len);
/* Is it a replacement text of ngx.re.sub? */
bool check_replacement(struct check *c, const struct text *t);

/* plugins.c: the rows of a plugin for what it is used for, NULL: any object. Does APISIX run it there? */
const struct schema *plugin_schema(const struct apisix *a, const char *name, size_t len, enum role role,
				   bool *ret_enabled);
/* Has it credentials of consumers? */
bool plugin_is_auth(const struct apisix *a, const char *name, size_t len);

/* Does it say who may pass? */
bool plugin_guards(const struct apisix *a, const char *name, size_t len);

/* kinds.c: NULL: APISIX reads no such objects. */
const struct schema *kind_schema(const char *kind, const char *id);

#endif
