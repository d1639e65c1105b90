/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Readers of single values, one per type (value.h).  Each says in its message what would be right, so that
 * nobody needs the manual to mend a line.  Pure functions; the only failure is memory, which the buf keeps.
 */
#include "value.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/un.h>

#include "diag.h"
#include "nearest.h"

enum { STRING_MAX = 65536 };

struct unit {
	const char *name;
	int64_t factor;
};

/* From large to small: the first that divides a number is the one to write it with. */
static const struct unit duration_units[] = {
	{ "h", 3600000 }, { "m", 60000 }, { "s", 1000 }, { "ms", 1 }, { NULL, 0 },
};

static const struct unit size_units[] = {
	{ "GB", 1 << 30 }, { "MB", 1 << 20 }, { "KB", 1 << 10 }, { "", 1 }, { NULL, 0 },
};

void value_deinit(struct value *v)
{
	buf_deinit(&v->text);
}

static const struct unit *units_of(enum mesh_opt_type type)
{
	static const struct unit none[] = { { "", 1 }, { NULL, 0 } };

	if (type == MESH_OPT_DURATION)
		return duration_units;
	return type == MESH_OPT_SIZE ? size_units : none;
}

void value_number_text(enum mesh_opt_type type, int64_t num, struct buf *out)
{
	const struct unit *u = units_of(type);

	while (u->factor > 1 && (num == 0 || num % u->factor != 0))
		u++;
	buf_printf(out, "%" PRId64 "%s", num / u->factor, u->name);
}

static int wrong(struct buf *why, const char *text, const char *what)
{
	diag_quote(why, text);
	buf_puts(why, what);
	return 1;
}

/* Digits with an optional minus; NULL if there are none or too many. */
static const char *parse_digits(const char *text, int64_t *ret_num)
{
	const char *p = text + (text[0] == '-');
	int64_t num = 0;

	if (!isdigit((unsigned char)*p))
		return NULL;
	for (; isdigit((unsigned char)*p); p++) {
		if (num > (INT64_MAX - 9) / 10)
			return NULL;
		num = num * 10 + (*p - '0');
	}
	*ret_num = text[0] == '-' ? -num : num;
	return p;
}

static int check_range(const struct mesh_opt *row, int64_t num, const char *text, struct buf *why)
{
	if ((row->min == 0 && row->max == 0) || (num >= row->min && num <= row->max))
		return 0;
	wrong(why, text, " is out of range; write a value from ");
	value_number_text(row->type, row->min, why);
	buf_puts(why, " to ");
	value_number_text(row->type, row->max, why);
	if (row->choices != NULL)
		buf_puts(why, ", or off");
	return 1;
}

static int take_number(const struct mesh_opt *row, int64_t num, const char *text, enum conf_type type,
		       struct value *v, struct buf *why)
{
	int r = check_range(row, num, text, why);

	if (r != 0)
		return r;
	v->type = type;
	v->num = num;
	value_number_text(row->type, num, &v->text);
	return 0;
}

static int parse_int(const struct mesh_opt *row, const char *text, bool plain, struct value *v, struct buf *why)
{
	int64_t num = 0;
	const char *end = parse_digits(text, &num);

	if (end == NULL || *end != '\0')
		return wrong(why, text, row->choices != NULL ? " is not a whole number; write digits only, or off" :
							       " is not a whole number; write digits only");
	if (!plain)
		return wrong(why, text, " is in quotes; write the number without them");
	return take_number(row, num, text, CONF_INT, v, why);
}

static bool is_choice(const char *choices, const char *text)
{
	size_t len = strlen(text);

	for (const char *p = choices; *p != '\0';) {
		size_t word = strcspn(p, "|");

		if (word == len && strncmp(p, text, len) == 0)
			return true;
		p += word + (p[word] == '|');
	}
	return false;
}

static int parse_bool(const struct mesh_opt *row, const char *text, bool plain, struct value *v, struct buf *why)
{
	bool yes = is_choice("true|True|TRUE", text);

	if (!yes && !is_choice("false|False|FALSE", text))
		return wrong(why, text, " is neither true nor false; write one of these two words");
	if (!plain)
		return wrong(why, text, " is in quotes; write true or false without them");
	v->type = CONF_BOOL;
	v->num = yes;
	buf_puts(&v->text, yes ? "true" : "false");
	return 0;
}

