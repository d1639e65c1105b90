/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The format of an access log as the log_format of APISIX's loggers (TRANSLATION.md 5.2): an object,
 * whose values are texts or whole variables of nginx, never a mixture.  So a text becomes an object
 * with a member for each variable in it, named as Envoy names it.  Called by log.c.
 */
#include <stdlib.h>
#include <string.h>

#include "match.h"
#include "observe.h"

#define FORMAT_DEPTH 5 /* objects in one another that APISIX writes */

struct format {
	struct job *job;
	struct strs lacking; /* variables that APISIX does not have */
	bool mixed; /* text between variables is lost */
	bool seconds; /* a time is in seconds; Envoy's in milliseconds */
	bool deep;
};

static const struct {
	const char *name, *var;
	bool seconds;
} operators[] = {
	{ "BYTES_RECEIVED", "$request_length", false },
	{ "BYTES_SENT", "$body_bytes_sent", false },
	{ "CONNECTION_ID", "$connection", false },
	{ "DOWNSTREAM_DIRECT_LOCAL_ADDRESS", "$server_addr", false },
	{ "DOWNSTREAM_DIRECT_REMOTE_ADDRESS", "$realip_remote_addr", false },
	{ "DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT", "$realip_remote_addr", false },
	{ "DOWNSTREAM_LOCAL_ADDRESS", "$server_addr", false },
	{ "DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT", "$server_addr", false },
	{ "DOWNSTREAM_LOCAL_PORT", "$server_port", false },
	{ "DOWNSTREAM_PEER_CERT", "$ssl_client_raw_cert", false },
	{ "DOWNSTREAM_PEER_CERT_V_END", "$ssl_client_v_end", false },
	{ "DOWNSTREAM_PEER_CERT_V_START", "$ssl_client_v_start", false },
	{ "DOWNSTREAM_PEER_FINGERPRINT_1", "$ssl_client_fingerprint", false },
	{ "DOWNSTREAM_PEER_ISSUER", "$ssl_client_i_dn", false },
	{ "DOWNSTREAM_PEER_SERIAL", "$ssl_client_serial", false },
	{ "DOWNSTREAM_PEER_SUBJECT", "$ssl_client_s_dn", false },
	{ "DOWNSTREAM_REMOTE_ADDRESS", "$remote_addr", false },
	{ "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", "$remote_addr", false },
	{ "DOWNSTREAM_REMOTE_PORT", "$remote_port", false },
	{ "DOWNSTREAM_TLS_CIPHER", "$ssl_cipher", false },
	{ "DOWNSTREAM_TLS_VERSION", "$ssl_protocol", false },
	{ "DURATION", "$request_time", true },
	{ "HOSTNAME", "$hostname", false },
	{ "PROTOCOL", "$server_protocol", false },
	{ "REQUESTED_SERVER_NAME", "$ssl_server_name", false },
	{ "REQUEST_HEADERS_BYTES", NULL, false },
	{ "RESPONSE_CODE", "$status", false },
	{ "RESPONSE_DURATION", "$upstream_header_time", true },
	{ "ROUTE_NAME", "$route_name", false },
	{ "START_TIME", "$time_iso8601", false },
	{ "STREAM_ID", "$request_id", false },
	{ "UPSTREAM_HOST", "$upstream_addr", false },
	{ "UPSTREAM_REMOTE_ADDRESS", "$upstream_addr", false },
};

/* One "%…%" of a text: what stands between the percent signs. */
struct piece {
	const char *name;
	size_t name_len;
	const char *arg; /* in parentheses; NULL: none */
	size_t arg_len;
};

static struct piece piece_of(const char *text, size_t len)
{
	const char *open = memchr(text, '(', len), *close;
	struct piece p = { .name = text, .name_len = open != NULL ? (size_t)(open - text) : len };
	const char *colon = memchr(text, ':', p.name_len);

	if (colon != NULL)
		p.name_len = (size_t)(colon - text);
	if (open == NULL)
		return p;
	close = memrchr(open, ')', len - (size_t)(open - text));
	p.arg = open + 1;
	p.arg_len = close != NULL ? (size_t)(close - open - 1) : len - p.name_len - 1;
	return p;
}

static bool piece_is(const struct piece *p, const char *name)
{
	return strlen(name) == p->name_len && memcmp(name, p->name, p->name_len) == 0;
}

