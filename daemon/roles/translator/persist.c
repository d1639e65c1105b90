/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recording changes and saving them.
 *
 * A save appends what is new to the log, or, when the log has grown to a part of the image, writes a
 * new image.  That takes references to everything that is accepted and what is still active, so the state
 * that it writes is that of one moment, however many steps it takes.
 */
#include "persist.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "file.h"
#include "frame.h"
#include "log.h"
#include "persist_private.h"

LOG_MODULE("store");

int persist_new(const struct persist_options *options, struct persist **ret_persist)
{
	struct persist *p = calloc(1, sizeof *p);

	if (p == NULL)
		return -ENOMEM;
	p->options = *options;
	p->begun_ms = p->saved_ms = p->retry_ms = -1;
	p->origin = strdup("");
	if (p->origin == NULL) {
		free(p);
		return -ENOMEM;
	}
	tail_init(&p->tail, options->memory, options->memory != NULL ? options->memory_size : 0);
	*ret_persist = p;
	return 0;
}

struct persist *persist_free(struct persist *p)
{
	if (p == NULL)
		return NULL;
	store_end(p->writer);
	free(p->origin);
	free(p);
	return NULL;
}

/* ---- recording ---------------------------------------------------------------------------- */

static void append(struct persist *p, const struct record *rec)
{
	p->dirty = true;
	if (p->options.reads_only)
		return;
	if (tail_append(&p->tail, rec) == TAIL_FULL && p->options.memory != NULL)
		p->urgent = true;
}

static struct record record_of(const struct hold *h, const struct resource *r, unsigned flags)
{
	return (struct record){
		.kind = r != NULL || h->withheld ? RECORD_RESOURCE : RECORD_REMOVED,
		.type = h->type,
		.flags = flags | (h->foreign ? RECORD_FOREIGN : 0) | (r == NULL && h->withheld ? RECORD_WITHHELD : 0) |
			 (h->proven && r == h->active ? RECORD_PROVEN : 0),
		.hash = r != NULL ? r->hash : 0,
		.name = h->name,
		.version = r != NULL ? r->version : "",
		.body = r != NULL ? r->body : NULL,
		.size = r != NULL ? r->size : 0,
	};
}

void persist_record(struct persist *p, const struct hold *h)
{
	struct record rec = record_of(h, h->accepted, 0);

	if (p->loading)
		return;
	p->unsettled = true;
	append(p, &rec);
}

static struct record record_of_identity(const struct identity *id)
{
	return (struct record){
		.kind = RECORD_IDENTITY,
		.hash = (uint64_t)id->released,
		.name = id->destination,
		.version = id->address,
	};
}

void persist_identity(struct persist *p, const struct identity *id, int64_t now_ms)
{
	struct record rec = record_of_identity(id);

	if (p->loading)
		return;
	append(p, &rec);
	/* What is made from it goes out at once. */
	persist_relieve(p, now_ms);
}

unsigned persist_whole(const struct persist *p)
{
	unsigned bits = 0;

	for (unsigned type = 0; type < _RT_MAX; type++)
		bits |= p->options.holds->whole[type] ? 1u << type : 0;
	return bits;
}

void persist_set_whole(struct persist *p, unsigned bits)
{
	for (unsigned type = 0; type < _RT_MAX; type++)
		p->options.holds->whole[type] = (bits >> type & 1) != 0;
}

void persist_settled(struct persist *p)
{
	const struct record rec = { .kind = RECORD_SETTLED, .flags = persist_whole(p), .name = "", .version = "" };

	if (!p->unsettled)
		return;
	p->unsettled = false;
	append(p, &rec);
}

void persist_touch(struct persist *p)
{
	p->lazy = true;
}

const char *persist_origin(const struct persist *p)
{
	return p->origin;
}

int persist_set_origin(struct persist *p, const char *origin)
{
	const struct record rec = { .kind = RECORD_ORIGIN, .name = origin, .version = "" };
	char *copy;

	if (strcmp(p->origin, origin) == 0)
		return 0;
	copy = strdup(origin);
	if (copy == NULL)
		return -ENOMEM;
	append(p, &rec);
	free(p->origin);
	p->origin = copy;
	for (unsigned type = 0; type < _RT_MAX; type++)
		for (struct hold *h = p->options.holds->heads[type]; h != NULL; h = h->hh.next)
			h->foreign = h->accepted != NULL;
	return 0;
}

