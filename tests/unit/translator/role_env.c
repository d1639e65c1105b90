/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See role_env.h.
 */
#include "role_env.h"

#include <sys/mman.h>
#include <unistd.h>

struct role_env env;

#define MEMORY_SIZE (1u << 20)
static uint8_t *memory;

int role_memory(void)
{
	memory = mmap(NULL, MEMORY_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return memory == MAP_FAILED ? -1 : 0;
}

/* ---- the worker, as far as the role needs it ---------------------------------------------- */

struct event_base *worker_base(struct worker *w)
{
	return env.base;
}

const struct conf *worker_conf(struct worker *w)
{
	return env.conf;
}

struct pipe *worker_pipe(struct worker *w, enum role_id peer)
{
	struct end *e = peer == ROLE_SOURCE ? &env.source : peer == ROLE_CAPTURE ? &env.capture : &env.frontend;

	return e->open ? e->ours : NULL;
}

void worker_pipe_broken(struct worker *w, enum role_id peer, const char *reason)
{
	fail_msg("the pipe to %s was called broken: %s", role_name(peer), reason);
}

void *worker_memory(struct worker *w, size_t *ret_size)
{
	*ret_size = MEMORY_SIZE;
	return memory;
}

size_t worker_listen_count(struct worker *w)
{
	return 0;
}

int worker_listen_fd(struct worker *w, size_t i, const char **ret_address)
{
	return -1;
}

void worker_ready(struct worker *w, const char *detail)
{
	env.ready = true;
}

bool worker_is_beside(const struct worker *w)
{
	(void)w;
	return false;
}

bool worker_has_same_source(const struct worker *w)
{
	(void)w;
	return false;
}

void worker_waiting(struct worker *w, const char *text)
{
	(void)w;
	(void)text;
}

void worker_exit(struct worker *w, int status)
{
	env.exited = true;
}

int worker_main(const struct worker_ops *ops)
{
	return 1;
}

/* ---- the other ends ----------------------------------------------------------------------- */

static void say(char *text, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(char *text, const char *fmt, ...)
{
	size_t len = strlen(text);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text + len, sizeof env.to_source - len, fmt, ap);
	va_end(ap);
}

static void on_holdings(void *ctx, const ProtobufCMessage *body, int fd)
{
	const Mesh__Holdings *m = (const Mesh__Holdings *)body;

	for (size_t i = 0; i < m->n_items; i++)
		say(env.to_source, "holds %s\n", m->items[i]->name);
	if (m->last)
		say(env.to_source, "from '%s'\n", m->origin);
}

static void on_subscribe(void *ctx, const ProtobufCMessage *body, int fd)
{
	const Mesh__Subscribe *m = (const Mesh__Subscribe *)body;

	say(env.to_source, "%s%s", rt_info(rt_find(m->type_url))->word, m->wildcard ? " *" : "");
	for (size_t i = 0; i < m->n_names; i++)
		say(env.to_source, " %s", m->names[i]);
	say(env.to_source, "\n");
}

static void on_verdict(void *ctx, const ProtobufCMessage *body, int fd)
{
	const Mesh__Verdict *m = (const Mesh__Verdict *)body;

	say(env.to_source, "%s %d%s%s\n", m->accepted ? "ack" : "nack", (int)m->update,
	    m->accepted ? "" : " ", m->detail);
}

static const struct pipe_handler_row source_rows[] = {
	{ MSG_HOLDINGS, on_holdings }, { MSG_SUBSCRIBE, on_subscribe }, { MSG_VERDICT, on_verdict }, { 0, NULL },
};

static void on_begin(void *ctx, const ProtobufCMessage *body, int fd)
{
	say(env.to_frontend, "<");
}

static void on_end(void *ctx, const ProtobufCMessage *body, int fd)
{
	say(env.to_frontend, ">\n");
}

static void on_objects(void *ctx, const ProtobufCMessage *body, int fd)
{
	const Mesh__Objects *m = (const Mesh__Objects *)body;

	for (size_t i = 0; i < m->n_put; i++)
		say(env.to_frontend, " %s", m->put[i]->key);
	for (size_t i = 0; i < m->n_del; i++)
		say(env.to_frontend, " -%s", m->del[i]);
	say(env.to_frontend, m->last ? ";\n" : "");
}

static const struct pipe_handler_row frontend_rows[] = {
	{ MSG_BEGIN, on_begin }, { MSG_OBJECTS, on_objects }, { MSG_END, on_end }, { 0, NULL },
};

static void on_capture_begin(void *ctx, const ProtobufCMessage *body, int fd)
{
	say(env.to_capture, "<");
}

static void capture_commit(uint64_t commit)
{
	Mesh__Committed m = MESH__COMMITTED__INIT;

	m.commit = commit;
	assert_int_equal(msg_send_COMMITTED(env.capture.theirs, &m, -1), 0);
}

static void on_capture_end(void *ctx, const ProtobufCMessage *body, int fd)
{
	say(env.to_capture, ">\n");
	capture_commit(((const Mesh__End *)body)->commit);
}

static void on_addresses(void *ctx, const ProtobufCMessage *body, int fd)
{
	const Mesh__Addresses *m = (const Mesh__Addresses *)body;

	for (size_t i = 0; i < m->n_put; i++)
		say(env.to_capture, " %s:%u=%s", m->put[i]->network, m->put[i]->port, m->put[i]->identity);
	for (size_t i = 0; i < m->n_del; i++)
		say(env.to_capture, " -%s:%u", m->del[i]->network, m->del[i]->port);
	say(env.to_capture, m->last ? ";\n" : "");
	if (m->last)
		capture_commit(m->commit);
}

static const struct pipe_handler_row capture_rows[] = {
	{ MSG_BEGIN, on_capture_begin }, { MSG_ADDRESSES, on_addresses }, { MSG_END, on_capture_end }, { 0, NULL },
};

static void on_closed(void *ctx, const char *reason, bool blame)
{
	assert_false(blame);
}

static const struct worker_peer *peer_of(enum role_id role)
{
	const struct worker_peer *p = translator_worker_ops.peers;

	while (p->role != role)
		p++;
	return p;
}

static void opened(void *owner)
{
	struct end *e = owner;

	e->open = true;
	peer_of(e == &env.source ? ROLE_SOURCE : e == &env.capture ? ROLE_CAPTURE : ROLE_FRONTEND)->on_open(env.ctx);
}

void connect_end(struct end *e, enum role_id role)
{
	const struct worker_peer *peer = peer_of(role);
	const struct pipe_config ours = {
		.self = ROLE_TRANSLATOR, .peer = role, .handlers = peer->handlers, .on_open = opened,
		.on_drained = peer->on_drained, .on_closed = on_closed, .ctx = env.ctx, .owner = e,
	};
	const struct pipe_config theirs = {
		.self = role, .peer = ROLE_TRANSLATOR,
		.handlers = role == ROLE_SOURCE ? source_rows : role == ROLE_CAPTURE ? capture_rows : frontend_rows,
		.on_closed = on_closed, .ctx = e,
	};
	int fds[2];

	assert_int_equal(pipe_pair(fds), 0);
	assert_int_equal(pipe_new(env.base, fds[0], &ours, &e->ours), 0);
	assert_int_equal(pipe_new(env.base, fds[1], &theirs, &e->theirs), 0);
}

void disconnect_end(struct end *e, enum role_id role, bool tell)
{
	bool was_open = e->open;

	e->open = false;
	e->ours = pipe_free(e->ours);
	e->theirs = pipe_free(e->theirs);
	if (was_open && tell)
		peer_of(role)->on_lost(env.ctx);
}

void expect(char *text, const char *wanted)
{
	int64_t deadline = loop_now_ms() + 10000;

	while (strcmp(text, wanted) != 0 && loop_now_ms() < deadline) {
		struct timeval tick = { .tv_usec = 100000 };

		event_base_loopexit(env.base, &tick);
		event_base_loop(env.base, EVLOOP_ONCE);
	}
	assert_string_equal(text, wanted);
	text[0] = '\0';
}

void send_update(uint64_t id, enum rt type, unsigned flags, const char *const *resources)
{
	struct frame f;

	frame_make(&f, id, type, flags, resources, NULL);
	assert_int_equal(msg_send_RESOURCES(env.source.theirs, &f.msg, -1), 0);
}

void send_state(const char *origin)
{
	Mesh__SourceState m = MESH__SOURCE_STATE__INIT;

	m.connected = true;
	m.origin = (char *)(uintptr_t)origin;
	assert_int_equal(msg_send_SOURCE_STATE(env.source.theirs, &m, -1), 0);
}

/* ---- lives -------------------------------------------------------------------------------- */

static void conf_text(const char *path, const char *text, int64_t num)
{
	struct conf_entry e = {
		.path = (char *)(uintptr_t)path, .type = text[0] != '\0' ? CONF_STRING : CONF_DURATION,
		.text = (char *)(uintptr_t)text, .num = num, .file = (char *)(uintptr_t)"",
	};

	assert_int_equal(conf_add(env.conf, &e), 0);
}

void begin_life(void)
{
	env.ready = false;
	env.to_source[0] = env.to_frontend[0] = '\0';
	assert_int_equal(translator_worker_ops.start(NULL, &env.ctx), 0);
	assert_true(env.ready);
	connect_end(&env.source, ROLE_SOURCE);
	connect_end(&env.frontend, ROLE_FRONTEND);
}

/* As SIGKILL. */
void end_life(void)
{
	disconnect_end(&env.source, ROLE_SOURCE, false);
	disconnect_end(&env.frontend, ROLE_FRONTEND, false);
	disconnect_end(&env.capture, ROLE_CAPTURE, false);
	translator_worker_ops.deinit(env.ctx);
	env.ctx = NULL;
}

int setup(void **state)
{
	memset(&env, 0, sizeof env);
	memset(memory, 0, MEMORY_SIZE);
	snprintf(env.dir, sizeof env.dir, "/tmp/meshd-role-XXXXXX");
	assert_non_null(mkdtemp(env.dir));
	assert_int_equal(loop_new(&env.base), 0);
	env.conf = conf_new();
	conf_text("state_dir", env.dir, 0);
	conf_text("secrets", "store", 0);
	conf_text("translator.debounce", "", 0);
	conf_text("translator.max_debounce", "", 0);
	conf_text("translator.route_interval", "", 0);
	begin_life();
	return 0;
}

int teardown(void **state)
{
	static const char *const names[] = { "resources", "resources.prev", "resources.new", "resources.log" };
	char path[128];

	end_life();
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof path, "%s/%s", env.dir, names[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(env.dir), 0);
	conf_free(env.conf);
	loop_free(env.base);
	return 0;
}

void feed(void)
{
	expect(env.to_source, "from ''\ncluster *\nlistener *\n");
	send_state("there");
	send_update(1, RT_CLUSTER, SNAPSHOT, LIST(NEED_X, "b=1"));
	send_update(2, RT_LISTENER, SNAPSHOT, LIST("l=1", "m=bad"));
	send_update(3, RT_ENDPOINT, WHOLE, LIST("x=1"));
	expect(env.to_source, "ack 1\nendpoint x\nnack 2 listener 'm': it is bad\nack 3\n");
}
