/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hands responses on to the host, in slices and only as fast as it takes them.  A message that is not finished in the
 * call-back that brought it is kept, and the stream is paused; so there is never more than one.
 * A second response of a type waits until the first has its verdict (XDS.md 2: answered in order, each once).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

#define CALLS_PER_TURN 16	/* of the host, before others get their turn */

/* ---- resources of the plugin's own ------------------------------------------------------------ */

static void resource_free(struct mesh_resource *r)
{
	free((char *)r->type_url);
	free((char *)r->name);
	free((char *)r->version);
	if (r->body != NULL)
		explicit_bzero((uint8_t *)r->body, r->size);
	free((uint8_t *)r->body);
}

void own_free(struct own *own)
{
	for (size_t i = 0; i < own->n; i++)
		resource_free(&own->resources[i]);
	free(own->resources);
	free(own);
}

static int resource_copy(struct mesh_resource *to, const struct mesh_resource *from)
{
	uint8_t *body = malloc(from->size + 1);

	*to = (struct mesh_resource){
		.type_url = strdup(from->type_url),
		.name = strdup(from->name),
		.version = strdup(from->version != NULL ? from->version : ""),
		.body = body,
		.size = from->size,
	};
	if (to->type_url == NULL || to->name == NULL || to->version == NULL || body == NULL)
		return -ENOMEM;
	if (from->size > 0)
		memcpy(body, from->body, from->size);
	return 0;
}

int ads_deliver(struct ads *ads, const struct mesh_resource *resources, size_t n)
{
	struct own *own = calloc(1, sizeof *own), **end = &ads->own;

	if (own == NULL)
		return -ENOMEM;
	own->resources = calloc(n + 1, sizeof *own->resources);
	for (; own->resources != NULL && own->n < n; own->n++) {
		if (resource_copy(&own->resources[own->n], &resources[own->n]) == 0)
			continue;
		own->n++;
		break;
	}
	if (own->resources == NULL || own->n < n || (n > 0 && own->resources[n - 1].body == NULL)) {
		own_free(own);
		return -ENOMEM;
	}
	while (*end != NULL)
		end = &(*end)->next;
	*end = own;
	if (ads->started)
		stream_turn(ads);
	return 0;
}

static void deliver_own(struct ads *ads)
{
	struct own *own = ads->own;
	const struct mesh_update update = {
		.id = ++ads->last_id,
		.type_url = own->n > 0 ? own->resources[0].type_url : "",
		.version = "",
		.flags = MESH_UPDATE_FIRST | MESH_UPDATE_LAST,
		.resources = own->resources,
		.n_resources = own->n,
	};
	int r = own->n > 0 ? ads->host->ops->source_update(ads->host, &update) : 0;

	ads->busy = r == MESH_BUSY;
	if (r < 0)
		mesh_log(ads->host, MESH_ERR, "resources of our own cannot be handed over: %s", strerror(-r));
	ads->own = own->next;
	own_free(own);
}

/* ---- responses -------------------------------------------------------------------------------- */

static void end_delivery(struct ads *ads)
{
	free(ads->delivery.owned);
	ads->delivery = (struct delivery){ 0 };
}

static bool is_snapshot(const struct ads *ads, const struct ads_type *t)
{
	/*
	 * Incremental responses are never complete by the protocol; but every server sends all there is to one who
	 * holds nothing, and only a complete set ends what came from another control plane before.
	 */
	return t->wildcard && (ads->variant->complete || (t->accepted.n == 0 && t->nonce == NULL));
}

/* An order that is obeyed, and should not go unseen. */
static void warn_if_empty(struct ads *ads, struct ads_type *t, const struct response *r)
{
	if (t->answer.snapshot && r->n_resources == 0 && t->accepted.n > 0 && seldom(&t->empty_logged, 1))
		mesh_log(ads->host, MESH_WARN,
			 "the control plane says that there is no %s any more: all %zu go; if that is wrong, look "
			 "there (translator.max_drop would have held it)", t->word, t->accepted.n);
}

