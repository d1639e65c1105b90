/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP/1.x request parser: a line collector for the head, the chunk sizes and the trailer, and a
 * counter for body bytes. Each state has one function; each header that matters has one row.
 */
#include "http1.h"

#include <errno.h>
#include <stdio.h>
#include <strings.h>

#define MAX_CHUNK_LINE 256

void http1_init(struct http1 *p, size_t max_head, size_t max_body)
{
	memset(p, 0, sizeof *p);
	p->max_head = max_head;
	p->max_body = max_body;
}

void http1_deinit(struct http1 *p)
{
	buf_deinit(&p->line);
	buf_deinit(&p->path);
	buf_deinit(&p->token);
	buf_deinit(&p->body);
}

void http1_reset(struct http1 *p)
{
	http1_deinit(p);
	http1_init(p, p->max_head, p->max_body);
}

bool http1_in_request(const struct http1 *p)
{
	return p->state < HTTP1_COMPLETE && (p->state > HTTP1_REQUEST_LINE || p->line.len > 0);
}

bool http1_take_expect(struct http1 *p)
{
	bool wait = p->expect_continue && p->state >= HTTP1_BODY && p->state < HTTP1_COMPLETE &&
		    p->minor > 0;

	if (wait)
		p->expect_continue = false;
	return wait;
}

bool http1_persistent(const struct http1 *p)
{
	return p->minor > 0 ? !p->close : p->keep_alive && !p->close;
}

static int refuse(struct http1 *p, int status, const char *reason)
{
	p->state = HTTP1_FAILED;
	p->status = status;
	p->reason = reason;
	return -EBADMSG;
}

/* ---- characters ---- */

static bool is_token_char(unsigned char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_token(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!is_token_char((unsigned char)s[i]))
			return false;
	return len > 0;
}

/* Header values and targets: no control character but the tab. */
static bool is_text(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (((unsigned char)s[i] < 0x20 && s[i] != '\t') || s[i] == 0x7f)
			return false;
	return true;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
		return (c | 0x20) - 'a' + 10;
	return -1;
}

/* ---- headers that matter ---- */

static bool is_host_char(unsigned char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
	       (c != '\0' && strchr("!$%&'()*+,-.:;=[]_~", c) != NULL);
}

static int on_host(struct http1 *p, const char *value, size_t len)
{
	if (++p->hosts > 1)
		return refuse(p, 400, "too many Host headers");
	for (size_t i = 0; i < len; i++)
		if (!is_host_char((unsigned char)value[i]))
			return refuse(p, 400, "malformed Host header");
	return 0;
}

static int on_length(struct http1 *p, const char *value, size_t len)
{
	uint64_t n = 0;

	if (len == 0 || len > 18)
		return refuse(p, 400, "bad Content-Length");
	for (size_t i = 0; i < len; i++) {
		if (value[i] < '0' || value[i] > '9')
			return refuse(p, 400, "bad Content-Length");
		n = n * 10 + (uint64_t)(value[i] - '0');
	}
	if (p->has_length && n != p->left)
		return refuse(p, 400, "two different Content-Length headers");
	p->has_length = true;
	p->left = n;
	return 0;
}

static int on_coding(struct http1 *p, const char *value, size_t len)
{
	if (p->chunked || p->bad_coding)
		return refuse(p, 400, "too many transfer encodings");
	p->chunked = len == 7 && strncasecmp(value, "chunked", 7) == 0;
	p->bad_coding = !p->chunked;
	return 0;
}

static void connection_token(struct http1 *p, const char *token, size_t len)
{
	if (len == 5 && strncasecmp(token, "close", 5) == 0)
		p->close = true;
	else if (len == 10 && strncasecmp(token, "keep-alive", 10) == 0)
		p->keep_alive = true;
}

static int on_connection(struct http1 *p, const char *value, size_t len)
{
	for (size_t i = 0; i < len;) {
		size_t start = i;

		while (i < len && value[i] != ',' && value[i] != ' ' && value[i] != '\t')
			i++;
		connection_token(p, value + start, i - start);
		i += i == start;
	}
	return 0;
}

static int on_expect(struct http1 *p, const char *value, size_t len)
{
	if (len != 12 || strncasecmp(value, "100-continue", 12) != 0)
		return refuse(p, 417, "unknown expectation");
	p->expect_continue = true;
	return 0;
}

static int on_authorization(struct http1 *p, const char *value, size_t len)
{
	return p->token.len > 0 ? 0 : buf_append(&p->token, value, len);
}