/* REQ(X?Y): the path as it came when it is asked for in any way, else the first header. */
static const char *request_var(struct format *f, const struct piece *p)
{
	const char *first = job_str(f->job, p->arg, strcspn(job_str(f->job, p->arg, p->arg_len), "?"));
	const char *var = strcasecmp(first, "x-envoy-original-path") == 0 ? "real_request_uri" :
									     header_var(f->job, first);

	return var != NULL ? job_printf(f->job, "$%s", var) : NULL;
}

static const char *response_var(struct format *f, const struct piece *p)
{
	const char *first = job_str(f->job, p->arg, strcspn(job_str(f->job, p->arg, p->arg_len), "?"));
	const char *var;

	if (strcasecmp(first, "x-envoy-upstream-service-time") == 0) {
		f->seconds = true;
		return "$upstream_response_time";
	}
	var = first[0] != ':' && strcasecmp(first, "host") != 0 ? header_var(f->job, first) : NULL;
	return var != NULL ? job_printf(f->job, "$sent_%s", var) : NULL;
}

/* "$var", or NULL: APISIX has no such variable; remembered. */
static const char *piece_var(struct format *f, const char *text, size_t len)
{
	struct piece p = piece_of(text, len);
	const char *var = NULL;

	if (piece_is(&p, "REQ") && p.arg != NULL)
		var = request_var(f, &p);
	else if (piece_is(&p, "RESP") && p.arg != NULL)
		var = response_var(f, &p);
	else if (piece_is(&p, "QUERY_PARAM") && p.arg != NULL)
		var = job_printf(f->job, "$arg_%.*s", (int)p.arg_len, p.arg);
	for (size_t i = 0; var == NULL && i < ARRAY_SIZE(operators); i++) {
		if (!piece_is(&p, operators[i].name))
			continue;
		var = operators[i].var;
		f->seconds |= operators[i].seconds;
	}
	if (var == NULL)
		strs_add(f->job, &f->lacking, job_str(f->job, text, len));
	return var;
}

/* The percent sign that ends a piece; there may be others in its parentheses. NULL: none. */
static const char *piece_end(const char *start)
{
	const char *end = start + strcspn(start, "%(");

	if (*end == '(')
		end = strchr(end, ')');
	return end != NULL ? strchr(end, '%') : NULL;
}

/* The next "%…%" from *at on, which is moved behind it. False: no more. `ret_text`: was there text before? */
static bool next_piece(const char **at, const char **ret_piece, size_t *ret_len, bool *ret_text)
{
	const char *start = *at, *end;

	while (*start != '\0') {
		size_t plain = strcspn(start, "%");

		*ret_text |= plain > 0;
		start += plain;
		if (*start == '\0')
			break;
		end = piece_end(start + 1);
		if (end == NULL) {
			*ret_text = true;
			break;
		}
		if (end > start + 1) {
			*ret_piece = start + 1;
			*ret_len = (size_t)(end - start - 1);
			*at = end + 1;
			return true;
		}
		*ret_text = true;
		start = end + 1;
	}
	*at = start + strlen(start);
	return false;
}

static bool known(const struct strs *names, const char *name)
{
	for (size_t i = 0; i < names->n; i++)
		if (strcmp(names->list[i], name) == 0)
			return true;
	return false;
}

/* A member for each variable of the text. */
static const char *text_members(struct format *f, const char *text)
{
	struct strs names = { 0 };
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);
	const char *piece, *var;
	size_t len;

	json_obj_open(&j);
	while (next_piece(&text, &piece, &len, &f->mixed)) {
		const char *name = job_str(f->job, piece, len);

		if (known(&names, name) || (var = piece_var(f, piece, len)) == NULL)
			continue;
		strs_add(f->job, &names, name);
		json_key_str(&j, name, var);
	}
	json_obj_close(&j);
	return job_take(f->job, &b);
}

static const char *quoted(struct format *f, const char *text)
{
	struct buf b = BUF_INIT;

	json_escape(&b, text, strlen(text));
	return job_take(f->job, &b);
}

/* A text without variables, its "%%" undone. */
static const char *constant(struct format *f, const char *text)
{
	struct buf b = BUF_INIT;

	for (; *text != '\0'; text++) {
		buf_putc(&b, *text);
		if (text[0] == '%' && text[1] == '%')
			text++;
	}
	text = job_take(f->job, &b);
	if (text[0] != '$')
		return quoted(f, text);
	/* APISIX would look for a variable. */
	strs_add(f->job, &f->lacking, text);
	return NULL;
}