static int begin_answer(struct ads *ads, struct ads_type *t, const struct response *r)
{
	struct answer *a = &t->answer;

	if (text_set(&a->version, r->version.data, r->version.size) < 0 ||
	    text_set(&a->nonce, r->nonce.data, r->nonce.size) < 0)
		return -ENOMEM;
	a->snapshot = is_snapshot(ads, t);
	a->changed = 0;
	a->stream = ads->stream;
	a->id = ++ads->last_id;
	t->mark++;
	warn_if_empty(ads, t, r);
	return text_set(&t->nonce, r->nonce.data, r->nonce.size);
}

static void begin_known(struct ads *ads, struct ads_type *t)
{
	_cleanup_(buf_deinit) struct buf why = BUF_INIT;
	struct delivery *d = &ads->delivery;
	int r = response_check(&d->response, &why);

	if (r == 0)
		r = begin_answer(ads, t, &d->response);
	if (r == 0) {
		d->type = t;
		d->at = pb_cursor_of(d->data, d->size);
		d->flags = MESH_UPDATE_FIRST | (t->answer.snapshot ? MESH_UPDATE_SNAPSHOT : 0);
		free(t->fault);
		t->report = t->report || t->fault != NULL;
		t->fault = NULL;
		return;
	}
	answer_drop(&t->answer);
	if (r > 0 && buf_str(&why) != NULL)
		answer_refuse(ads, t, &d->response, buf_str(&why));
	else
		stream_broken(ads, "no memory for a response");
	end_delivery(ads);
}

/* False: it has to wait. */
static bool begin(struct ads *ads)
{
	struct delivery *d = &ads->delivery;
	struct ads_type *t = type_find(ads, d->response.type_url);

	if (t == NULL || !t->asked) {
		answer_stranger(ads, &d->response);
		end_delivery(ads);
		return true;
	}
	if (t->answer.id != 0)
		return false;
	begin_known(ads, t);
	return true;
}

static void step(struct ads *ads)
{
	struct ads_type *t = ads->delivery.type;
	int r = batch_send(ads, &ads->delivery);

	if (r == 0)
		return;
	end_delivery(ads);
	if (r > 0) {
		report_type(ads, t);
		return;
	}
	mesh_log(ads->host, MESH_ERR, "a response of type %s cannot be handed over: %s; what is held stays", t->word,
		 strerror(-r));
	answer_settle(ads, t, false, "it cannot be handed to the translator");
}

/* One piece of work; false: there is none. */
static bool work(struct ads *ads)
{
	if (ads->busy)
		return false;
	if (ads->delivery.type != NULL)
		step(ads);
	else if (ads->own != NULL)
		deliver_own(ads);
	else
		return ads->delivery.data != NULL && begin(ads);
	return true;
}

void deliver_run(struct ads *ads)
{
	if (!ads->started)
		return;
	for (unsigned calls = 0; work(ads); calls++) {
		if (calls == CALLS_PER_TURN) {
			stream_turn(ads);
			return;
		}
	}
	stream_wake(ads);
}


int deliver_message(struct ads *ads, const uint8_t *data, size_t size)
{
	struct delivery *d = &ads->delivery;

	if (d->data != NULL) {
		stream_broken(ads, "a message came while the stream was paused");
		return 0;
	}
	if (response_read(&ads->variant->fields, data, size, &d->response) < 0) {
		stream_broken(ads, "it sent a message that is no discovery response with a type; is this an xDS v3 "
				   "server?");
		return 0;
	}
	d->data = data;
	d->size = size;
	deliver_run(ads);
	if (ads->call == NULL)
		deliver_drop(ads);
	if (d->data == NULL)
		return 0;
	/* It is not finished.  A large one is not held twice: its bytes are ours from now on. */
	d->owned = grpc_call_take(ads->call);
	return GRPC_PAUSE;
}

/* The verdict will never come: what was begun is not known to be held in any form. */
void deliver_drop(struct ads *ads)
{
	struct ads_type *t = ads->delivery.type;

	end_delivery(ads);
	if (t != NULL)
		answer_settle(ads, t, false, NULL);
}

void deliver_stream_ended(struct ads *ads)
{
	if (ads->delivery.data != NULL && ads->delivery.type == NULL)
		end_delivery(ads);
}

void ads_resume(struct ads *ads)
{
	ads->busy = false;
	deliver_run(ads);
}
