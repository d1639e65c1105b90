/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON side: HTTP/1.x requests on a connection, one after the other, dispatched by path. A watch
 * takes the connection over: from then on it only sends lines, and ends with the connection.
 */
#include <errno.h>
#include <event2/buffer.h>
#include <stdio.h>

#include "access.h"
#include "conn.h"
#include "gojson.h"
#include "http1.h"
#include "jsonwatch.h"
#include "reply.h"
#include "rpc.h"
#include "server.h"

#define MAX_HEAD (16 * 1024)
/* What a client may send behind a watch request, to no avail. */
#define MAX_BEHIND_WATCH (64 * 1024)
/* Who is refused anyway shall not make us collect more than this. */
#define MAX_STRANGER_BODY (16 * 1024)

struct gateway {
	struct conn *conn;       /* borrowed */
	struct http1 http;
	struct jsonwatch *watch; /* owned; NULL: no watch */
};

/* ---- paths without an rpc ---- */

static void get_version(const struct reply *r)
{
	reply_text(r, 200, TYPE_JSON, "",
		   "{\"etcdserver\":\"" ETCD_VERSION "\",\"etcdcluster\":\"" ETCD_CLUSTER_VERSION
		   "\"}");
}

static void get_health(const struct reply *r)
{
	reply_text(r, 200, TYPE_TEXT, "", "{\"health\":\"true\"}");
}

static const struct {
	const char *path;
	void (*get)(const struct reply *r);
} pages[] = {
	{ "/version", get_version }, /* open to everyone: they tell nothing */
	{ "/health", get_health },
};

#define NOSNIFF "X-Content-Type-Options: nosniff\r\n"

static bool handle_page(struct gateway *gw, const struct reply *r, const char *path, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
		if (strlen(pages[i].path) != len || memcmp(pages[i].path, path, len) != 0)
			continue;
		if (strcmp(gw->http.method, "GET") == 0)
			pages[i].get(r);
		else
			reply_text(r, 405, TYPE_TEXT, "Allow: GET\r\n" NOSNIFF,
				   "Method Not Allowed\n");
		return true;
	}
	return false;
}

/* ---- calls ---- */

static int one_call(struct gateway *gw, const struct rpc *rpc, size_t *pos, struct body **ret_body,
		    struct apierr *err)
{
	_cleanup_(buf_deinit) struct buf scratch = BUF_INIT;
	_cleanup_(arena_deinit) struct arena arena;
	const struct buf *body = &gw->http.body;
	const char *text = body->len > *pos ? (const char *)body->data + *pos : "";
	union request req = { 0 };
	size_t end = 0;
	int r;

	arena_init(&arena, REQUEST_ARENA_MAX);
	r = message_read_json(rpc->request, text, body->len - *pos, &scratch, &arena, &req, &end, err);
	*pos += end;
	if (r < 0 || (r == 0 && rpc->stream))
		return r;
	gw->conn->server->caller = gw->conn;
	r = rpc->call(gw->conn->server, &req, &form_json, ret_body, err);
	return r < 0 ? r : GOJSON_VALUE;
}

static void handle_call(struct gateway *gw, const struct reply *r, const struct rpc *rpc)
{
	_cleanup_(body_unrefp) struct body *body = NULL;
	struct apierr err;
	size_t pos = 0;
	int result = one_call(gw, rpc, &pos, &body, &err);

	if (result == -ENOMEM)
		apierr_set(&err, ERR_NO_MEMORY);
	if (result < 0)
		reply_error(r, &err);
	else
		reply_body(r, body);
}

/* One line per request in the body. What is wrong behind the first is ignored, as etcd does. */
static void handle_stream(struct gateway *gw, const struct reply *r, const struct rpc *rpc)
{
	struct apierr err;
	size_t pos = 0;
	int result;

	for (bool first = true;; first = false) {
		_cleanup_(body_unrefp) struct body *body = NULL;

		result = one_call(gw, rpc, &pos, &body, &err);
		if (first && result == -EPROTO) {
			err.code = GRPC_UNKNOWN;
			reply_error(r, &err);
			return;
		}
		if (first)
			reply_stream_begin(r);
		if (result <= 0)
			break;
		reply_stream_line(r, body);
	}
	if (result == -ENOMEM)
		conn_fail(gw->conn);
	reply_stream_end(r);
}

