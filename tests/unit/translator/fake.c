/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fake translation and the helpers of fake.h.  Slow and simple: every look-up is a scan.
 */
#include "fake.h"

#include "keyset.h"

unsigned fake_checks, fake_units;
void (*fake_on_work)(const struct resource *r, bool check);

/* ---- check -------------------------------------------------------------------------------- */

static void text_of(const struct resource *r, char *text, size_t size)
{
	snprintf(text, size, "%.*s", (int)r->size, (const char *)r->body);
}

typedef void (*line_fn)(void *arg, enum rt type, const char *name, int64_t timeout_ms);

static void each_need(const struct resource *r, line_fn fn, void *arg)
{
	char text[2048], type[32], name[256];
	long long timeout;

	text_of(r, text, sizeof text);
	for (char *save = NULL, *line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save))
		if (sscanf(line, "need %31s %255s %lld", type, name, &timeout) == 3)
			fn(arg, rt_find(type), name, timeout);
}

int translation_check(const struct resource *r, translation_need_fn need, void *arg, char *ret_why,
		      size_t why_size)
{
	fake_checks++;
	if (fake_on_work != NULL)
		fake_on_work(r, true);
	if (r->size >= 3 && memcmp(r->body, "bad", 3) == 0) {
		snprintf(ret_why, why_size, "it is bad");
		return 1;
	}
	each_need(r, need, arg);
	return 0;
}

/* ---- units -------------------------------------------------------------------------------- */

struct translation {
	const struct translation_ops *ops;
	void *arg;
	struct keyset marks[2];		/* clusters, listeners */
	struct keyset objects;
	struct keyset addresses;	/* by listener */
};

int translation_new(const struct translation_options *options, const struct translation_ops *ops, void *arg,
		    struct translation **ret_translation)
{
	struct translation *t = calloc(1, sizeof *t);

	assert_non_null(t);
	t->ops = ops;
	t->arg = arg;
	*ret_translation = t;
	return 0;
}

struct translation *translation_free(struct translation *t)
{
	if (t == NULL)
		return NULL;
	keyset_clear(&t->marks[0]);
	keyset_clear(&t->marks[1]);
	keyset_clear(&t->objects);
	keyset_clear(&t->addresses);
	free(t);
	return NULL;
}

void translation_freep(struct translation **t)
{
	translation_free(*t);
}

static void mark(struct translation *t, enum rt type, const char *name)
{
	assert_int_equal(keyset_set(&t->marks[type == RT_LISTENER], name, NULL, 0, false), 0);
}

struct marking {
	struct translation *t;
	const char *name;
};

static int mark_if_named(struct resource *r, void *arg)
{
	struct marking *m = arg;
	char text[2048];

	text_of(r, text, sizeof text);
	if (strstr(text, m->name) != NULL)
		mark(m->t, r->type, r->name);
	return 0;
}

const struct translation_options *translation_options(const struct translation *t)
{
	static const struct translation_options plain = { .capture = false };

	(void)t;
	return &plain;
}

int translation_changed(struct translation *t, enum rt type, const char *name)
{
	struct marking m = { t, name };

	if (rt_is_root(type)) {
		mark(t, type, name);
		return 0;
	}
	t->ops->each(t->arg, RT_CLUSTER, mark_if_named, &m);
	return t->ops->each(t->arg, RT_LISTENER, mark_if_named, &m);
}

/* A listener whose body has "at D;" has the destination D; told when it changes. */
static void tell_address(struct translation *t, const char *name, const struct resource *r)
{
	struct keyset *known = &t->addresses;
	const struct change *old = keyset_find(known, name);
	char text[2048] = "", *at, *end;

	if (r != NULL)
		text_of(r, text, sizeof text);
	at = strstr(text, "at ");
	end = at != NULL ? strchr(at, ';') : NULL;
	if (end != NULL)
		*end = '\0';
	if (old != NULL && (at == NULL || strcmp((char *)old->value, at + 3) != 0)) {
		t->ops->address(t->arg, (char *)old->value, NULL);
		keyset_drop(known, name);
	}
	if (at == NULL || t->ops->address == NULL || keyset_find(known, name) != NULL)
		return;
	assert_int_equal(keyset_set(known, name, (uint8_t *)at + 3, strlen(at + 3) + 1, false), 0);
	t->ops->address(t->arg, at + 3,
			&(struct translation_address){ at + 3, "127.64.0.9", ADDRESS_STREAM });
}

int translation_addresses(const struct translation *t, int (*fn)(const struct translation_address *a, void *arg),
			  void *arg)
{
	int r = 0;

	for (struct change *c = t->addresses.head; c != NULL && r == 0; c = c->hh.next)
		r = fn(&(struct translation_address){ (char *)c->value, "127.64.0.9", ADDRESS_STREAM }, arg);
	return r;
}

struct translation_pending translation_pending(const struct translation *t)
{
	return (struct translation_pending){
		.clusters = keyset_count(&t->marks[0]),
		.listeners = keyset_count(&t->marks[1]),
	};
}

struct value {
	struct translation *t;
	char text[8192];
};

static void add_needed(void *arg, enum rt type, const char *name, int64_t timeout_ms)
{
	struct value *v = arg;
	struct resource *r = v->t->ops->find(v->t->arg, type, name);
	size_t len = strlen(v->text);

	if (fake_on_work != NULL && r != NULL)
		fake_on_work(r, false);
	snprintf(v->text + len, sizeof v->text - len, "|%.*s", r != NULL ? (int)r->size : 1,
		 r != NULL ? (const char *)r->body : "-");
}

static struct change *object_find(struct translation *t, const char *key)
{
	for (struct change *c = t->objects.head; c != NULL; c = c->hh.next)
		if (strcmp(c->key, key) == 0)
			return c;
	return NULL;
}

