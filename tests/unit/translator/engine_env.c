/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See engine_env.h.
 */
#include "engine_env.h"

#include "meshd/ipc.pb-c.h"
#include "pipe.h"

int64_t now;

static int64_t on_clock(void)
{
	return now;
}

static void on_active(void *arg, enum rt type, const char *name)
{
	struct engine_env *v = arg;

	engine_changed(v->e, type, name);
}

static void on_accepted(void *arg, struct hold *h)
{
}

static const struct holds_ops ops = { .active = on_active, .accepted = on_accepted };

static void say(struct engine_env *v, const char *before, const char *text)
{
	size_t len = strlen(v->sent);

	snprintf(v->sent + len, sizeof v->sent - len, "%s%s", before, text);
}

static int on_send(void *arg, enum msg_type type, const ProtobufCMessage *body)
{
	struct engine_env *v = arg;
	const Mesh__Objects *m = (const Mesh__Objects *)body;

	v->frames++;
	if (type != MSG_OBJECTS) {
		say(v, type == MSG_BEGIN ? "<" : ">", "");
		return 0;
	}
	for (size_t i = 0; i < m->n_put; i++)
		say(v, " ", m->put[i]->key);
	for (size_t i = 0; i < m->n_del; i++)
		say(v, " -", m->del[i]);
	say(v, m->last ? ";" : "", "");
	return 0;
}

/* Capture's side: "<" and ">" around a complete set. */
static int on_capture_send(void *arg, enum msg_type type, const ProtobufCMessage *body)
{
	struct engine_env *v = arg;
	const Mesh__Addresses *m = (const Mesh__Addresses *)body;
	char text[128];

	if (type != MSG_ADDRESSES) {
		say(v, type == MSG_BEGIN ? " capture<" : ">", "");
		return 0;
	}
	for (size_t i = 0; i < m->n_put; i++) {
		snprintf(text, sizeof text, "%s:%u=%s/%d", m->put[i]->network, m->put[i]->port, m->put[i]->identity,
			 (int)m->put[i]->target);
		say(v, " +", text);
	}
	for (size_t i = 0; i < m->n_del; i++) {
		snprintf(text, sizeof text, "%s:%u", m->del[i]->network, m->del[i]->port);
		say(v, " release ", text);
	}
	say(v, m->last ? ";" : "", "");
	return 0;
}

static size_t on_pending(void *arg)
{
	return 0;
}

static int make_env(void **state, bool capture)
{
	struct engine_env *v = calloc(1, sizeof *v);
	const struct publish_port port = { .send = on_send, .pending = on_pending, .arg = v };
	struct engine_options options = {
		.debounce_ms = 20, .max_debounce_ms = 500, .route_interval_ms = 1000, .clock = on_clock,
	};

	now = 100000;
	options.findings = v->findings = findings_new();
	assert_int_equal(quarantine_new(NULL, &v->quarantine), 0);
	options.quarantine = v->quarantine;
	assert_int_equal(publish_new(&port, &v->p), 0);
	options.publish = v->p;
	if (capture) {
		const struct publish_port to_capture = {
			.send = on_capture_send, .pending = on_pending, .arg = v, .frame = publish_addresses,
		};

		assert_int_equal(publish_new(&to_capture, &v->capture), 0);
		assert_int_equal(steering_new(v->capture, &v->steering), 0);
		options.steering = v->steering;
	}
	assert_int_equal(holds_new(&ops, v, v->findings, &v->hs), 0);
	assert_int_equal(accept_new(v->hs, v->quarantine, &v->a), 0);
	assert_int_equal(engine_new(&options, &v->e), 0);
	engine_bind(v->e, v->hs);
	*state = v;
	return 0;
}

int setup(void **state)
{
	return make_env(state, false);
}

int setup_capture(void **state)
{
	return make_env(state, true);
}

int teardown(void **state)
{
	struct engine_env *v = *state;

	engine_free(v->e);
	accept_free(v->a);
	holds_free(v->hs);
	publish_free(v->p);
	steering_free(v->steering);
	publish_free(v->capture);
	quarantine_free(v->quarantine);
	findings_free(v->findings);
	free(v);
	return 0;
}

void open_pipe(struct engine_env *v)
{
	publish_open(v->p);
	engine_opened(v->e);
}

const char *step(struct engine_env *v)
{
	static char sent[8192];

	v->sent[0] = '\0';
	assert_int_equal(engine_step(v->e, now), 0);
	memcpy(sent, v->sent, sizeof sent);
	return sent;
}

void ready(struct engine_env *v)
{
	open_pipe(v);
	engine_allow(v->e);
	engine_complete(v->e, false);
	assert_string_equal(step(v), "<>");
}

void change(struct engine_env *v, enum rt type, const char *const *resources)
{
	update(v->a, v->hs, type, WHOLE, resources, NULL, now);
}
