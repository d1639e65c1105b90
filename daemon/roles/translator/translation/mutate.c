/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Header mutations of route configuration, virtual host, route and weighted clusters, flattened into one state for each
 * header: Envoy goes level by level and removes before it adds, APISIX adds, sets and removes once
 * (TRANSLATION.md 2.9).  Called by vhost.c; what has no counterpart is noted and left out.
 */
#include <string.h>

#include "rewrite.h"

/* Envoy takes no more headers in one list. */
#define CHANGES_MAX 1000

/* The mutations of one level in one direction. */
struct level {
	xds_header_option *const *add;
	size_t n_add;
	char *const *remove;
	size_t n_remove;
	const char *add_field, *remove_field;
	const struct path *at;
};

static struct header_change *change_of(struct job *job, struct header_changes *changes,
				       const char *name)
{
	for (size_t i = 0; i < changes->n; i++)
		if (strcasecmp(changes->list[i].name, name) == 0)
			return &changes->list[i];
	if (!job_grow(job, (void **)&changes->list, changes->n, &changes->cap,
		      sizeof *changes->list))
		return NULL;
	changes->list[changes->n] = (struct header_change){ .name = name };
	return &changes->list[changes->n++];
}

static const struct operator
{
	const char *name, *var;
	bool response; /* only there */
}
operators[] = {
	{ "DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT", "${server_addr}", false },
	{ "DOWNSTREAM_LOCAL_PORT", "${server_port}", false },
	{ "DOWNSTREAM_PEER_SUBJECT", "${ssl_client_s_dn}", false },
	{ "DOWNSTREAM_REMOTE_ADDRESS", "${remote_addr}:${remote_port}", false },
	{ "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", "${remote_addr}", false },
	{ "DOWNSTREAM_TLS_VERSION", "${ssl_protocol}", false },
	{ "HOSTNAME", "${hostname}", false },
	{ "PROTOCOL", "${server_protocol}", false },
	{ "REQUESTED_SERVER_NAME", "${ssl_server_name}", false },
	{ "START_TIME", "${time_iso8601}", false },
	{ "UPSTREAM_HOST", "${upstream_addr}", true },
	{ "UPSTREAM_REMOTE_ADDRESS", "${upstream_addr}", true },
};

/* REQ(X?Y):Z and RESP(X): the first name. */
static bool operator_header(const char *text, size_t len, bool response, struct buf *out)
{
	const char *open = memchr(text, '(', len);
	size_t head = open != NULL ? (size_t)(open - text) : 0;
	bool req = head == 3 && memcmp(text, "REQ", 3) == 0;

	if (!req && !(response && head == 4 && memcmp(text, "RESP", 4) == 0))
		return false;
	buf_printf(out, "${%s_", req ? "http" : "sent_http");
	for (const char *p = open + 1; p < text + len && *p != ')' && *p != '?'; p++) {
		char c = *p == '-' ? '_' : *p >= 'A' && *p <= 'Z' ? (char)(*p | 0x20) : *p;

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'))
			return false;
		buf_putc(out, c);
	}
	buf_putc(out, '}');
	return true;
}

static bool operator_write(const char *text, size_t len, bool response, struct buf *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(operators); i++) {
		if (strlen(operators[i].name) != len || memcmp(operators[i].name, text, len) != 0)
			continue;
		if (operators[i].response && !response)
			return false;
		buf_puts(out, operators[i].var);
		return true;
	}
	return operator_header(text, len, response, out);
}

/* How the variable in an operator's place is not quite the same. */
static void operator_note(struct job *job, const struct path *at, const char *text, size_t len)
{
	bool header = memchr(text, '(', len) != NULL;

	if (header)
		job_note(job, at, B_WARN,
			 "without the header that it names, an empty value is sent; Envoy sends none");
	if (header && memchr(text, '?', len) != NULL)
		job_note(job, at, B_WARN, "only the first of its two headers is read");
	if (header && text[len - 1] != ')')
		job_note(job, at, B_WARN, "its length is not limited");
	if (len == strlen("START_TIME") && memcmp(text, "START_TIME", len) == 0)
		job_note(job, at, B_INFO, "times are written in nginx's form (ISO 8601, local)");
}