/* The unit of this name; NULL if there is none. */
static const struct unit *unit_find(const struct unit *units, const char *end)
{
	for (; units->name != NULL; units++) {
		if (strcmp(units->name, end) == 0)
			return units;
	}
	return NULL;
}

static int parse_duration(const struct mesh_opt *row, const char *text, bool plain, struct value *v,
			  struct buf *why)
{
	int64_t num = 0;
	const char *end = parse_digits(text, &num);
	const struct unit *u;

	if (end != NULL && *end == '\0' && num != 0) {
		diag_quote(why, text);
		buf_printf(why, " has no unit; write %sms, %ss, %sm or %sh", text, text, text, text);
		return 1;
	}
	u = end == NULL ? NULL : unit_find(duration_units, *end == '\0' ? "ms" : end);
	if (u == NULL || num < 0 || num > INT64_MAX / u->factor)
		return wrong(why, text, row->choices != NULL ?
			     " is not a duration; write a number and ms, s, m or h, such as 20ms or 10m, or off" :
			     " is not a duration; write a number and ms, s, m or h, such as 20ms or 10m");
	return take_number(row, num * u->factor, text, CONF_DURATION, v, why);
}

static int parse_size(const struct mesh_opt *row, const char *text, bool plain, struct value *v, struct buf *why)
{
	int64_t num = 0;
	const char *end = parse_digits(text, &num);
	const struct unit *u = end == NULL ? NULL : unit_find(size_units, end);

	if (u == NULL || num < 0 || num > INT64_MAX / u->factor)
		return wrong(why, text, " is not a size; write a number and KB, MB or GB, such as 64MB");
	return take_number(row, num * u->factor, text, CONF_SIZE, v, why);
}

static int check_length(const struct mesh_opt *row, const char *text, struct buf *why)
{
	size_t len = strlen(text);
	size_t max = row->max > 0 ? (size_t)row->max : STRING_MAX;

	if (len > max) {
		diag_quote(why, text);
		buf_printf(why, " has %zu bytes; write at most %zu", len, max);
		return 1;
	}
	if (len < (size_t)row->min) {
		buf_printf(why, "is %s; write at least %" PRId64 " byte%s%s", len == 0 ? "empty" : "too short",
			   row->min, row->min == 1 ? "" : "s", row->required ? "" : ", or remove the key");
		return 1;
	}
	return 0;
}

static int parse_string(const struct mesh_opt *row, const char *text, bool plain, struct value *v,
			struct buf *why)
{
	int r = check_length(row, text, why);

	if (r == 0)
		buf_puts(&v->text, text);
	return r;
}

static int parse_path(const struct mesh_opt *row, const char *text, bool plain, struct value *v, struct buf *why)
{
	int r;

	if (text[0] == '\0' && row->def != NULL && row->def[0] == '\0' && !row->list)
		return 0;
	if (text[0] != '/')
		return wrong(why, text, " is not an absolute path; write it from the root, beginning with '/'");
	r = check_length(row, text, why);
	if (r == 0)
		buf_puts(&v->text, text);
	return r;
}

static bool parse_port(const char *text, unsigned *ret_port)
{
	int64_t num = 0;
	const char *end = parse_digits(text, &num);

	if (end == NULL || *end != '\0' || num < 1 || num > 65535)
		return false;
	*ret_port = (unsigned)num;
	return true;
}

/* "127.0.0.1", "[::1]" or "localhost" of `len` bytes, in canonical form with brackets. */
static bool parse_host(const char *text, size_t len, char *ret_host, size_t size)
{
	unsigned char addr[16];
	bool brackets = len > 2 && text[0] == '[' && text[len - 1] == ']';
	char host[INET6_ADDRSTRLEN];

	if (brackets) {
		text++;
		len -= 2;
	}
	if (len >= sizeof(host))
		return false;
	memcpy(host, text, len);
	host[len] = '\0';
	if (!brackets && strcmp(host, "localhost") == 0)
		strcpy(host, "127.0.0.1");
	if (inet_pton(brackets ? AF_INET6 : AF_INET, host, addr) != 1)
		return false;
	inet_ntop(brackets ? AF_INET6 : AF_INET, addr, ret_host, (socklen_t)size);
	return true;
}

