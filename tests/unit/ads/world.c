/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pbwrite.h"

#define DEADLINE_SECONDS 10

typedef Envoy__Service__Discovery__V3__DiscoveryRequest SotwRequest;
typedef Envoy__Service__Discovery__V3__DeltaDiscoveryRequest DeltaRequest;

static struct world *world_of(struct mesh_host *host)
{
	return (struct world *)(void *)host;
}

/* ---- the host --------------------------------------------------------------------------------- */

static struct event_base *op_loop(struct mesh_host *host)
{
	return world_of(host)->loop;
}

__attribute__((format(printf, 3, 0))) static void op_log(struct mesh_host *host, enum mesh_level level,
							const char *fmt, va_list ap)
{
	struct world *w = world_of(host);
	size_t at = strlen(w->log);

	if (level == MESH_DEBUG)
		return;
	vsnprintf(w->log + at, sizeof w->log - at, fmt, ap);
	w->n_logged++;
	print_message("log %d: %s\n", (int)level, w->log + at);
	at = strlen(w->log);
	snprintf(w->log + at, sizeof w->log - at, "\n");
}

__attribute__((format(printf, 3, 4))) static void add(char *text, size_t size, const char *fmt, ...)
{
	size_t at = strlen(text);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text + at, size - at, fmt, ap);
	va_end(ap);
}

static void see_resource(struct seen *s, const struct mesh_resource *r)
{
	struct pb_cursor c = pb_cursor_of(r->body, r->size);
	struct pb_field f;

	assert_string_equal(r->type_url, s->type);
	add(s->text, sizeof s->text, "%s%s", s->text[0] != '\0' ? " " : "", r->name);
	if (r->version[0] != '\0')
		add(s->text, sizeof s->text, ":%s", r->version);
	while (r->body != NULL && pb_field_next(&c, &f) == PB_FIELD)
		if (f.number == 15)
			add(s->text, sizeof s->text, "=%.*s", (int)(f.len < 20 ? f.len : 20), (const char *)f.data);
}

static int op_update(struct mesh_host *host, const struct mesh_update *u)
{
	struct world *w = world_of(host);
	struct seen *s;
	size_t bytes = 0;

	if (w->answer < 0)
		return w->answer;
	if ((u->flags & MESH_UPDATE_FIRST) != 0) {
		w->seen = realloc(w->seen, (w->n_seen + 1) * sizeof *w->seen);
		s = &w->seen[w->n_seen++];
		*s = (struct seen){ .id = u->id, .type = strdup(u->type_url) };
		assert_true(w->n_seen < 2 || u->id > w->seen[w->n_seen - 2].id);
	}
	s = &w->seen[w->n_seen - 1];
	assert_true(u->id == s->id);
	assert_true((s->flags & MESH_UPDATE_LAST) == 0);
	snprintf(s->version, sizeof s->version, "%s", u->version);
	s->flags |= u->flags;
	s->calls++;
	for (size_t i = 0; i < u->n_resources; i++) {
		see_resource(s, &u->resources[i]);
		bytes += u->resources[i].size;
	}
	s->resources += u->n_resources;
	s->bytes += bytes;
	s->largest = bytes > s->largest ? bytes : s->largest;
	for (size_t i = 0; i < u->n_removed; i++)
		add(s->text, sizeof s->text, "%s-%s", s->text[0] != '\0' ? " " : "", u->removed[i]);
	if (w->busy_after == 0 || --w->busy_after > 0)
		return 0;
	return MESH_BUSY;
}

static void op_state(struct mesh_host *host, const struct mesh_source_state *state)
{
	struct world *w = world_of(host);

	w->open = state->connected;
	snprintf(w->detail, sizeof w->detail, "%s", state->detail);
	assert_string_equal(state->origin, "test");
}

