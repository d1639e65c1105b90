/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the translator publishes becomes transactions.
 *
 * OBJECTS frames are staged until the one with `last` (a difference) or until END (a complete set,
 * after which whatever of the mesh is not in it is deleted); then they are one transaction, one
 * revision, and COMMITTED is answered.  A pipe that breaks in between leaves nothing behind.  A
 * transaction that cannot be made closes the pipe: the translator then sends everything again.
 */
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "private.h"
#include "send.h"

LOG_MODULE("frontend");

#define STAGED_BYTES_MAX (1ull << 30)
#define PLACEHOLDER "init_dir"

static void staged_deinit(struct staged *s)
{
	s->key = blob_unref(s->key);
	s->value = blob_unref(s->value);
}

void sink_clear(struct sink *s)
{
	for (size_t i = 0; i < s->count; i++)
		staged_deinit(&s->items[i]);
	free(s->items);
	s->items = NULL;
	s->count = s->room = s->bytes = 0;
	s->full = false;
}

static void broken(struct frontend *f, const char *reason)
{
	sink_clear(&f->sink);
	worker_pipe_broken(f->hosted.worker, ROLE_TRANSLATOR, reason);
}

/* ---- staging ------------------------------------------------------------------------------- */

static struct blob *full_key(const struct frontend *f, const char *key)
{
	char text[KS_KEY_MAX];
	int len = snprintf(text, sizeof(text), "%s/%s", f->prefix, key);

	if (len < 0 || (size_t)len >= sizeof(text) || !directories_own(f->prefix, (uint8_t *)text, (size_t)len))
		return NULL;
	return blob_new(text, (size_t)len);
}

static int stage(struct frontend *f, const char *key, const ProtobufCBinaryData *value)
{
	struct sink *s = &f->sink;
	struct staged item = { .key = full_key(f, key) };

	if (item.key == NULL)
		return -EINVAL;
	if (value != NULL)
		item.value = blob_new(value->data, value->len);
	if (s->count == s->room) {
		size_t room = MAX(64u, 2 * s->room);
		struct staged *items = reallocarray(s->items, room, sizeof(*items));

		if (items != NULL) {
			s->items = items;
			s->room = room;
		}
	}
	s->bytes += item.key->size + (item.value != NULL ? item.value->size : 0);
	if (s->count == s->room || (value != NULL && item.value == NULL) || s->bytes > STAGED_BYTES_MAX) {
		staged_deinit(&item);
		return -ENOMEM;
	}
	s->items[s->count++] = item;
	return 0;
}

/* ---- transactions -------------------------------------------------------------------------- */

static int put_placeholder(struct frontend *f, const char *directory)
{
	struct keyspace *ks = store_keys(f->store);
	_cleanup_(blob_unrefp) struct blob *value = blob_new(PLACEHOLDER, strlen(PLACEHOLDER));
	char key[PREFIX_SIZE_MAX + 64];
	int len = snprintf(key, sizeof(key), "%s/%s/", f->prefix, directory);

	if (value == NULL)
		return -ENOMEM;
	return ks_txn_put(ks, key, (size_t)len, value);
}

static int put_placeholders(struct frontend *f)
{
	int r = 0;

	for (size_t i = 0; i < DIRECTORIES && r == 0; i++)
		r = put_placeholder(f, directories[i]);
	return r;
}

/* Everything in the mesh's directories that this transaction does not put goes. */
static int replace_all(struct frontend *f)
{
	int r = put_placeholders(f);

	for (size_t i = 0; i < DIRECTORIES && r == 0; i++) {
		char key[PREFIX_SIZE_MAX + 64], end[PREFIX_SIZE_MAX + 64];
		int len = snprintf(key, sizeof(key), "%s/%s/", f->prefix, directories[i]);
		struct ks_range range = {
			.key = (uint8_t *)key,
			.end = (uint8_t *)end,
			.key_size = (size_t)len,
			.end_size = (size_t)len,
		};

		memcpy(end, key, (size_t)len);
		end[len - 1]++;
		r = ks_txn_replace(store_keys(f->store), &range);
	}
	return r;
}

static int fill(struct frontend *f)
{
	struct keyspace *ks = store_keys(f->store);
	int r = 0;

	for (size_t i = 0; i < f->sink.count && r == 0; i++) {
		const struct staged *s = &f->sink.items[i];

		r = s->value != NULL ? ks_txn_put(ks, s->key->data, s->key->size, s->value)
				     : ks_txn_delete(ks, s->key->data, s->key->size);
	}
	return r == 0 && f->sink.full ? replace_all(f) : r;
}

static int transact(struct frontend *f, int (*fn)(struct frontend *f), uint64_t *ret_revision)
{
	struct keyspace *ks = store_keys(f->store);
	int r = ks_txn_begin(ks);

	if (r < 0)
		return r;
	r = fn(f);
	if (r < 0) {
		ks_txn_abort(ks);
		return r;
	}
	return ks_txn_commit(ks, frontend_now_ms(), ret_revision);
}

int sink_placeholders(struct frontend *f)
{
	int r = transact(f, put_placeholders, NULL);

	return r < 0 ? r : 0;
}

static void commit(struct frontend *f, uint64_t number)
{
	Mesh__Committed answer = MESH__COMMITTED__INIT;
	uint64_t revision = 0;
	int r = transact(f, fill, &revision);

	if (r < 0) {
		(void)log_err_errno(r, "a transaction of %zu objects could not be committed; "
				    "APISIX keeps what it has, everything is sent again", f->sink.count);
		broken(f, "a transaction could not be committed");
		return;
	}
	if (f->sink.full)
		frontend_complete(f);
	f->sink.commits += r == 0;
	f->sink.unchanged += r == KS_UNCHANGED;
	sink_clear(&f->sink);
	answer.commit = number;
	answer.revision = (int64_t)revision;
	(void)msg_send_COMMITTED(worker_pipe(f->hosted.worker, ROLE_TRANSLATOR), &answer, -1);
}

/* ---- messages ------------------------------------------------------------------------------ */

static void handle_begin(void *ctx, const ProtobufCMessage *body, int fd)
{
	struct frontend *f = ctx;

	(void)body;
	(void)fd;
	sink_clear(&f->sink);
	f->sink.full = true;
}

static void handle_objects(void *ctx, const ProtobufCMessage *body, int fd)
{
	const Mesh__Objects *m = (const Mesh__Objects *)body;
	struct frontend *f = ctx;
	int r = 0;

	(void)fd;
	for (size_t i = 0; i < m->n_put && r == 0; i++)
		r = stage(f, m->put[i]->key, &m->put[i]->value);
	for (size_t i = 0; i < m->n_del && r == 0; i++)
		r = stage(f, m->del[i], NULL);
	if (r == -EINVAL)
		broken(f, "an object outside of the mesh's directories");
	else if (r < 0)
		broken(f, "no memory for a transaction");
	else if (m->last && !f->sink.full)
		commit(f, m->commit);
}

static void handle_end(void *ctx, const ProtobufCMessage *body, int fd)
{
	const Mesh__End *m = (const Mesh__End *)body;
	struct frontend *f = ctx;

	(void)fd;
	if (!f->sink.full)
		broken(f, "END without BEGIN");
	else
		commit(f, m->commit);
}

const struct pipe_handler_row sink_handlers[] = {
	{ MSG_BEGIN, handle_begin },
	{ MSG_OBJECTS, handle_objects },
	{ MSG_END, handle_end },
	{ 0, NULL },
};