/* NULL: there is an operator that APISIX lacks. */
static const char *value_convert(struct job *job, const char *value, bool response,
				 const struct path *at)
{
	struct buf b = BUF_INIT;

	while (*value != '\0') {
		size_t plain = strcspn(value, "%");
		const char *end;

		buf_puts(&b, text_escape(job, job_str(job, value, plain)));
		value += plain;
		if (*value == '\0')
			break;
		if (value[1] == '%') {
			buf_putc(&b, '%');
			value += 2;
			continue;
		}
		end = strchr(value + 1, '%');
		if (end == NULL ||
		    !operator_write(value + 1, (size_t)(end - value - 1), response, &b)) {
			buf_deinit(&b);
			return NULL;
		}
		operator_note(job, at, value + 1, (size_t)(end - value - 1));
		value = end + 1;
	}
	return job_take(job, &b);
}

typedef Envoy__Config__Core__V3__HeaderValueOption__HeaderAppendAction append_action;
#define ACTION(name) ENVOY__CONFIG__CORE__V3__HEADER_VALUE_OPTION__HEADER_APPEND_ACTION__##name

static append_action action_of(const xds_header_option *option)
{
	if (option->append != NULL && !option->append->value)
		return ACTION(OVERWRITE_IF_EXISTS_OR_ADD);
	return option->append_action;
}

static bool overwrites(append_action action)
{
	return action == ACTION(OVERWRITE_IF_EXISTS) ||
	       action == ACTION(OVERWRITE_IF_EXISTS_OR_ADD);
}

static void change_value(struct job *job, struct header_change *change, append_action action,
			 const char *value, const struct path *at)
{
	if (action == ACTION(ADD_IF_ABSENT) && change->had)
		return;
	if (action == ACTION(ADD_IF_ABSENT) && !change->gone)
		job_note(job, at, B_WARN,
			 "APISIX cannot look whether the header is there; it is added in any case");
	if (action == ACTION(OVERWRITE_IF_EXISTS) && change->gone)
		return;
	if (action == ACTION(OVERWRITE_IF_EXISTS) && !change->had)
		job_note(job, at, B_WARN,
			 "APISIX cannot look whether the header is there; it is set in any case");
	if (overwrites(action)) {
		change->replace = true;
		change->values.n = 0;
	}
	strs_add(job, &change->values, value);
}

/* Names that are no headers in nginx. True: taken care of. */
static bool special(struct job *job, const xds_header_option *option, const char *value,
		    const struct path *at, struct rewrite *rewrite)
{
	const char *name = option->header->key;

	if (strcasecmp(name, "host") == 0 || strcmp(name, ":authority") == 0) {
		if (rewrite_host_plain(value))
			rewrite->host = value;
		else
			job_note(job, at, B_WARN,
				 "'%s' is no host that APISIX takes; the request's own is kept",
				 option->header->value);
		return true;
	}
	if (name[0] != ':')
		return false;
	job_note(job, at, B_WARN,
		 "'%s' cannot be changed like a header in APISIX; it is left alone", name);
	return true;
}

static void option_add(struct job *job, const xds_header_option *option, const struct path *at,
		       bool response, struct rewrite *rewrite, struct header_changes *changes)
{
	struct header_change *change;
	const char *value;

	if (option->header->raw_value.len > 0)
		job_note(job, at, B_WARN, "raw values are not read; the header is not added");
	if (option->header->value[0] == '\0' && !option->keep_empty_value)
		return;
	value = value_convert(job, option->header->value, response, at);
	if (value == NULL) {
		job_note(job, at, B_WARN,
			 "the value has a variable that APISIX lacks; the header is not added");
		return;
	}
	if (!response && special(job, option, value, at, rewrite))
		return;
	change = change_of(job, changes, option->header->key);
	if (change == NULL)
		return;
	change_value(job, change, action_of(option), value, at);
	if (response && !change->replace && !rewrite_addable(value))
		job_note(job, at, B_WARN,
			 "APISIX cannot add a value with a colon or with a slash at its end to a "
			 "response; the header is replaced");
}

