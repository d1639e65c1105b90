/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes from the source to the translator: updates in frames of about PIPE_BATCH bytes, the state of
 * the connection, findings.
 *
 * Updates are not kept: when the pipe breaks, the plugin is asked to deliver again.  State and findings
 * are kept (the newest of each origin) and repeated on a new pipe.  Above the pipe's high-water mark an
 * update is still taken but answered with MESH_BUSY, so that the plugin stops reading.
 */
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "log.h"
#include "private.h"
#include "send.h"
#include "utf8.h"

LOG_MODULE("source");

#define NAME_SIZE_MAX 4096
#define ORIGINS_MAX 100000	/* files with findings */
#define FINDINGS_MAX 1000	/* of one origin; the rest is counted in a last one */

struct origin_findings {
	UT_hash_handle hh;
	char *origin;			/* owned */
	Mesh__SourceFindings *message;	/* owned */
};

/* ---- updates ------------------------------------------------------------------------------- */

/* One frame in the making. */
struct frame {
	struct source *source;
	Mesh__Resources message;
	struct item {
		Mesh__ResourceItem message;
	} *items;
	Mesh__ResourceItem **pointers;
	size_t room, bytes;
	unsigned flags;			/* of the whole update; FIRST goes out once, LAST at the end */
};

static bool name_is_good(const char *name)
{
	size_t len = name != NULL ? strlen(name) : 0;

	return len <= NAME_SIZE_MAX && utf8_valid(name, len);
}

static int frame_send(struct frame *f, unsigned flags)
{
	struct pipe *p = worker_pipe(f->source->hosted.worker, ROLE_TRANSLATOR);
	int r;

	f->message.flags = (f->flags & ~(unsigned)MESH_UPDATE_LAST) | flags;
	f->message.resources = f->pointers;
	r = msg_send_RESOURCES(p, &f->message, -1);
	f->flags &= ~(unsigned)MESH_UPDATE_FIRST;
	f->message.n_resources = 0;
	f->message.removed = NULL;
	f->message.n_removed = 0;
	f->bytes = 0;
	return r;
}

static int frame_add(struct frame *f, const struct mesh_resource *r)
{
	size_t size = r->size + strlen(r->name) + 64;
	Mesh__ResourceItem *item;
	int err;

	if (f->message.n_resources > 0 && (f->bytes + size > PIPE_BATCH || f->message.n_resources == f->room)) {
		err = frame_send(f, 0);
		if (err < 0)
			return err;
	}
	item = &f->items[f->message.n_resources].message;
	mesh__resource_item__init(item);
	item->name = (char *)r->name;
	item->version = (char *)(r->version != NULL ? r->version : "");
	item->body = (ProtobufCBinaryData){ .data = (uint8_t *)r->body, .len = r->body != NULL ? r->size : 0 };
	item->heartbeat = r->body == NULL;
	f->pointers[f->message.n_resources++] = item;
	f->bytes += size;
	return 0;
}

static bool resource_is_good(const struct source *s, const struct mesh_resource *r, const char *type_url)
{
	if (!name_is_good(r->name) || (r->version != NULL && !name_is_good(r->version))) {
		log_warn_rl("a resource of '%s' has a name or version that is not UTF-8 or longer than %d bytes; "
			    "leaving it out", type_url, NAME_SIZE_MAX);
		return false;
	}
	if (r->size > PIPE_FRAME_MAX - 2 * NAME_SIZE_MAX) {
		log_err("resource '%s' of '%s' has %zu bytes, more than the %u that meshd takes; leaving it out",
			r->name, type_url, r->size, PIPE_FRAME_MAX - 2 * NAME_SIZE_MAX);
		return false;
	}
	(void)s;
	return true;
}

static int frame_fill(struct frame *f, const struct mesh_update *u)
{
	int r;

	f->message.removed = (char **)u->removed;
	f->message.n_removed = u->n_removed;
	for (size_t i = 0; i < u->n_resources; i++) {
		if (!resource_is_good(f->source, &u->resources[i], u->type_url))
			continue;
		r = frame_add(f, &u->resources[i]);
		if (r < 0)
			return r;
		f->source->resources++;
		f->source->bytes += u->resources[i].size;
	}
	return frame_send(f, u->flags & MESH_UPDATE_LAST);
}

static int send_update(struct source *s, const struct mesh_update *u)
{
	_cleanup_free_ struct item *items = NULL;
	_cleanup_free_ Mesh__ResourceItem **pointers = NULL;
	struct frame f = {
		.source = s,
		.message = MESH__RESOURCES__INIT,
		.room = MAX(MIN(u->n_resources, 4096u), 1u),
		.flags = u->flags,
	};

	f.items = items = calloc(f.room, sizeof(*items));
	f.pointers = pointers = calloc(f.room, sizeof(*pointers));
	if (items == NULL || pointers == NULL)
		return -ENOMEM;
	f.message.update = u->id;
	f.message.type_url = (char *)u->type_url;
	f.message.version = (char *)(u->version != NULL ? u->version : "");
	return frame_fill(&f, u);
}