/* One JSON value of a watch request's body. Returns GOJSON_VALUE, 0 at the end, or an error. */
static int watch_value(struct jsonwatch *w, const struct buf *text, size_t *pos, struct apierr *err)
{
	_cleanup_(buf_deinit) struct buf scratch = BUF_INIT;
	union request req = { 0 };
	size_t end = 0;
	int r = message_read_json(&msg_watch, (const char *)text->data + *pos, text->len - *pos,
				  &scratch, NULL, &req, &end, err);

	*pos += end;
	if (r <= 0)
		return r;
	r = watch_stream_request(jsonwatch_stream(w), &req.watch);
	return r < 0 ? r : GOJSON_VALUE;
}

/* The body may hold several requests; what is wrong behind the first is ignored, as etcd does. */
static void handle_watch(struct gateway *gw, const struct reply *r)
{
	_cleanup_(jsonwatch_freep) struct jsonwatch *w = jsonwatch_new(gw->conn, gw->http.minor > 0);
	const struct buf *text = &gw->http.body;
	struct apierr err;
	size_t pos = 0;
	int result = w == NULL ? -ENOMEM : text->len == 0 ? 0 : watch_value(w, text, &pos, &err);

	if (result == -EPROTO) {
		err.code = GRPC_UNKNOWN;
		reply_error(r, &err);
		return;
	}
	while (result > 0 && pos < text->len)
		result = watch_value(w, text, &pos, &err);
	if (result == -ENOMEM)
		conn_fail(gw->conn);
	else
		gw->watch = TAKE(w);
}

/* "/v3/kv/range" or "/v3beta/kv/range": what is behind the version, or NULL. */
static const char *api_path(const char *path, size_t len)
{
	static const char *const versions[] = { "/v3/", "/v3beta/" };

	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		size_t n = strlen(versions[i]);

		if (len >= n && memcmp(path, versions[i], n) == 0)
			return path + n;
	}
	return NULL;
}

static void handle_api(struct gateway *gw, const struct reply *r, const struct rpc *rpc)
{
	struct apierr err;

	if (rpc == NULL)
		reply_text(r, 404, TYPE_TEXT, NOSNIFF, "Not Found\n");
	else if (strcmp(gw->http.method, "POST") != 0)
		reply_text(r, 405, TYPE_TEXT, NOSNIFF, "Method Not Allowed\n");
	else if (budget_admit(gw->conn->server, &err) < 0)
		reply_error(r, &err);
	else if (rpc->stream)
		handle_stream(gw, r, rpc);
	else if (rpc->call != NULL)
		handle_call(gw, r, rpc);
	else
		handle_watch(gw, r);
}

static int check_access(struct gateway *gw, struct apierr *err)
{
	const struct buf *token = &gw->http.token;

	return access_check(gw->conn, (struct bytes){ .data = token->data, .size = token->len }, err);
}

static void handle_private(struct gateway *gw, const struct reply *r, const char *path, size_t len)
{
	const char *api = api_path(path, len);
	const struct rpc *rpc = api != NULL ? rpc_by_path(api, len - (size_t)(api - path)) : NULL;
	struct apierr err;

	if (!rpc_is_open(rpc, gw->conn->server) && check_access(gw, &err) < 0)
		reply_error(r, &err);
	else if (api != NULL)
		handle_api(gw, r, rpc);
	else
		reply_text(r, 404, TYPE_TEXT, NOSNIFF, "404 page not found\n");
}

static void handle_request(struct gateway *gw)
{
	struct reply r = { .conn = gw->conn, .minor = gw->http.minor,
			   .persistent = http1_persistent(&gw->http),
			   .no_body = strcmp(gw->http.method, "HEAD") == 0 };
	const char *path = (const char *)gw->http.path.data;
	size_t len = gw->http.path.len;

	gw->conn->server->stats.requests++;
	if (strcmp(gw->http.method, "OPTIONS") == 0)
		reply_head(&r, 200, "", "", 0);
	else if (!handle_page(gw, &r, path, len))
		handle_private(gw, &r, path, len);
	(void)budget_check(gw->conn->server);
	if (gw->watch == NULL && !r.persistent)
		conn_end(gw->conn);
	http1_reset(&gw->http);
}

/* ---- input ---- */