static void op_findings(struct mesh_host *host, const char *origin, const struct mesh_finding *f, size_t n)
{
	struct world *w = world_of(host);

	w->findings[0] = '\0';
	for (size_t i = 0; i < n; i++)
		add(w->findings, sizeof w->findings, "%s %s: %s\n", strrchr(origin, '.') + 1, f[i].name, f[i].reason);
}

/* ---- the plugin ------------------------------------------------------------------------------- */

static int own_node(void *arg, struct buf *out)
{
	struct world *w = arg;

	w->nodes++;
	buf_put_text(out, 1, "me");
	return 0;
}

static int own_headers(void *arg, struct ads_headers *list)
{
	const struct world *w = arg;

	if (w->token == NULL)
		return -ENOENT;
	assert_int_equal(ads_header(list, "authorization", w->token), 0);
	return ads_header(list, "second", "2");
}

static bool own_is_local(void *arg, const char *type_url, const char *name)
{
	return strcmp(type_url, SDS) == 0 && strcmp(name, "default") == 0;
}

static void own_stream(void *arg, bool open)
{
	struct world *w = arg;

	w->opened += open;
	w->ended += !open;
}

static const struct ads_owner owner = {
	.node = own_node, .headers = own_headers, .is_local = own_is_local, .stream = own_stream,
};

/* ---- the world -------------------------------------------------------------------------------- */

struct world *world_new(enum ads_api api)
{
	struct world *w = calloc(1, sizeof *w);
	struct ads_options options = { .host = &w->host, .origin = "test", .api = api, .owner = &owner, .arg = w };

	fake_reset();
	w->ops = (struct mesh_host_ops){
		.abi = MESH_ABI, .size = sizeof w->ops, .loop = op_loop, .log = op_log,
		.source_update = op_update, .source_state = op_state, .source_findings = op_findings,
	};
	w->host.ops = &w->ops;
	w->loop = event_base_new();
	w->token = "secret";
	w->verdicts = ACCEPT;
	assert_int_equal(ads_new(&options, &w->ads), 0);
	return w;
}

struct world *world_free(struct world *w)
{
	ads_free(w->ads);
	fake_reset();
	event_base_free(w->loop);
	for (size_t i = 0; i < w->n_seen; i++)
		free(w->seen[i].type);
	free(w->seen);
	free(w);
	return NULL;
}

static bool judge(struct world *w)
{
	size_t i = w->n_judged;

	if (w->verdicts == BY_HAND || i == w->n_seen || (w->seen[i].flags & MESH_UPDATE_LAST) == 0)
		return false;
	w->n_judged++;
	ads_verdict(w->ads, &(struct mesh_verdict){ .id = w->seen[i].id, .type_url = w->seen[i].type,
						   .accepted = w->verdicts == ACCEPT, .detail = "bad" });
	return true;
}

void world_run(struct world *w)
{
	size_t before;

	do {
		before = fake_grpc.n_sent + fake_grpc.n_waiting + w->n_seen;
		for (int i = 0; i < 4; i++)
			event_base_loop(w->loop, EVLOOP_NONBLOCK);
		fake_pump();
	} while (judge(w) || before != fake_grpc.n_sent + fake_grpc.n_waiting + w->n_seen);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	*(bool *)arg = true;
}

void world_wait(struct world *w, bool (*fn)(const struct world *w))
{
	static const struct timeval deadline = { DEADLINE_SECONDS, 0 };
	bool late = false;
	struct event *timer = evtimer_new(w->loop, on_deadline, &late);

	event_add(timer, &deadline);
	while (!late && !fn(w))
		event_base_loop(w->loop, EVLOOP_ONCE);
	event_free(timer);
	if (late)
		fail_msg("it did not happen within %d seconds; %s", DEADLINE_SECONDS, w->detail);
	world_run(w);
}

bool has_requests(const struct world *w)
{
	return fake_grpc.n_sent > w->at;
}

bool is_calling(const struct world *w)
{
	return fake_grpc.call != NULL;
}