static const struct {
	const char *name;
	int (*handle)(struct http1 *p, const char *value, size_t len);
} headers[] = {
	{ "Host", on_host },
	{ "Content-Length", on_length },
	{ "Transfer-Encoding", on_coding },
	{ "Connection", on_connection },
	{ "Expect", on_expect },
	{ "Authorization", on_authorization },
};

static int dispatch_header(struct http1 *p, const char *name, size_t name_len, const char *value,
			   size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(headers); i++)
		if (strlen(headers[i].name) == name_len &&
		    strncasecmp(headers[i].name, name, name_len) == 0)
			return headers[i].handle(p, value, len);
	return 0;
}

static int split_header(struct http1 *p, const char *line, size_t len,
			int (*handle)(struct http1 *, const char *, size_t, const char *, size_t))
{
	const char *colon = memchr(line, ':', len);
	const char *value, *end = line + len;

	if (colon == NULL || !is_token(line, (size_t)(colon - line)))
		return refuse(p, 400, "malformed header line");
	for (value = colon + 1; value < end && (*value == ' ' || *value == '\t'); value++)
		;
	while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	if (!is_text(value, (size_t)(end - value)))
		return refuse(p, 400, "control character in a header");
	return handle(p, line, (size_t)(colon - line), value, (size_t)(end - value));
}

/* ---- lines ---- */

static int parse_version(struct http1 *p, const char *text, size_t len)
{
	if (len != 8 || memcmp(text, "HTTP/", 5) != 0)
		return refuse(p, 400, "malformed HTTP version");
	if (memcmp(text, "HTTP/1.", 7) != 0 || text[7] < '0' || text[7] > '1')
		return refuse(p, 505, "unsupported HTTP version");
	p->minor = (unsigned)(text[7] - '0');
	return 0;
}

/* "http://host:port/path", as to a proxy, must be understood too (RFC 9112, 3.2.2). */
static const char *skip_authority(const char *text, const char *end)
{
	static const char scheme[] = "http://";
	size_t n = sizeof scheme - 1;
	const char *slash;

	if ((size_t)(end - text) < n || strncasecmp(text, scheme, n) != 0)
		return text;
	slash = memchr(text + n, '/', (size_t)(end - text) - n);
	return slash != NULL ? slash : text;
}

/* Keeps the path: its percent signs resolved, without the query, which nothing here looks at. */
static int set_path(struct http1 *p, const char *text, size_t len)
{
	const char *end = text + len, *s = skip_authority(text, end);

	if (*s != '/' && !(*s == '*' && len == 1))
		return refuse(p, 400, "the target is not a path");
	for (; s < end && *s != '?'; s++) {
		if (*s != '%') {
			buf_putc(&p->path, *s);
			continue;
		}
		if (end - s < 3 || hex_value(s[1]) < 0 || hex_value(s[2]) < 0)
			return refuse(p, 400, "malformed percent-encoding in the path");
		buf_putc(&p->path, (char)(hex_value(s[1]) << 4 | hex_value(s[2])));
		s += 2;
	}
	return 0;
}

static int on_request_line(struct http1 *p, const char *line, size_t len)
{
	const char *a = memchr(line, ' ', len), *b, *end = line + len;

	if (len == 0)
		return 0; /* an empty line before a request is no request (RFC 9112, 2.2) */
	b = a != NULL ? memchr(a + 1, ' ', (size_t)(end - a - 1)) : NULL;
	if (b == NULL || !is_token(line, (size_t)(a - line)) || b == a + 1 ||
	    !is_text(a + 1, (size_t)(b - a - 1)))
		return refuse(p, 400, "malformed request line");
	if ((size_t)(a - line) >= sizeof p->method)
		return refuse(p, 501, "unknown method");
	memcpy(p->method, line, (size_t)(a - line));
	p->state = HTTP1_HEADER;
	if (parse_version(p, b + 1, (size_t)(end - b - 1)) < 0)
		return -EBADMSG;
	return set_path(p, a + 1, (size_t)(b - a - 1));
}

/* The head is complete: what kind of body follows? */
static int on_head_end(struct http1 *p)
{
	if (p->minor > 0 && p->hosts == 0)
		return refuse(p, 400, "missing required Host header");
	if (p->bad_coding)
		return refuse(p, 501, "Unsupported transfer encoding");
	if (p->chunked && (p->has_length || p->minor == 0))
		return refuse(p, 400, "Transfer-Encoding beside Content-Length or in HTTP/1.0");
	if (!p->chunked && p->left > p->max_body)
		return refuse(p, 413, "the body is larger than max_body");
	p->head_size = 0;
	if (p->chunked)
		p->state = HTTP1_CHUNK_SIZE;
	else
		p->state = p->left > 0 ? HTTP1_BODY : HTTP1_COMPLETE;
	return 0;
}

