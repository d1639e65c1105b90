/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checking and applying updates.
 *
 * Nothing is refused because a feature is not supported (TRANSLATION.md 9.1): that is for findings.
 * A refusal names the resource and the reason; it is the text of the NACK.  Types that are not ours
 * are kept out, with a finding per name, and not refused.  Of two resources with one name the first
 * stays.  Running out of memory is the only failure; the process ends and its successor starts from the store.
 */
#include "accept.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "drop.h"
#include "log.h"
#include "pbscan.h"
#include "staging.h"
#include "translation.h"
#include "utf8.h"

LOG_MODULE("accept");

#define DETAIL_MAX 4000		/* bytes of a NACK's text */
#define FOREIGN_MAX 200		/* findings about names of one type that is not ours */
#define WHY_SIZE 1024

struct accept {
	struct holds *hs;
	struct quarantine *quarantine;
	struct staging staging;
	uint32_t epoch;			/* of holds' `seen` */
	unsigned max_drop;		/* percent; 0: no limit */
	bool known[_RT_MAX];		/* this source has sent an update of the type */
	struct buf detail;		/* of the update that is applied */
	size_t refused;
	char *type_url;			/* owned: the one of the last result */
};

int accept_new(struct holds *hs, struct quarantine *quarantine, struct accept **ret_accept)
{
	struct accept *a = calloc(1, sizeof *a);

	if (a == NULL)
		return -ENOMEM;
	a->hs = hs;
	a->quarantine = quarantine;
	*ret_accept = a;
	return 0;
}

void accept_set_max_drop(struct accept *a, unsigned percent)
{
	a->max_drop = percent;
}

struct accept *accept_free(struct accept *a)
{
	if (a == NULL)
		return NULL;
	staging_reset(&a->staging);
	buf_deinit(&a->detail);
	free(a->type_url);
	free(a);
	return NULL;
}

void accept_reset(struct accept *a)
{
	if (a->staging.type_url != NULL)
		log_warn("the source has gone in the middle of update %llu: nothing of it is used",
			 (unsigned long long)a->staging.update);
	staging_reset(&a->staging);
	memset(a->known, 0, sizeof a->known);
}

/* ---- while frames come: check ------------------------------------------------------------- */

/* The name inside: field 1 of each of our types. Some responses name a resource only there (XDS.md 2). */
static char *inner_name(const uint8_t *body, size_t size)
{
	struct pb_cursor c = pb_cursor_of(body, size);
	struct pb_field field;

	while (pb_field_next(&c, &field) == PB_FIELD)
		if (field.number == 1 && field.wire == PB_LEN && utf8_is_string(field.data, field.len))
			return strndup((const char *)field.data, field.len);
	return strdup("");
}

static const char *name_fault(const char *name)
{
	if (name[0] == '\0')
		return "it has no name";
	if (strlen(name) > ACCEPT_NAME_MAX)
		return "its name is longer than 16384 bytes";
	return utf8_is_string(name, strlen(name)) ? NULL : "its name is not UTF-8";
}

static int check(struct accept *a, struct resource *r, struct staging *s, char *why, size_t why_size)
{
	int result;

	if (a->quarantine != NULL && quarantine_has(a->quarantine, r->type, r->name, r->hash)) {
		snprintf(why, why_size, "these bytes have ended meshd's translator before; they are tried again "
					"when the resource changes");
		return 1;
	}
	if (a->quarantine != NULL)
		quarantine_mark(a->quarantine, QUARANTINE_CHECK, r);
	result = translation_check(r, staging_need, s, why, why_size);
	if (a->quarantine != NULL)
		quarantine_clear(a->quarantine);
	return result < 0 || s->failed ? -ENOMEM : result;
}

static int refuse_staged(struct staged *item, const char *why)
{
	item->state = STAGED_REFUSED;
	item->why = strdup(why);
	return item->why != NULL ? 0 : -ENOMEM;
}

static bool same_bytes(const struct resource *held, const Mesh__ResourceItem *in)
{
	size_t size = in->body.len;

	return held->size == size && (size == 0 || memcmp(held->body, in->body.data, size) == 0);
}

static int stage_held(struct staged *item, struct resource *held, const Mesh__ResourceItem *in)
{
	int r = 0;

	item->state = STAGED_SAME;
	if (strcmp(held->version, in->version) != 0)
		r = resource_new(held->type, held->name, in->version, held->body, held->size, &item->r);
	else
		item->r = resource_ref(held);
	if (r == 0)
		item->name = item->r->name;
	return r;
}

