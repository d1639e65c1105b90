/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log: lines on standard error.  Under systemd (JOURNAL_STREAM is set) a line begins with the
 * "<N>" that the journal understands, else with the level in letters.
 *
 * A file says LOG_MODULE("frontend"); once; several files may share a name, and a level is set per
 * name.  Every line is one write(2) of at most LOG_LINE_MAX bytes: what is longer is cut and says
 * so; control characters and broken UTF-8 are escaped, because text may come from a peer.  errno is
 * kept.  A line that cannot be written is lost; nothing here fails.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "cleanup.h"

#define LOG_LINE_MAX 4096

enum log_level { LOG_LEVEL_ERR = 0, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG, _LOG_LEVEL_MAX };
enum log_format { LOG_FORMAT_TEXT = 0, LOG_FORMAT_JSON };

struct log_module {
	const char *name;
	enum log_level level;
	struct log_module *next;
};

/* At most LOG_RATE_BURST lines in LOG_RATE_MS per place in the code; the next one tells how many were left out. */
#define LOG_RATE_BURST 5
#define LOG_RATE_MS 10000

struct log_rate {
	int64_t since_ms;
	unsigned lines, dropped;
};

void log_module_add(struct log_module *m);

#define LOG_MODULE(module_name)                                                                \
	static struct log_module log_module_here = { .name = (module_name), .level = LOG_LEVEL_INFO }; \
	__attribute__((constructor)) static void log_module_enter(void)                        \
	{                                                                                      \
		log_module_add(&log_module_here);                                              \
	}                                                                                      \
	extern int log_module_semicolon

/* Who writes: "supervisor", "source", …  Borrowed.  Looks at JOURNAL_STREAM. */
void log_init(const char *role);
void log_set_format(enum log_format format);

/* module NULL: every module.  0, or -ENOENT if no module has this name. */
int log_set_level(const char *module, enum log_level level);

/* "err", "warn", "info", "debug" (also "error", "warning").  0 or -EINVAL. */
int log_level_find(const char *name, enum log_level *ret_level);
const char *log_level_name(enum log_level level);

/* Calls fn for each module name once, in no order. */
void log_modules(void (*fn)(void *arg, const char *name, enum log_level level), void *arg);

/* Not for callers. `r` is a negative errno whose text is appended, or 0. Returns r. */
int log_write(const struct log_module *m, enum log_level level, int r, const char *fmt, ...) _printf_(4, 5);
int log_vwrite(const struct log_module *m, enum log_level level, int r, const char *fmt, va_list ap)
	_printf_(4, 0);

/* May a line go out now?  Counts it. */
bool log_rate_pass(struct log_rate *rate, const struct log_module *m, enum log_level level);

#define log_at_(level_, r_, ...)                                                 \
	__extension__({                                                          \
		int log_r_ = (r_);                                               \
		if ((level_) <= log_module_here.level)                           \
			log_write(&log_module_here, (level_), log_r_, __VA_ARGS__); \
		log_r_;                                                          \
	})

#define log_rl_(level_, r_, ...)                                                 \
	__extension__({                                                          \
		static struct log_rate log_rate_;                                \
		int log_rl_r_ = (r_);                                            \
		if ((level_) <= log_module_here.level &&                         \
		    log_rate_pass(&log_rate_, &log_module_here, (level_)))       \
			log_write(&log_module_here, (level_), log_rl_r_, __VA_ARGS__); \
		log_rl_r_;                                                       \
	})

#define log_err(...) ((void)log_at_(LOG_LEVEL_ERR, 0, __VA_ARGS__))
#define log_warn(...) ((void)log_at_(LOG_LEVEL_WARN, 0, __VA_ARGS__))
#define log_info(...) ((void)log_at_(LOG_LEVEL_INFO, 0, __VA_ARGS__))
#define log_debug(...) ((void)log_at_(LOG_LEVEL_DEBUG, 0, __VA_ARGS__))

/* r is a negative errno: ": " and its text follow the line; yields r. */
#define log_err_errno(r, ...) log_at_(LOG_LEVEL_ERR, r, __VA_ARGS__)
#define log_warn_errno(r, ...) log_at_(LOG_LEVEL_WARN, r, __VA_ARGS__)
#define log_info_errno(r, ...) log_at_(LOG_LEVEL_INFO, r, __VA_ARGS__)
#define log_debug_errno(r, ...) log_at_(LOG_LEVEL_DEBUG, r, __VA_ARGS__)

/* For anything that a peer can cause. */
#define log_err_rl(...) ((void)log_rl_(LOG_LEVEL_ERR, 0, __VA_ARGS__))
#define log_warn_rl(...) ((void)log_rl_(LOG_LEVEL_WARN, 0, __VA_ARGS__))
#define log_info_rl(...) ((void)log_rl_(LOG_LEVEL_INFO, 0, __VA_ARGS__))
#define log_err_errno_rl(r, ...) log_rl_(LOG_LEVEL_ERR, r, __VA_ARGS__)
#define log_warn_errno_rl(r, ...) log_rl_(LOG_LEVEL_WARN, r, __VA_ARGS__)

#endif