void want(struct world *w, const char *type, const char *names)
{
	const char *list[64];
	struct mesh_subscription s = { .type_url = type, .names = list };
	char text[1024], *save, *name;

	snprintf(text, sizeof text, "%s", names);
	for (name = strtok_r(text, " ", &save); name != NULL; name = strtok_r(NULL, " ", &save)) {
		if (strcmp(name, "*") == 0)
			s.wildcard = true;
		else
			list[s.n_names++] = name;
	}
	ads_subscribe(w->ads, &s);
	world_run(w);
}

void world_start(struct world *w)
{
	assert_int_equal(ads_start(w->ads), 0);
	want(w, CDS, "*");
	want(w, LDS, "*");
	world_run(w);
}

void verdict(struct world *w, size_t i, bool accepted, const char *detail)
{
	assert_true(i < w->n_seen);
	ads_verdict(w->ads, &(struct mesh_verdict){ .id = w->seen[i].id, .type_url = w->seen[i].type,
						   .accepted = accepted, .detail = detail });
	w->n_judged = i + 1;
	world_run(w);
}

const char *newest(struct world *w, size_t i)
{
	if (w->n_seen != i + 1)
		fail_msg("%zu updates, not %zu", w->n_seen, i + 1);
	return w->seen[i].text;
}

/* ---- requests --------------------------------------------------------------------------------- */

static const char *word_of(const char *url)
{
	return strrchr(url, '.') != NULL ? strrchr(url, '.') + 1 : url;
}

static void add_names(char *text, size_t size, const char *before, char **names, size_t n)
{
	if (n == 0)
		return;
	add(text, size, " %s[", before);
	for (size_t i = 0; i < n; i++)
		add(text, size, "%s%s", i > 0 ? " " : "", names[i]);
	add(text, size, "]");
}

static void add_error(char *text, size_t size, const Google__Rpc__Status *error)
{
	if (error != NULL)
		add(text, size, " error=%d:%s", error->code, error->message);
}

static void show_sotw(const struct fake_message *m, char *text, size_t size)
{
	SotwRequest *r = envoy__service__discovery__v3__discovery_request__unpack(NULL, m->size, m->data);

	assert_non_null(r);
	add(text, size, "%s", word_of(r->type_url));
	if (r->version_info[0] != '\0')
		add(text, size, " v=%s", r->version_info);
	if (r->response_nonce[0] != '\0')
		add(text, size, " n=%s", r->response_nonce);
	add_names(text, size, "", r->resource_names, r->n_resource_names);
	add_error(text, size, r->error_detail);
	if (r->node != NULL)
		add(text, size, " node=%s", r->node->id);
	protobuf_c_message_free_unpacked(&r->base, NULL);
}

static int by_key(const void *a, const void *b)
{
	const Envoy__Service__Discovery__V3__DeltaDiscoveryRequest__InitialResourceVersionsEntry *const *x = a;
	const Envoy__Service__Discovery__V3__DeltaDiscoveryRequest__InitialResourceVersionsEntry *const *y = b;

	return strcmp((*x)->key, (*y)->key);
}

static void show_delta(const struct fake_message *m, char *text, size_t size)
{
	DeltaRequest *r = envoy__service__discovery__v3__delta_discovery_request__unpack(NULL, m->size, m->data);

	assert_non_null(r);
	add(text, size, "%s", word_of(r->type_url));
	if (r->response_nonce[0] != '\0')
		add(text, size, " n=%s", r->response_nonce);
	add_names(text, size, "", r->resource_names_subscribe, r->n_resource_names_subscribe);
	add_names(text, size, "-", r->resource_names_unsubscribe, r->n_resource_names_unsubscribe);
	if (r->n_initial_resource_versions > 0) {
		qsort(r->initial_resource_versions, r->n_initial_resource_versions,
		      sizeof(r->initial_resource_versions[0]), by_key);
		add(text, size, " {");
		for (size_t i = 0; i < r->n_initial_resource_versions; i++)
			add(text, size, "%s%s=%s", i > 0 ? " " : "", r->initial_resource_versions[i]->key,
			    r->initial_resource_versions[i]->value);
		add(text, size, "}");
	}
	add_error(text, size, r->error_detail);
	if (r->node != NULL)
		add(text, size, " node=%s", r->node->id);
	protobuf_c_message_free_unpacked(&r->base, NULL);
}