bool persist_complete(const struct persist *p)
{
	return p->complete;
}

void persist_set_complete(struct persist *p)
{
	const struct record rec = { .kind = RECORD_COMPLETE, .name = "", .version = "" };

	if (p->complete)
		return;
	p->complete = true;
	append(p, &rec);
}

/* ---- saving ------------------------------------------------------------------------------- */

/* With `secrets: memory` the disk is told that the resource is there, not what it is. */
static void withhold_keys(const struct persist *p, struct record *rec)
{
	if (p->options.secrets || rec->kind != RECORD_RESOURCE || !resource_has_key(rec->type, rec->body, rec->size))
		return;
	rec->flags |= RECORD_WITHHELD;
	rec->size = 0;
	rec->version = "";
}

static int add(struct persist *p, const struct hold *h, struct resource *r, unsigned flags)
{
	struct record rec = record_of(h, r, flags);

	withhold_keys(p, &rec);
	return store_add(p->writer, &rec, r);
}

static int add_hold(struct persist *p, const struct hold *h)
{
	int r = 0;

	if (h->active != NULL && (h->active == h->accepted || rt_is_root(h->type)))
		r = add(p, h, h->active, RECORD_ACTIVE);
	if (r == 0 && h->accepted != NULL && h->accepted != h->active)
		r = add(p, h, h->accepted, 0);
	if (r == 0 && h->withheld && h->accepted == NULL)
		r = add(p, h, NULL, 0);
	return r;
}

static int add_identity(const struct identity *id, void *arg)
{
	struct persist *p = arg;
	struct record rec = record_of_identity(id);

	return store_add(p->writer, &rec, NULL);
}

static int add_all(struct persist *p)
{
	const struct record origin = { .kind = RECORD_ORIGIN, .name = p->origin, .version = "" };
	const struct quarantine_entry *e;
	int r = store_add(p->writer, &origin, NULL);

	for (size_t i = 0; r == 0 && (e = quarantine_at(p->options.quarantine, i)) != NULL; i++) {
		struct record rec = { .kind = RECORD_QUARANTINE, .type = e->type, .hash = e->hash, .name = e->name,
				      .version = "" };

		r = store_add(p->writer, &rec, NULL);
	}
	if (r == 0 && p->options.identities != NULL)
		r = identities_each(p->options.identities, add_identity, p);
	for (unsigned type = 0; type < _RT_MAX; type++)
		for (struct hold *h = p->options.holds->heads[type]; r == 0 && h != NULL; h = h->hh.next)
			r = add_hold(p, h);
	return r;
}

static void fail(struct persist *p, int r, int64_t now_ms)
{
	const struct mesh_finding finding = {
		.severity = MESH_SEV_ERROR,
		.type = "",
		.name = "resource store",
		.field = "",
		.behaviour = "warn",
		.reason = "it cannot be written; a restart of the machine would bring back an older state "
			  "(see the log)",
	};

	if (!p->failing)
		log_err_errno(r, "cannot write the resource store in '%s'; going on from memory, trying again "
				 "every %d s", p->options.dir, PERSIST_RETRY_MS / 1000);
	p->failing = true;
	p->dirty = true;
	p->urgent = false;
	p->retry_ms = now_ms + PERSIST_RETRY_MS;
	p->image_due = true;
	p->writer = store_end(p->writer);
	findings_set(p->options.findings, FINDINGS_STORE, "resources", &finding, 1);
}

static int image_begin(struct persist *p, int64_t now_ms)
{
	struct store_head head = { .seq = p->tail.seq, .flags = persist_whole(p) << HEAD_WHOLE_SHIFT };
	int r;

	head.flags |= p->complete ? HEAD_COMPLETE : 0;
	head.flags |= p->options.secrets ? 0 : HEAD_KEYLESS;
	r = store_begin(p->options.dir, &head, &p->writer);
	if (r == 0 && p->purge)
		store_purge(p->writer);
	if (r == 0)
		r = add_all(p);
	if (r < 0) {
		fail(p, r, now_ms);
		return r;
	}
	tail_switch(&p->tail);
	p->begun_ms = now_ms;
	p->dirty = p->lazy = p->urgent = p->image_due = false;
	return 0;
}