static void unit(struct translation *t, enum rt type, const char *name)
{
	struct resource *r = t->ops->find(t->arg, type, name);
	struct value v = { .t = t };
	char key[512];
	struct change *old;

	fake_units++;
	snprintf(key, sizeof key, "%s/%s", type == RT_CLUSTER ? "upstreams" : "routes", name);
	old = object_find(t, key);
	if (type == RT_LISTENER)
		tell_address(t, name, r);
	if (r == NULL) {
		if (old != NULL)
			t->ops->del(t->arg, key);
		keyset_drop(&t->objects, key);
		return;
	}
	if (fake_on_work != NULL)
		fake_on_work(r, false);
	text_of(r, v.text, sizeof v.text);
	each_need(r, add_needed, &v);
	if (old != NULL && old->size == strlen(v.text) && memcmp(old->value, v.text, old->size) == 0)
		return;
	assert_int_equal(keyset_set(&t->objects, key, (uint8_t *)v.text, strlen(v.text), false), 0);
	t->ops->put(t->arg, key, (uint8_t *)v.text, strlen(v.text));
}

int translation_run(struct translation *t, unsigned kinds, size_t max_units)
{
	for (size_t done = 0; max_units == 0 || done < max_units; done++) {
		unsigned kind = (kinds & TRANSLATION_CLUSTERS) != 0 && t->marks[0].head != NULL ? 0 : 1;
		char name[256];

		if (t->marks[kind].head == NULL || (kind == 1 && (kinds & TRANSLATION_LISTENERS) == 0))
			return 0;
		snprintf(name, sizeof name, "%s", t->marks[kind].head->key);
		keyset_drop(&t->marks[kind], name);
		unit(t, kind == 0 ? RT_CLUSTER : RT_LISTENER, name);
	}
	return 1;
}

static int mark_one(struct resource *r, void *arg)
{
	mark(arg, r->type, r->name);
	return 0;
}

int translation_replay(struct translation *t)
{
	keyset_clear(&t->objects);
	t->ops->each(t->arg, RT_CLUSTER, mark_one, t);
	return t->ops->each(t->arg, RT_LISTENER, mark_one, t);
}

int translation_objects(const struct translation *t, translation_object_fn fn, void *arg)
{
	const struct translation_origin origin = { .type = RT_CLUSTER, .name = "a", .field = "name" };

	for (struct change *c = t->objects.head; c != NULL; c = c->hh.next)
		fn(c->key, c->size, &origin, 1, arg);
	return 0;
}

/* ---- helpers ------------------------------------------------------------------------------ */

static void tell(char *text, size_t size, enum rt type, const char *name, const char *what)
{
	size_t len = strlen(text);

	snprintf(text + len, size - len, "%s%s %s\n", what, rt_info(type)->word, name);
}

static void told_active(void *arg, enum rt type, const char *name)
{
	struct told *t = arg;

	tell(t->active, sizeof t->active, type, name, "");
}

static void told_accepted(void *arg, struct hold *h)
{
	struct told *t = arg;

	tell(t->accepted, sizeof t->accepted, h->type, h->name, h->accepted != NULL ? "+" : "-");
}

const struct holds_ops told_ops = { .active = told_active, .accepted = told_accepted };

void frame_make(struct frame *f, uint64_t update_id, enum rt type, unsigned flags, const char *const *resources,
		const char *const *removed)
{
	char *at = f->texts;

	mesh__resources__init(&f->msg);
	f->msg.update = update_id;
	f->msg.type_url = (char *)(uintptr_t)(type < _RT_MAX ? rt_info(type)->type_url : "type.googleapis.com/x.Y");
	f->msg.flags = flags;
	f->msg.resources = f->pointers;
	for (; resources != NULL && *resources != NULL; resources++) {
		Mesh__ResourceItem *item = &f->items[f->msg.n_resources];
		size_t len = strlen(*resources);
		char *equals;

		assert_true(at + len + 1 < f->texts + sizeof f->texts);
		memcpy(at, *resources, len + 1);
		equals = strchr(at, '=');
		mesh__resource_item__init(item);
		item->name = at;
		item->version = (char *)(uintptr_t)"1";
		item->heartbeat = equals == NULL;
		if (equals != NULL) {
			*equals = '\0';
			item->body.data = (uint8_t *)equals + 1;
			item->body.len = strlen(equals + 1);
		}
		f->pointers[f->msg.n_resources++] = item;
		at += len + 1;
	}
	f->msg.removed = (char **)(uintptr_t)removed;
	for (; removed != NULL && *removed != NULL; removed++)
		f->msg.n_removed++;
}

struct accept_result update(struct accept *a, struct holds *hs, enum rt type, unsigned flags,
			    const char *const *resources, const char *const *removed, int64_t now_ms)
{
	static uint64_t id;
	struct accept_result result = { 0 };
	struct frame f;

	frame_make(&f, ++id, type, flags, resources, removed);
	assert_int_equal(accept_frame(a, &f.msg, &result), ACCEPT_ENDED);
	holds_settle(hs, now_ms);
	return result;
}

static const char *body_of(const struct resource *r)
{
	static char texts[4][2048];
	static unsigned next;
	char *text = texts[next++ % 4];

	if (r == NULL)
		return "-";
	text_of(r, text, 2048);
	return text;
}

const char *active_of(struct holds *hs, enum rt type, const char *name)
{
	struct hold *h = holds_find(hs, type, name);

	return body_of(h != NULL ? h->active : NULL);
}

const char *accepted_of(struct holds *hs, enum rt type, const char *name)
{
	struct hold *h = holds_find(hs, type, name);

	return body_of(h != NULL ? h->accepted : NULL);
}