const char *request(struct world *w)
{
	static char text[8192];

	text[0] = '\0';
	if (w->at == fake_grpc.n_sent)
		return text;
	if (strstr(fake_grpc.path, "/Delta") != NULL)
		show_delta(&fake_grpc.sent[w->at++], text, sizeof text);
	else
		show_sotw(&fake_grpc.sent[w->at++], text, sizeof text);
	return text;
}

/* ---- responses -------------------------------------------------------------------------------- */

void encode_body(struct buf *out, const char *name, const char *content)
{
	buf_put_text(out, 1, name);
	buf_put_text(out, 15, content);
}

static void pack(struct buf *out, unsigned field, const ProtobufCMessage *m)
{
	size_t size = protobuf_c_message_get_packed_size(m);
	_cleanup_free_ uint8_t *data = malloc(size + 1);

	protobuf_c_message_pack(m, data);
	buf_put_bytes(out, field, data, size);
}

static void encode_error(struct buf *out, bool delta, char *name)
{
	Envoy__Service__Discovery__V3__ResourceName n = ENVOY__SERVICE__DISCOVERY__V3__RESOURCE_NAME__INIT;
	Envoy__Service__Discovery__V3__ResourceError e = ENVOY__SERVICE__DISCOVERY__V3__RESOURCE_ERROR__INIT;
	Google__Rpc__Status status = GOOGLE__RPC__STATUS__INIT;

	n.name = name;
	status.code = GRPC_NOT_FOUND;
	status.message = (char *)"not here";
	e.resource_name = &n;
	e.error_detail = &status;
	pack(out, delta ? 9 : 7, &e.base);
}

static void encode_resource(struct buf *out, bool delta, const char *type, char *text)
{
	Envoy__Service__Discovery__V3__Resource r = ENVOY__SERVICE__DISCOVERY__V3__RESOURCE__INIT;
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	_cleanup_(buf_deinit) struct buf body = BUF_INIT;
	char *content = strchr(text, '='), *version;

	if (content != NULL)
		*content++ = '\0';
	version = strchr(text, ':');
	if (version != NULL)
		*version++ = '\0';
	encode_body(&body, text, content != NULL ? content : "");
	any.type_url = (char *)type;
	any.value = (ProtobufCBinaryData){ .data = body.data, .len = body.len };
	if (!delta) {
		pack(out, 2, &any.base);
		return;
	}
	r.name = text;
	r.version = version != NULL ? version : (char *)"";
	r.resource = content != NULL ? &any : NULL;
	pack(out, 2, &r.base);
}

void encode(struct buf *out, bool delta, const char *type, const char *version, const char *nonce,
	    const char *resources)
{
	_cleanup_free_ char *text = strdup(resources);
	char *save, *word;

	buf_put_text(out, 1, version);
	for (word = strtok_r(text, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save)) {
		if (word[0] == '-')
			buf_put_text(out, 6, word + 1);
		else if (word[0] == '!')
			encode_error(out, delta, word + 1);
		else
			encode_resource(out, delta, type, word);
	}
	buf_put_text(out, 4, type);
	buf_put_text(out, 5, nonce);
}

void respond(struct world *w, const char *type, const char *version, const char *nonce, const char *resources)
{
	_cleanup_(buf_deinit) struct buf out = BUF_INIT;

	encode(&out, strstr(fake_grpc.path, "/Delta") != NULL, type, version, nonce, resources);
	fake_send(out.data, out.len);
	world_run(w);
}