static const char *text_value(struct format *f, const char *text)
{
	const char *at = text, *piece, *var;
	bool mixed = false, more = false;
	size_t len;

	if (!next_piece(&at, &piece, &len, &mixed))
		return constant(f, text);
	if (mixed || *at != '\0' || next_piece(&at, &piece, &len, &more))
		return text_members(f, text);
	var = piece_var(f, piece, len);
	return var != NULL ? quoted(f, var) : NULL;
}

static const char *value_json(struct format *f, const Google__Protobuf__Value *value, unsigned depth);

static int compare_entries(const void *a, const void *b)
{
	const Google__Protobuf__Struct__FieldsEntry *const *x = a, *const *y = b;

	return strcmp((*x)->key, (*y)->key);
}

/* Its members sorted: senders do not keep an order. */
static const char *struct_json(struct format *f, const Google__Protobuf__Struct *s, unsigned depth)
{
	Google__Protobuf__Struct__FieldsEntry **sorted =
		job_alloc(f->job, s->n_fields, sizeof(*sorted));
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	if (depth > FORMAT_DEPTH) {
		f->deep = true;
		return NULL;
	}
	if (sorted == NULL)
		return NULL;
	if (s->n_fields > 0) {
		memcpy(sorted, s->fields, s->n_fields * sizeof(*sorted));
		qsort(sorted, s->n_fields, sizeof(*sorted), compare_entries);
	}
	json_obj_open(&j);
	for (size_t i = 0; i < s->n_fields; i++) {
		const char *value = sorted[i]->value != NULL ?
					    value_json(f, sorted[i]->value, depth + 1) :
					    NULL;

		if (value == NULL)
			continue;
		json_key(&j, sorted[i]->key);
		json_raw(&j, value, strlen(value));
	}
	json_obj_close(&j);
	return job_take(f->job, &b);
}

static const char *list_json(struct format *f, const Google__Protobuf__ListValue *list,
			     unsigned depth)
{
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	if (depth > FORMAT_DEPTH) {
		f->deep = true;
		return NULL;
	}
	json_arr_open(&j);
	for (size_t i = 0; i < list->n_values; i++) {
		const char *value = value_json(f, list->values[i], depth + 1);

		if (value != NULL)
			json_raw(&j, value, strlen(value));
	}
	json_arr_close(&j);
	return job_take(f->job, &b);
}

static const char *value_json(struct format *f, const Google__Protobuf__Value *value, unsigned depth)
{
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	switch (value->kind_case) {
	case GOOGLE__PROTOBUF__VALUE__KIND_STRING_VALUE:
		return text_value(f, value->string_value);
	case GOOGLE__PROTOBUF__VALUE__KIND_NUMBER_VALUE:
		json_double(&j, value->number_value);
		return job_take(f->job, &b);
	case GOOGLE__PROTOBUF__VALUE__KIND_BOOL_VALUE:
		return value->bool_value ? "true" : "false";
	case GOOGLE__PROTOBUF__VALUE__KIND_STRUCT_VALUE:
		return struct_json(f, value->struct_value, depth);
	case GOOGLE__PROTOBUF__VALUE__KIND_LIST_VALUE:
		return list_json(f, value->list_value, depth);
	default:
		return NULL;
	}
}

static void format_note(struct format *f, const struct path *at)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < f->lacking.n; i++)
		buf_printf(&b, "%s%s", i > 0 ? ", " : "", f->lacking.list[i]);
	if (f->lacking.n > 0)
		job_note(f->job, at, B_INFO, "APISIX has no variable for %s; left out of the log",
			 job_take(f->job, &b));
	if (f->mixed)
		job_note(f->job, at, B_INFO,
			 "a text with variables in it becomes an object of the variables");
	if (f->seconds)
		job_note(f->job, at, B_INFO, "durations are in seconds; Envoy's are in milliseconds");
	if (f->deep)
		job_note(f->job, at, B_INFO, "APISIX writes %d levels; deeper ones are left out",
			 FORMAT_DEPTH);
}

const char *log_format_text(struct job *job, const char *text, const struct path *at)
{
	struct format f = { .job = job };
	const char *json = text_members(&f, text);

	f.mixed = true;
	format_note(&f, at);
	return json;
}

const char *log_format_json(struct job *job, const Google__Protobuf__Struct *format,
			    const struct path *at)
{
	struct format f = { .job = job };
	const char *json = struct_json(&f, format, 1);

	format_note(&f, at);
	return json;
}