static int stage_new(struct accept *a, struct staged *item, const char *name, const Mesh__ResourceItem *in)
{
	struct staging *s = &a->staging;
	size_t first = s->n_needs;
	char why[WHY_SIZE] = "";
	int r;

	r = resource_new(s->type, name, in->version, in->body.data, in->body.len, &item->r);
	if (r < 0)
		return r;
	item->name = item->r->name;
	r = check(a, item->r, s, why, sizeof why);
	if (r < 0)
		return r;
	if (r > 0) {
		s->n_needs = first;
		return refuse_staged(item, why);
	}
	item->state = STAGED_GOOD;
	item->first_need = first;
	item->n_needs = s->n_needs - first;
	return 0;
}

/* What is alive and no more, or cannot be taken whatever its bytes are. */
static int stage_without_body(struct staging *s, struct staged *item, const char *name, const char *fault)
{
	item->name = strdup(fault == NULL || name[0] == '\0' ? name : "(unreadable)");
	if (item->name == NULL)
		return -ENOMEM;
	if (s->type == _RT_MAX || fault != NULL)
		return refuse_staged(item, fault != NULL ? fault : "");
	item->state = STAGED_BEAT;
	return 0;
}

static int stage_item(struct accept *a, const Mesh__ResourceItem *in)
{
	struct staging *s = &a->staging;
	_cleanup_free_ char *inner = NULL;
	const char *name = in->name, *fault;
	struct staged *item;
	struct hold *h;

	if (name[0] == '\0') {
		inner = inner_name(in->body.data, in->body.len);
		if (inner == NULL)
			return -ENOMEM;
		name = inner;
	}
	fault = name_fault(name);
	item = staging_add(s);
	if (item == NULL)
		return -ENOMEM;
	if (s->type == _RT_MAX || fault != NULL || in->heartbeat)
		return stage_without_body(s, item, name, fault);
	item->hold = h = holds_find(a->hs, s->type, name);
	if (h != NULL && h->accepted != NULL && same_bytes(h->accepted, in))
		return stage_held(item, h->accepted, in);
	return stage_new(a, item, name, in);
}

static int stage_frame(struct accept *a, const Mesh__Resources *frame)
{
	struct staging *s = &a->staging;
	int r = 0;

	s->flags |= frame->flags;
	for (size_t i = 0; r == 0 && i < frame->n_resources; i++) {
		s->bytes += frame->resources[i]->body.len;
		s->too_large = s->too_large || s->n_items >= ACCEPT_ITEMS_MAX || s->bytes > ACCEPT_BYTES_MAX;
		if (!s->too_large && !s->headless)
			r = stage_item(a, frame->resources[i]);
	}
	for (size_t i = 0; r == 0 && i < frame->n_removed; i++) {
		s->too_large = s->too_large || s->n_removed >= ACCEPT_ITEMS_MAX;
		if (!s->too_large)
			r = staging_add_removed(s, frame->removed[i]);
	}
	return r;
}

/* ---- at LAST: apply ----------------------------------------------------------------------- */

static void _printf_(2, 3) detail_add(struct accept *a, const char *fmt, ...)
{
	va_list ap;

	a->refused++;
	if (a->detail.len > DETAIL_MAX)
		return;
	if (a->detail.len > 0)
		buf_puts(&a->detail, "; ");
	va_start(ap, fmt);
	buf_vprintf(&a->detail, fmt, ap);
	va_end(ap);
	if (a->detail.len > DETAIL_MAX)
		buf_puts(&a->detail, "; … and more");
}

/* Replaces what acceptance has found about a resource of the update's type; NULL: nothing. */
static int tell(struct accept *a, const char *name, const struct mesh_finding *finding)
{
	int r = findings_set_for(a->hs->findings, FINDINGS_ACCEPT, a->staging.type, name, finding, finding != NULL);

	return r < 0 ? r : 0;
}

/* There is nothing to hold it by: the finding lasts until the next update of the type. */
static int refuse_nameless(struct accept *a, const struct staged *item)
{
	const struct mesh_finding finding = finding_nack(a->staging.type, item->name, "name", item->why);

	return tell(a, "", &finding);
}

static int apply_refused(struct accept *a, const struct staged *item)
{
	const char *word = rt_info(a->staging.type)->word;
	struct hold *h;

	detail_add(a, "%s '%.512s': %s", word, item->name, item->why);
	if (item->r == NULL)
		return refuse_nameless(a, item);
	if (holds_get(a->hs, a->staging.type, item->name, &h) < 0)
		return -ENOMEM;
	return holds_refuse(a->hs, h, item->r->hash, item->why);
}