static int on_header_line(struct http1 *p, const char *line, size_t len)
{
	if (len == 0)
		return on_head_end(p);
	return split_header(p, line, len, dispatch_header);
}

static int on_chunk_size(struct http1 *p, const char *line, size_t len)
{
	uint64_t n = 0;
	size_t i = 0;

	for (; i < len && hex_value(line[i]) >= 0; i++) {
		n = n << 4 | (uint64_t)hex_value(line[i]);
		if (i >= 8)
			return refuse(p, 413, "the body is larger than max_body");
	}
	if (i == 0 || (i < len && strchr("; \t", line[i]) == NULL) || !is_text(line, len))
		return refuse(p, 400, "malformed chunk size");
	if (n > p->max_body - p->body.len)
		return refuse(p, 413, "the body is larger than max_body");
	p->left = n;
	p->state = n > 0 ? HTTP1_CHUNK_DATA : HTTP1_TRAILER;
	return 0;
}

static int on_chunk_end(struct http1 *p, const char *line, size_t len)
{
	(void)line;
	if (len > 0)
		return refuse(p, 400, "malformed chunk");
	p->state = HTTP1_CHUNK_SIZE;
	p->head_size = 0;
	return 0;
}

static int ignore_header(struct http1 *p, const char *name, size_t name_len, const char *value,
			 size_t len)
{
	(void)p;
	(void)name;
	(void)name_len;
	(void)value;
	(void)len;
	return 0;
}

static int on_trailer_line(struct http1 *p, const char *line, size_t len)
{
	if (len == 0) {
		p->state = HTTP1_COMPLETE;
		return 0;
	}
	return split_header(p, line, len, ignore_header);
}

static int on_line(struct http1 *p, const char *line, size_t len)
{
	static int (*const handlers[])(struct http1 *, const char *, size_t) = {
		[HTTP1_REQUEST_LINE] = on_request_line, [HTTP1_HEADER] = on_header_line,
		[HTTP1_CHUNK_SIZE] = on_chunk_size,     [HTTP1_CHUNK_END] = on_chunk_end,
		[HTTP1_TRAILER] = on_trailer_line,
	};

	return handlers[p->state](p, line, len);
}

static size_t line_limit(const struct http1 *p)
{
	bool chunk = p->state == HTTP1_CHUNK_SIZE || p->state == HTTP1_CHUNK_END;

	return chunk ? MAX_CHUNK_LINE : p->max_head;
}

/* Collects up to the next line feed, then handles the line without its line end. */
static int feed_line(struct http1 *p, const char *data, size_t len, size_t *ret_used)
{
	const char *lf = memchr(data, '\n', len);
	size_t n = lf != NULL ? (size_t)(lf - data) + 1 : len;
	size_t size;
	int r;

	*ret_used = n;
	p->head_size += n;
	if (p->head_size > line_limit(p))
		return refuse(p, 431, "the header is larger than 16 KB");
	r = buf_append(&p->line, data, n);
	if (r < 0 || lf == NULL)
		return r;
	size = p->line.len - 1;
	if (size > 0 && p->line.data[size - 1] == '\r')
		size--;
	r = on_line(p, (const char *)p->line.data, size);
	buf_reset(&p->line);
	return r;
}

static int feed_body(struct http1 *p, const char *data, size_t len, size_t *ret_used)
{
	size_t n = MIN((uint64_t)len, p->left);
	int r = buf_append(&p->body, data, n);

	*ret_used = n;
	p->left -= n;
	if (p->left == 0)
		p->state = p->state == HTTP1_BODY ? HTTP1_COMPLETE : HTTP1_CHUNK_END;
	return r;
}

int http1_feed(struct http1 *p, const void *data, size_t len, size_t *ret_used)
{
	size_t used = 0;
	int r = p->state == HTTP1_FAILED ? -EBADMSG : 0;

	while (r == 0 && used < len && p->state < HTTP1_COMPLETE) {
		bool body = p->state == HTTP1_BODY || p->state == HTTP1_CHUNK_DATA;
		size_t n = 0;

		r = (body ? feed_body : feed_line)(p, (const char *)data + used, len - used, &n);
		used += n;
	}
	*ret_used = used;
	if (r == 0 && buf_error(&p->path) < 0)
		r = -ENOMEM;
	if (r == 0 && p->state == HTTP1_COMPLETE)
		return HTTP1_DONE;
	return r;
}