static int parse_unix(const char *text, struct value *v, struct buf *why)
{
	const char *path = text + strlen("unix:");

	if (path[0] != '/')
		return wrong(why, text, " does not name an absolute path; write unix:/PATH");
	if (strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return wrong(why, text, " is too long for a socket; write a path of at most 107 bytes");
	buf_puts(&v->text, text);
	return 0;
}

static int parse_listen(const struct mesh_opt *row, const char *text, bool plain, struct value *v,
			struct buf *why)
{
	const char *colon = strrchr(text, ':');
	char host[INET6_ADDRSTRLEN];
	unsigned port;

	if (text[0] == '\0' && row->def != NULL && row->def[0] == '\0' && !row->list)
		return 0;
	if (strncmp(text, "unix:", 5) == 0)
		return parse_unix(text, v, why);
	if (colon == NULL || !parse_host(text, (size_t)(colon - text), host, sizeof(host)))
		return wrong(why, text, " is not an address to listen on; write IP:PORT, [IPV6]:PORT or unix:/PATH");
	if (!parse_port(colon + 1, &port))
		return wrong(why, text, " has no usable port; write a number from 1 to 65535 behind the colon");
	buf_printf(&v->text, strchr(host, ':') != NULL ? "[%s]:%u" : "%s:%u", host, port);
	return 0;
}

static void append_choices(const char *choices, const char *text, struct buf *why)
{
	struct nearest near;

	nearest_init(&near, text);
	buf_puts(why, "; write ");
	for (const char *p = choices; *p != '\0';) {
		size_t word = strcspn(p, "|");
		const char *next = p + word + (p[word] == '|');

		nearest_offer(&near, p, word);
		buf_append(why, p, word);
		if (*next != '\0')
			buf_puts(why, next[strcspn(next, "|")] == '\0' ? " or " : ", ");
		p = next;
	}
	if (nearest_get(&near) != NULL)
		buf_printf(why, " (did you mean %s?)", nearest_get(&near));
}

static int parse_enum(const struct mesh_opt *row, const char *text, bool plain, struct value *v, struct buf *why)
{
	if (is_choice(row->choices, text)) {
		buf_puts(&v->text, text);
		return 0;
	}
	diag_quote(why, text);
	buf_puts(why, " is not one of the known words");
	append_choices(row->choices, text, why);
	return 1;
}

typedef int (*parse_fn)(const struct mesh_opt *row, const char *text, bool plain, struct value *v,
			struct buf *why);

static const parse_fn parsers[] = {
	[MESH_OPT_STRING] = parse_string,
	[MESH_OPT_INT] = parse_int,
	[MESH_OPT_BOOL] = parse_bool,
	[MESH_OPT_DURATION] = parse_duration,
	[MESH_OPT_SIZE] = parse_size,
	[MESH_OPT_PATH] = parse_path,
	[MESH_OPT_LISTEN] = parse_listen,
	[MESH_OPT_ENUM] = parse_enum,
};

/* "off" in the choices of a number allows that word. */
static bool is_off(const struct mesh_opt *row, const char *text)
{
	return row->type != MESH_OPT_ENUM && row->choices != NULL && strcmp(row->choices, "off") == 0 &&
	       strcmp(text, "off") == 0;
}

int value_parse(const struct mesh_opt *row, const char *text, bool plain, struct value *ret_value,
		struct buf *why)
{
	_cleanup_(value_deinit) struct value v = VALUE_INIT;
	int r;

	if (is_off(row, text)) {
		v.type = CONF_OFF;
		buf_puts(&v.text, "off");
	} else {
		r = parsers[row->type](row, text, plain, &v, why);
		if (r != 0)
			return r;
	}
	if (buf_str(&v.text) == NULL)
		return -ENOMEM;
	*ret_value = v;
	v.text = (struct buf)BUF_INIT;
	return 0;
}