static int apply_good(struct accept *a, const struct staging *s, const struct staged *item, struct hold *h)
{
	_cleanup_free_ struct need_raw *raw = NULL;
	struct need_list *needs;
	int r;

	r = staging_needs(s, item->first_need, item->n_needs, &raw);
	if (r == 0)
		r = needs_new(a->hs, raw, item->n_needs, &needs);
	if (r < 0)
		return r;
	holds_accept(a->hs, h, item->r, needs);
	return 0;
}

static void apply_same(struct accept *a, const struct staged *item, struct hold *h, struct accept_result *result)
{
	h->foreign = false;
	holds_unrefuse(a->hs, h);
	if (item->r != h->accepted) {
		holds_rename_version(h, item->r);
		result->versions = true;
	}
}

/* The same name twice: harmless if the bytes are the same too. */
static int apply_twice(struct accept *a, const struct staged *item, struct hold *h)
{
	static const char why[] = "the same name comes twice in one update, with different contents; "
				  "the first one is used";
	const struct mesh_finding finding = finding_nack(h->type, h->name, "", why);

	if (item->r == NULL || (h->accepted != NULL && h->accepted->hash == item->r->hash))
		return 0;
	detail_add(a, "%s '%.512s': %s", rt_info(h->type)->word, h->name, why);
	return tell(a, h->name, &finding);
}

static int apply_item(struct accept *a, const struct staged *item, struct accept_result *result)
{
	struct hold *h;

	if (item->r == NULL && item->state != STAGED_BEAT)
		return apply_refused(a, item);
	h = a->staging.reaped == a->hs->reaped ? item->hold : NULL;
	if (h == NULL && holds_get(a->hs, a->staging.type, item->name, &h) < 0)
		return -ENOMEM;
	if (h->seen == a->epoch)
		return apply_twice(a, item, h);
	h->seen = a->epoch;
	drop_spare(a->hs, h);
	if (h->refusal == NULL && item->state != STAGED_REFUSED)
		(void)tell(a, h->name, NULL);
	switch (item->state) {
	case STAGED_GOOD:
		result->changed++;
		if (a->quarantine != NULL)
			quarantine_forget(a->quarantine, h->type, h->name);
		return apply_good(a, &a->staging, item, h);
	case STAGED_SAME:
		apply_same(a, item, h, result);
		return 0;
	case STAGED_REFUSED:
		return apply_refused(a, item);
	case STAGED_BEAT:
		break;
	}
	return 0;
}

static void remove_hold(struct accept *a, struct hold *h, struct accept_result *result)
{
	if (h->accepted == NULL && h->refusal == NULL && !h->withheld)
		return;
	if (result != NULL)
		result->changed += h->accepted != NULL;
	(void)findings_set_for(a->hs->findings, FINDINGS_ACCEPT, h->type, h->name, NULL, 0);
	holds_remove(a->hs, h);
}

/* With a limit, whether they may go is known when all are. */
static void remove_or_doom(struct accept *a, struct hold *h, struct accept_result *result)
{
	if (a->max_drop > 0 && h->accepted != NULL)
		drop_doom(a->hs, h);
	else
		remove_hold(a, h, result);
}

/* A name that is removed and sent in one update is there. */
static void apply_removed(struct accept *a, struct accept_result *result)
{
	for (size_t i = 0; i < a->staging.n_removed; i++) {
		struct hold *h = holds_find(a->hs, a->staging.type, a->staging.removed[i]);

		if (h != NULL && h->seen != a->epoch)
			remove_or_doom(a, h, result);
	}
}

static void apply_snapshot(struct accept *a, struct accept_result *result)
{
	enum rt type = a->staging.type;
	bool snapshot = (a->staging.flags & MESH_UPDATE_SNAPSHOT) != 0;

	/* Differences may follow a complete set; only another source is another matter. */
	a->hs->whole[type] = snapshot || (a->known[type] && a->hs->whole[type]);
	a->known[type] = true;
	if (!snapshot || (a->staging.flags & MESH_UPDATE_INCOMPLETE) != 0)
		return;
	for (struct hold *h = a->hs->heads[type]; h != NULL; h = h->hh.next)
		if (h->seen != a->epoch)
			remove_or_doom(a, h, result);
}

static void remove_doomed(struct accept *a, enum rt type, struct accept_result *result)
{
	for (struct hold *h = a->hs->heads[type]; a->hs->doomed[type] > 0 && h != NULL; h = h->hh.next)
		if (h->doomed)
			remove_hold(a, h, result);
}