static void refuse(struct gateway *gw)
{
	struct server *s = gw->conn->server;
	struct reply r = { .conn = gw->conn, .minor = 1 };

	s->stats.bad_requests++;
	if (loglimit_allow(&s->log, LOG_BAD_REQUEST))
		mesh_log(s->host, MESH_INFO, "etcd: closed a connection that does not speak HTTP as "
			 "it should: %s (%d)", gw->http.reason, gw->http.status);
	reply_refusal(&r, gw->http.status, gw->http.reason);
	conn_end(gw->conn);
}

/* More of the request is to come: is it worth waiting for? */
static void check_unfinished(struct gateway *gw)
{
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
	struct reply r = { .conn = gw->conn, .minor = gw->http.minor };
	struct apierr err;

	if (gw->http.state >= HTTP1_BODY &&
	    gw->http.body.len + gw->http.left > MAX_STRANGER_BODY && check_access(gw, &err) < 0) {
		reply_error(&r, &err);
		conn_end(gw->conn);
	} else if (http1_take_expect(&gw->http) &&
		   conn_put(gw->conn, go_on, sizeof go_on - 1) < 0) {
		conn_fail(gw->conn);
	}
}

/* Feeds one contiguous piece of input. Returns false when it is time to stop. */
static bool feed(struct gateway *gw)
{
	struct evbuffer *input = conn_input(gw->conn);
	struct evbuffer_iovec piece;
	size_t used = 0;
	int r;

	if (evbuffer_peek(input, -1, NULL, &piece, 1) < 1 || piece.iov_len == 0)
		return false;
	r = http1_feed(&gw->http, piece.iov_base, piece.iov_len, &used);
	evbuffer_drain(input, used);
	if (r == HTTP1_DONE)
		handle_request(gw);
	else if (r == -EBADMSG)
		refuse(gw);
	else if (r < 0)
		conn_fail(gw->conn);
	else
		check_unfinished(gw);
	return gw->conn->state == CONN_OPEN && gw->watch == NULL;
}

static void set_timeout(struct gateway *gw, bool was_reading)
{
	bool reading = http1_in_request(&gw->http);

	if (gw->watch != NULL)
		conn_set_timeout(gw->conn, jsonwatch_stream(gw->watch)->n_watchers > 0 ? 0 :
				 TIMEOUT_IDLE);
	else if (!reading)
		conn_set_timeout(gw->conn, TIMEOUT_IDLE);
	else if (!was_reading)
		conn_set_timeout(gw->conn, TIMEOUT_REQUEST);
}

static void gateway_input(struct conn *c)
{
	struct gateway *gw = c->ctx;
	bool reading = http1_in_request(&gw->http);

	if (gw->watch != NULL) {
		if (evbuffer_get_length(conn_input(c)) > MAX_BEHIND_WATCH)
			conn_fail(c);
		return;
	}
	/* A client that asks faster than it reads waits until it has read. */
	while (conn_pending(c) <= OUTPUT_LOW && feed(gw))
		reading = reading && http1_in_request(&gw->http);
	if (c->state == CONN_OPEN)
		set_timeout(gw, reading);
}

static void gateway_refill(struct conn *c)
{
	struct gateway *gw = c->ctx;

	if (gw->watch == NULL && evbuffer_get_length(conn_input(c)) > 0)
		gateway_input(c);
}

static void gateway_timeout(struct conn *c)
{
	conn_end(c);
}

/* A watch just ends: for APISIX a closed connection is a reason to come back, an error one to wait. */
static void gateway_goodbye(struct conn *c)
{
	(void)c;
}

static int gateway_open(struct conn *c, void **ret_ctx)
{
	struct gateway *gw = calloc(1, sizeof *gw);

	if (gw == NULL)
		return -ENOMEM;
	gw->conn = c;
	http1_init(&gw->http, MAX_HEAD, c->server->options.max_body);
	*ret_ctx = gw;
	return 0;
}

static void gateway_free(void *ctx)
{
	struct gateway *gw = ctx;

	if (gw == NULL)
		return;
	jsonwatch_free(gw->watch);
	http1_deinit(&gw->http);
	free(gw);
}

const struct conn_ops gateway_ops = {
	.open = gateway_open,
	.input = gateway_input,
	.refill = gateway_refill,
	.timeout = gateway_timeout,
	.goodbye = gateway_goodbye,
	.free = gateway_free,
};
