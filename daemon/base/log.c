/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Formats log lines and writes them.  All state is of the process: one role, one format, one list
 * of modules (added by constructors before main(), so there is no order to care for).
 */
#include "log.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "buf.h"
#include "json.h"
#include "utf8.h"

static struct log_module *modules;
static enum log_level default_level = LOG_LEVEL_INFO;
static enum log_format format = LOG_FORMAT_TEXT;
static const char *role_text = "meshd";
static bool to_journal;

static const struct {
	const char *name, *shown, *alias;
	int syslog;
} levels[_LOG_LEVEL_MAX] = {
	[LOG_LEVEL_ERR] = { "err", "ERROR", "error", 3 },
	[LOG_LEVEL_WARN] = { "warn", "WARN", "warning", 4 },
	[LOG_LEVEL_INFO] = { "info", "INFO", "info", 6 },
	[LOG_LEVEL_DEBUG] = { "debug", "DEBUG", "debug", 7 },
};

void log_module_add(struct log_module *m)
{
	m->level = default_level;
	for (struct log_module *o = modules; o != NULL; o = o->next)
		if (strcmp(o->name, m->name) == 0)
			m->level = o->level;
	m->next = modules;
	modules = m;
}

void log_init(const char *role)
{
	role_text = role;
	to_journal = getenv("JOURNAL_STREAM") != NULL;
}

void log_set_format(enum log_format f)
{
	format = f;
}

int log_set_level(const char *module, enum log_level level)
{
	bool found = module == NULL;

	if (module == NULL)
		default_level = level;
	for (struct log_module *m = modules; m != NULL; m = m->next)
		if (module == NULL || strcmp(m->name, module) == 0) {
			m->level = level;
			found = true;
		}
	return found ? 0 : -ENOENT;
}

int log_level_find(const char *name, enum log_level *ret_level)
{
	for (size_t i = 0; i < ARRAY_SIZE(levels); i++)
		if (strcmp(levels[i].name, name) == 0 || strcmp(levels[i].alias, name) == 0) {
			*ret_level = (enum log_level)i;
			return 0;
		}
	return -EINVAL;
}

const char *log_level_name(enum log_level level)
{
	return level < _LOG_LEVEL_MAX ? levels[level].name : "unknown";
}

static bool module_is_first(const struct log_module *m)
{
	for (struct log_module *o = modules; o != m; o = o->next)
		if (strcmp(o->name, m->name) == 0)
			return false;
	return true;
}

void log_modules(void (*fn)(void *arg, const char *name, enum log_level level), void *arg)
{
	for (struct log_module *m = modules; m != NULL; m = m->next)
		if (module_is_first(m))
			fn(arg, m->name, m->level);
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

bool log_rate_pass(struct log_rate *rate, const struct log_module *m, enum log_level level)
{
	int64_t now = now_ms();

	if (rate->lines == 0 || now - rate->since_ms >= LOG_RATE_MS) {
		if (rate->dropped > 0)
			log_write(m, level, 0, "%u more lines like the next one were left out", rate->dropped);
		*rate = (struct log_rate){ .since_ms = now };
	}
	if (rate->lines >= LOG_RATE_BURST) {
		rate->dropped++;
		return false;
	}
	rate->lines++;
	return true;
}

/* Appends text with everything that could fool a terminal or a reader of lines made visible. */
static void put_escaped(struct buf *b, const char *text, size_t len)
{
	size_t i = 0;

	while (i < len) {
		unsigned char c = (unsigned char)text[i];
		size_t good = utf8_check(text + i, MIN(len - i, (size_t)4));

		if (c < 0x20 || c == 0x7f || good == 0) {
			buf_printf(b, "\\x%02x", c);
			i++;
		} else if (c < 0x80) {
			buf_putc(b, (char)c);
			i++;
		} else {
			size_t n = 1;

			while (i + n < len && ((unsigned char)text[i + n] & 0xc0) == 0x80)
				n++;
			buf_append(b, text + i, n);
			i += n;
		}
	}
}

static void put_text(struct buf *out, const struct log_module *m, enum log_level level, const char *text,
		     size_t len)
{
	if (to_journal)
		buf_printf(out, "<%d>", levels[level].syslog);
	else
		buf_printf(out, "%s ", levels[level].shown);
	buf_printf(out, "%s/%s: ", role_text, m->name);
	buf_append(out, text, len);
}

static void put_json(struct buf *out, const struct log_module *m, enum log_level level, const char *text,
		     size_t len)
{
	struct json j = JSON_INIT(out);
	struct timespec ts;
	char stamp[32];

	clock_gettime(CLOCK_REALTIME, &ts);
	snprintf(stamp, sizeof stamp, "%lld.%03ld", (long long)ts.tv_sec, ts.tv_nsec / 1000000);
	json_obj_open(&j);
	json_key(&j, "ts");
	json_raw(&j, stamp, strlen(stamp));
	json_key_str(&j, "level", levels[level].name);
	json_key_str(&j, "role", role_text);
	json_key_str(&j, "module", m->name);
	json_key(&j, "text");
	json_strn(&j, text, len);
	json_obj_close(&j);
}

static void cut(struct buf *text, size_t max)
{
	static const char mark[] = " [cut]";

	if (text->len <= max)
		return;
	text->len = max - strlen(mark);
	text->len = utf8_check(text->data, text->len);
	buf_puts(text, mark);
}

int log_vwrite(const struct log_module *m, enum log_level level, int r, const char *fmt, va_list ap)
{
	struct buf raw = BUF_INIT, text = BUF_INIT, line = BUF_INIT;
	int saved = errno;

	buf_vprintf(&raw, fmt, ap);
	if (r < 0)
		buf_printf(&raw, ": %s", strerror(-r));
	put_escaped(&text, (const char *)raw.data, raw.len);
	cut(&text, LOG_LINE_MAX - 512);
	if (format == LOG_FORMAT_JSON)
		put_json(&line, m, level, (const char *)text.data, text.len);
	else
		put_text(&line, m, level, (const char *)text.data, text.len);
	buf_putc(&line, '\n');
	/* A write that fails has nowhere left to be reported. */
	if (buf_error(&line) == 0)
		(void)!write(STDERR_FILENO, line.data, line.len);
	buf_deinit(&raw);
	buf_deinit(&text);
	buf_deinit(&line);
	errno = saved;
	return r;
}

int log_write(const struct log_module *m, enum log_level level, int r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vwrite(m, level, r, fmt, ap);
	va_end(ap);
	return r;
}
