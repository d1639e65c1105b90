/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arrow to capture: identities, their store, and the pipe that addresses go through.  Its own
 * publisher, so that a slow capture never holds the frontend; see steering.h for what goes when.
 *
 * Identities are loaded and stored whether capture is on or off, so that switching it off for a while
 * changes none.
 */
#include <errno.h>
#include <time.h>

#include "identity.h"
#include "log.h"
#include "private.h"
#include "send.h"

LOG_MODULE("capture");

static int64_t wall_clock(void)
{
	return (int64_t)time(NULL);
}

static void on_identity(void *arg, const struct identity *id)
{
	struct translator *t = arg;

	persist_identity(t->persist, id, loop_now_ms());
}

/* The configuration has been checked; what is not there has its default. */
static void read_net(const struct conf *conf, const char *path, const char *def, struct cidr *ret_net)
{
	if (cidr_parse(conf_str(conf, path, def), ret_net) < 0)
		(void)cidr_parse(def, ret_net);
}

static int make_identities(struct translator *t, const struct conf *conf)
{
	struct identities_options options = { .clock = wall_clock, .changed = on_identity, .arg = t };

	read_net(conf, "capture.identities.outbound4", IDENTITY_OUTBOUND4, &options.nets.outbound4);
	read_net(conf, "capture.identities.inbound4", IDENTITY_INBOUND4, &options.nets.inbound4);
	read_net(conf, "capture.identities.ip6", IDENTITY_IP6, &options.nets.ip6);
	return identities_new(&options, &t->identities);
}

/* ---- the pipe ----------------------------------------------------------------------------- */

static int capture_send(void *arg, enum msg_type type, const ProtobufCMessage *body)
{
	struct translator *t = arg;
	struct pipe *p = worker_pipe(t->worker, ROLE_CAPTURE);

	return p != NULL ? pipe_send(p, type, body, -1) : -EPIPE;
}

static size_t capture_pending(void *arg)
{
	struct translator *t = arg;
	struct pipe *p = worker_pipe(t->worker, ROLE_CAPTURE);

	return p != NULL ? pipe_pending(p) : 0;
}

void capture_opened(void *ctx)
{
	struct translator *t = ctx;

	if (t->capture == NULL)
		return;
	publish_open(t->capture);
	if (engine_capture_opened(t->engine) < 0)
		translator_fail(t, -ENOMEM, "telling capture");
}

void capture_lost(void *ctx)
{
	struct translator *t = ctx;

	if (t->capture == NULL)
		return;
	steering_lost(t->steering);
	publish_lost(t->capture);
	log_info("capture is gone; a new one gets all addresses");
}

void capture_drained(void *ctx)
{
	struct translator *t = ctx;

	if (t->capture != NULL && publish_flush(t->capture) < 0)
		translator_fail(t, -ENOMEM, "telling capture");
}

static void handle_released(void *ctx, const ProtobufCMessage *body, int fd)
{
	const Mesh__Committed *m = (const Mesh__Committed *)body;
	struct translator *t = ctx;

	(void)fd;
	if (t->capture == NULL)
		return;
	publish_committed(t->capture, m->commit, 0);
	translator_turn(t);
}

const struct pipe_handler_row capture_handlers[] = {
	{ MSG_COMMITTED, handle_released },
	{ 0, NULL },
};

/* ---- life --------------------------------------------------------------------------------- */

int capture_make(struct translator *t, const struct conf *conf, struct engine_options *options)
{
	const struct publish_port port = {
		.send = capture_send, .pending = capture_pending, .arg = t, .frame = publish_addresses,
	};
	int r = make_identities(t, conf);

	options->translation.capture = conf_bool(conf, "capture.enabled", false);
	if (r < 0 || !options->translation.capture)
		return r;
	options->translation.identities = t->identities;
	options->translation.ports = (struct translation_ports)TRANSLATION_PORTS_DEFAULT;
	options->translation.ports.http = (uint16_t)conf_num(conf, "capture.http_port", 9080);
	options->translation.ports.stream = (uint16_t)conf_num(conf, "capture.stream_port", 9100);
	r = publish_new(&port, &t->capture);
	if (r == 0)
		r = steering_new(t->capture, &t->steering);
	options->steering = t->steering;
	return r;
}

void capture_sweep(struct translator *t)
{
	if (t->steering == NULL || t->swept || !engine_settled(t->engine) || engine_running(t->engine) ||
	    engine_stats(t->engine).commits == 0)
		return;
	t->swept = true;
	identities_sweep(t->identities);
}

void capture_free(struct translator *t)
{
	steering_free(t->steering);
	publish_free(t->capture);
	identities_free(t->identities);
}