static void change_begin(struct header_change *change)
{
	change->had = change->values.n > 0;
	change->gone = change->replace && !change->had;
}

/* Within a level Envoy first looks which headers there are, then overwrites, then appends. */
static void level_add(struct job *job, const struct level *level, bool response,
		      struct rewrite *rewrite, struct header_changes *changes)
{
	for (size_t i = 0; i < changes->n; i++)
		change_begin(&changes->list[i]);
	for (int append = 0; append <= 1; append++) {
		for (size_t i = 0; i < level->n_add && i < CHANGES_MAX; i++) {
			const xds_header_option *option = level->add[i];
			struct path here = PATH_INDEX(level->at, level->add_field, i);

			if (option->header == NULL || option->header->key[0] == '\0' ||
			    overwrites(action_of(option)) != !append)
				continue;
			option_add(job, option, &here, response, rewrite, changes);
		}
	}
}

void mutate_add(struct job *job, const xds_header_option *option, const struct path *at, bool response,
		struct rewrite *rewrite)
{
	struct header_changes *changes = response ? &rewrite->response : &rewrite->request;

	if (option->header == NULL || option->header->key[0] == '\0')
		return;
	for (size_t i = 0; i < changes->n; i++)
		if (strcasecmp(changes->list[i].name, option->header->key) == 0)
			change_begin(&changes->list[i]);
	option_add(job, option, at, response, rewrite, changes);
}

void mutate_remove(struct job *job, const char *name, const struct path *at, bool response,
		   struct rewrite *rewrite)
{
	struct header_changes *changes = response ? &rewrite->response : &rewrite->request;
	struct header_change *change;

	if (name[0] == ':' || strcasecmp(name, "host") == 0 || name[0] == '\0') {
		job_note(job, at, B_WARN, "'%s' cannot be removed; it is left alone", name);
		return;
	}
	change = change_of(job, changes, name);
	if (change != NULL) {
		change->replace = true;
		change->values.n = 0;
	}
}

static void level_remove(struct job *job, const struct level *level, bool response,
			 struct rewrite *rewrite)
{
	for (size_t i = 0; i < level->n_remove && i < CHANGES_MAX; i++) {
		struct path here = PATH_INDEX(level->at, level->remove_field, i);

		mutate_remove(job, level->remove[i], &here, response, rewrite);
	}
}

#define LEVEL(message, where, direction)                                                           \
	{                                                                                          \
		(message)->direction##_headers_to_add, (message)->n_##direction##_headers_to_add,  \
			(message)->direction##_headers_to_remove,                                  \
			(message)->n_##direction##_headers_to_remove,                              \
			#direction "_headers_to_add", #direction "_headers_to_remove", (where)     \
	}

void mutate(struct job *job, const struct filter_levels *levels, struct rewrite *rewrite)
{
	static const struct weight_settings none = { .at = NULL };
	const struct weight_settings *weight = levels->weight != NULL ? levels->weight : &none;
	const struct level request[] = {
		LEVEL(&weight->weight, weight->at, request),
		LEVEL(levels->route, levels->route_at, request),
		LEVEL(levels->vhost, levels->vhost_at, request),
		LEVEL(levels->config, levels->config_at, request),
	};
	const struct level response[] = {
		LEVEL(&weight->weight, weight->at, response),
		LEVEL(levels->route, levels->route_at, response),
		LEVEL(levels->vhost, levels->vhost_at, response),
		LEVEL(levels->config, levels->config_at, response),
	};

	for (size_t i = 0; i < ARRAY_SIZE(request); i++) {
		/* The level that is evaluated last has the last word. */
		size_t at = levels->config->most_specific_header_mutations_wins ?
				    ARRAY_SIZE(request) - 1 - i :
				    i;

		level_remove(job, &request[at], false, rewrite);
		level_add(job, &request[at], false, rewrite, &rewrite->request);
		level_remove(job, &response[at], true, rewrite);
		level_add(job, &response[at], true, rewrite, &rewrite->response);
	}
}