int outbox_update(struct source *s, const struct mesh_update *u)
{
	struct pipe *p = worker_pipe(s->hosted.worker, ROLE_TRANSLATOR);
	int r;

	if (u->type_url == NULL || u->id == 0 || !name_is_good(u->type_url))
		return -EINVAL;
	if (p == NULL || !s->welcomed) {
		s->skipping = true;
		return 0;
	}
	if (u->flags & MESH_UPDATE_FIRST)
		s->skipping = false;
	if (s->skipping)
		return 0;
	r = send_update(s, u);
	if (r < 0)
		return r;
	s->updates += (u->flags & MESH_UPDATE_LAST) != 0;
	if (pipe_pending(p) <= PIPE_HIGH_WATER)
		return 0;
	s->busy = true;
	return MESH_BUSY;
}

/* ---- state --------------------------------------------------------------------------------- */

static void send_state(struct source *s)
{
	struct pipe *p = worker_pipe(s->hosted.worker, ROLE_TRANSLATOR);
	Mesh__SourceState m = MESH__SOURCE_STATE__INIT;

	if (p == NULL || s->origin == NULL)
		return;
	m.connected = s->connected;
	m.origin = s->origin;
	m.detail = s->detail;
	m.occupied = s->occupied;
	(void)msg_send_SOURCE_STATE(p, &m, -1);
}

void outbox_state(struct source *s, const struct mesh_source_state *state)
{
	char *origin = strdup(state->origin != NULL ? state->origin : "");
	char *detail = strdup(state->detail != NULL ? state->detail : "");

	if (origin == NULL || detail == NULL) {
		free(origin);
		free(detail);
		return;
	}
	free(s->origin);
	free(s->detail);
	s->origin = origin;
	s->detail = detail;
	s->connected = state->connected;
	s->occupied = state->occupied;
	send_state(s);
}

/* ---- findings ------------------------------------------------------------------------------ */

static Mesh__Finding *finding_new(const struct mesh_finding *f)
{
	Mesh__Finding *m = malloc(sizeof(*m));

	if (m == NULL)
		return NULL;
	mesh__finding__init(m);
	m->severity = f->severity;
	m->type = strdup(f->type != NULL ? f->type : "");
	m->name = strdup(f->name != NULL ? f->name : "");
	m->field = strdup(f->field != NULL ? f->field : "");
	m->behaviour = strdup(f->behaviour != NULL ? f->behaviour : "");
	m->reason = strdup(f->reason != NULL ? f->reason : "");
	if (m->type && m->name && m->field && m->behaviour && m->reason)
		return m;
	mesh__finding__free_unpacked(m, NULL);
	return NULL;
}

static Mesh__SourceFindings *findings_new(const char *origin, const struct mesh_finding *findings, size_t n)
{
	Mesh__SourceFindings *m = malloc(sizeof(*m));
	size_t kept = MIN(n, (size_t)FINDINGS_MAX);

	if (m == NULL)
		return NULL;
	mesh__source_findings__init(m);
	m->origin = strdup(origin);
	m->findings = calloc(MAX(kept, 1u), sizeof(*m->findings));
	while (m->origin != NULL && m->findings != NULL && m->n_findings < kept) {
		m->findings[m->n_findings] = finding_new(&findings[m->n_findings]);
		if (m->findings[m->n_findings] == NULL)
			break;
		m->n_findings++;
	}
	if (m->origin != NULL && m->findings != NULL && m->n_findings == kept)
		return m;
	mesh__source_findings__free_unpacked(m, NULL);
	return NULL;
}

static void forget(struct source *s, struct origin_findings *o)
{
	HASH_DEL(s->findings, o);
	mesh__source_findings__free_unpacked(o->message, NULL);
	free(o->origin);
	free(o);
}

static void keep(struct source *s, const char *origin, Mesh__SourceFindings *message)
{
	struct origin_findings *o = HASH_COUNT(s->findings) < ORIGINS_MAX ? calloc(1, sizeof(*o)) : NULL;

	if (o != NULL)
		o->origin = strdup(origin);
	if (o == NULL || o->origin == NULL) {
		free(o);
		mesh__source_findings__free_unpacked(message, NULL);
		return;
	}
	o->message = message;
	HASH_ADD_KEYPTR(hh, s->findings, o->origin, strlen(o->origin), o);
}

void outbox_findings(struct source *s, const char *origin, const struct mesh_finding *findings, size_t n)
{
	struct pipe *p = worker_pipe(s->hosted.worker, ROLE_TRANSLATOR);
	Mesh__SourceFindings *message = findings_new(origin, findings, n);
	struct origin_findings *old = NULL;

	if (message == NULL) {
		log_err("no memory for %zu findings about '%s'; they are missing in the report", n, origin);
		return;
	}
	if (n > FINDINGS_MAX)
		log_warn("'%s' has %zu findings; the report shows the first %d", origin, n, FINDINGS_MAX);
	HASH_FIND(hh, s->findings, origin, strlen(origin), old);
	if (old != NULL)
		forget(s, old);
	if (p != NULL)
		(void)msg_send_SOURCE_FINDINGS(p, message, -1);
	if (n == 0)
		mesh__source_findings__free_unpacked(message, NULL);
	else
		keep(s, origin, message);
}

void outbox_repeat(struct source *s)
{
	struct pipe *p = worker_pipe(s->hosted.worker, ROLE_TRANSLATOR);

	send_state(s);
	for (struct origin_findings *o = s->findings; o != NULL && p != NULL; o = o->hh.next)
		(void)msg_send_SOURCE_FINDINGS(p, o->message, -1);
}

void outbox_deinit(struct source *s)
{
	struct origin_findings *o, *next;

	HASH_ITER(hh, s->findings, o, next)
		forget(s, o);
	free(s->origin);
	free(s->detail);
}