/* Types that are not ours: a finding per name, replaced by the next update of that type. */
static int apply_unknown(struct accept *a)
{
	struct staging *s = &a->staging;
	struct mesh_finding *list = calloc(s->n_items + 1, sizeof *list);
	const char *slash = strrchr(s->type_url, '/');
	size_t n = MIN(s->n_items, (size_t)FOREIGN_MAX);
	int r;

	if (list == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		list[i] = (struct mesh_finding){
			.severity = MESH_SEV_WARN,
			.type = slash != NULL ? slash + 1 : s->type_url,
			.name = s->items[i].name,
			.field = "",
			.behaviour = "skip",
			.reason = "resources of this type mean nothing to meshd; it is left out",
		};
	r = findings_set(a->hs->findings, FINDINGS_ACCEPT, s->type_url, list, n);
	free(list);
	return r < 0 ? r : 0;
}

static int apply_known(struct accept *a, struct accept_result *result)
{
	enum rt type = a->staging.type;
	size_t before = a->hs->held[type];
	int r = 0;

	if (++a->epoch == 0)
		a->epoch = 1;
	(void)tell(a, "", NULL);
	for (size_t i = 0; r == 0 && i < a->staging.n_items; i++)
		r = apply_item(a, &a->staging.items[i], result);
	if (r < 0)
		return r;
	apply_removed(a, result);
	apply_snapshot(a, result);
	if (a->max_drop > 0 && drop_is_allowed(a->hs, type, before, a->max_drop))
		remove_doomed(a, type, result);
	return 0;
}

void accept_dropped(struct accept *a, size_t ret_gone[_RT_MAX])
{
	for (unsigned type = 0; type < _RT_MAX; type++) {
		ret_gone[type] += a->hs->doomed[type];
		remove_doomed(a, (enum rt)type, NULL);
		(void)drop_is_allowed(a->hs, (enum rt)type, 0, 0);
	}
}

static int apply(struct accept *a, struct accept_result *result)
{
	struct staging *s = &a->staging;

	if (s->headless) {
		detail_add(a, "its first part was lost: nothing of it is used; it must be sent again");
		return 0;
	}
	if (s->too_large) {
		detail_add(a, "the update has more than %u resources or %u MiB: nothing of it is used",
			   ACCEPT_ITEMS_MAX, ACCEPT_BYTES_MAX >> 20);
		return 0;
	}
	return s->type == _RT_MAX ? apply_unknown(a) : apply_known(a, result);
}

static int finish(struct accept *a, struct accept_result *ret_result)
{
	struct accept_result result = {
		.update = a->staging.update,
		.type = a->staging.type,
		.flags = a->staging.flags,
	};
	int r;

	buf_reset(&a->detail);
	a->refused = 0;
	r = apply(a, &result);
	free(a->type_url);
	a->type_url = TAKE(a->staging.type_url);
	staging_reset(&a->staging);
	result.type_url = a->type_url;
	result.accepted = a->refused == 0;
	result.detail = buf_str(&a->detail);
	if (r < 0 || result.detail == NULL)
		return -ENOMEM;
	*ret_result = result;
	return ACCEPT_ENDED;
}

int accept_frame(struct accept *a, const Mesh__Resources *frame, struct accept_result *ret_result)
{
	int r = 0;

	if (a->staging.type_url == NULL || a->staging.update != frame->update ||
	    strcmp(a->staging.type_url, frame->type_url) != 0) {
		if (a->staging.type_url != NULL)
			log_warn("update %llu was not finished before update %llu: nothing of it is used",
				 (unsigned long long)a->staging.update, (unsigned long long)frame->update);
		r = staging_open(&a->staging, frame);
		a->staging.reaped = a->hs->reaped;
	}
	if (r == 0)
		r = stage_frame(a, frame);
	if (r < 0)
		return r;
	return (frame->flags & MESH_UPDATE_LAST) != 0 ? finish(a, ret_result) : 0;
}

/* ---- from the store ----------------------------------------------------------------------- */

static int stored_refused(struct accept *a, const struct resource *r, struct hold *h, const char *why)
{
	log_warn("stored %s '%.512s' is not used: %s", rt_info(r->type)->word, r->name, why);
	return holds_refuse(a->hs, h, r->hash, why) < 0 ? -ENOMEM : ACCEPT_REFUSED;
}

int accept_stored(struct accept *a, struct resource *r)
{
	struct staging s = { .type = r->type };
	struct staged item = { .r = r };
	char why[WHY_SIZE] = "";
	struct hold *h;
	int result = check(a, r, &s, why, sizeof why);

	if (result >= 0 && holds_get(a->hs, r->type, r->name, &h) < 0)
		result = -ENOMEM;
	item.n_needs = s.n_needs;
	if (result == 0)
		result = apply_good(a, &s, &item, h);
	else if (result > 0)
		result = stored_refused(a, r, h, why);
	staging_reset(&s);
	return result;
}