static void saved(struct persist *p, int64_t now_ms, uint64_t seq)
{
	if (p->failing)
		log_info("the resource store is written again");
	p->failing = false;
	p->retry_ms = -1;
	p->saved_ms = now_ms;
	p->saves++;
	p->safe = seq;
	tail_saved(&p->tail, seq);
	findings_set(p->options.findings, FINDINGS_STORE, "resources", NULL, 0);
}

/* 0 done or nothing to do, 1 more to do, negative errno. */
static int image_step(struct persist *p, int64_t now_ms)
{
	int r = p->writer != NULL ? store_step(p->writer) : 0;

	if (r < 0) {
		fail(p, r, now_ms);
	} else if (r == 0 && p->writer != NULL) {
		p->image = store_bytes(p->writer);
		p->purge = false;
		saved(p, now_ms, store_seq(p->writer));
		p->writer = store_end(p->writer);
		(void)log_file_clear(&p->log, p->options.dir);
	}
	return r;
}

struct appending {
	struct persist *p;
	struct buf frames;
};

static int append_frame(const struct record *rec, uint64_t seq, void *arg)
{
	struct appending *a = arg;
	struct record copy = *rec;
	uint8_t *out;

	withhold_keys(a->p, &copy);
	out = buf_extend(&a->frames, FRAME_HEAD + record_size(&copy));
	if (out == NULL)
		return -ENOMEM;
	frame_write(&copy, seq, out);
	return 0;
}

/* 0; 1 the log will not do, an image is due. */
static int append_log(struct persist *p, int64_t now_ms)
{
	struct appending a = { .p = p, .frames = BUF_INIT };
	uint64_t seq = p->tail.seq;
	int r;

	if (!p->dirty || p->image == 0 || p->image_due || !tail_has_all(&p->tail, p->safe))
		return 1;
	r = tail_each(&p->tail, p->safe, append_frame, &a);
	if (r == 0 && p->log.size + a.frames.len > MAX(p->image / 2, (uint64_t)PERSIST_LOG_MIN))
		r = 1;
	if (r == 0)
		r = log_file_append(&p->log, p->options.dir, &a.frames, seq);
	buf_deinit(&a.frames);
	if (r != 0)
		return 1;
	p->begun_ms = now_ms;
	p->dirty = p->urgent = false;
	saved(p, now_ms, seq);
	return 0;
}

int64_t persist_next(const struct persist *p)
{
	int64_t pause = p->dirty ? PERSIST_INTERVAL_MS : PERSIST_LAZY_MS;

	if (p->writer != NULL)
		return 0;
	if ((!p->dirty && !p->lazy) || p->options.reads_only)
		return -1;
	return MAX(p->retry_ms, p->begun_ms < 0 ? 0 : p->begun_ms + pause);
}

void persist_step(struct persist *p, int64_t now_ms)
{
	int64_t next = persist_next(p);

	if (p->writer != NULL)
		(void)image_step(p, now_ms);
	else if (next >= 0 && next <= now_ms && append_log(p, now_ms) != 0)
		(void)image_begin(p, now_ms);
}

void persist_relieve(struct persist *p, int64_t now_ms)
{
	if (p->urgent)
		(void)persist_flush(p, now_ms);
}

int persist_flush(struct persist *p, int64_t now_ms)
{
	int r = 1;

	if (p->options.reads_only)
		return 0;
	while (p->writer != NULL && r > 0)
		r = image_step(p, now_ms);
	if (r < 0 || (!p->dirty && !p->lazy) || (!p->lazy && append_log(p, now_ms) == 0))
		return MIN(r, 0);
	r = image_begin(p, now_ms);
	if (r == 0)
		do
			r = image_step(p, now_ms);
		while (r > 0);
	return r;
}

struct persist_stats persist_stats(const struct persist *p)
{
	return (struct persist_stats){
		.saved_ms = p->saved_ms,
		.saves = p->saves,
		.bytes = p->image + p->log.size,
		.failing = p->failing,
	};
}
