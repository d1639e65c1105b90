/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of identities, by destination and by address; see identity.h. Memory is the only thing
 * that can fail; a network that is full leaves its destinations without an address.
 */
#include "identity.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>
#include <xxhash.h>

#include "cleanup.h"

#define PURGE_S 3600		/* between two looks for what can be forgotten */
#define SPACE_BITS 32		/* of larger networks only the first 2^32 addresses are used */
#define LOW_RESERVED 16		/* addresses at the beginning of a network that has room */

/* Places from the end of a network. */
enum { END_BROADCAST = 1, END_REST_OUT, END_TEST_OUT, END_REST_IN, END_TEST_IN, _END_MAX };

struct entry {
	UT_hash_handle hh;	/* by destination */
	UT_hash_handle by_address;	/* while `given` */
	struct cidr address;
	char text[CIDR_TEXT];	/* of the address */
	int64_t released;
	unsigned refs;
	bool given, touched;
	char destination[];
};

struct identities {
	struct identities_options options;
	struct entry *entries;		/* a hash table, owns them */
	struct entry *addresses;	/* the same by address */
	struct entry **touched;		/* owned: wanted for the first time, or no longer, since the last settle */
	size_t n_touched, cap_touched;
	int64_t purged;
	bool failed;
};

int identities_new(const struct identities_options *options, struct identities **ret_identities)
{
	struct identities *ids = calloc(1, sizeof *ids);

	if (ids == NULL)
		return -ENOMEM;
	ids->options = *options;
	*ret_identities = ids;
	return 0;
}

int identities_new_plain(struct identities **ret_identities)
{
	struct identities_options options = { .clock = NULL };

	(void)cidr_parse(IDENTITY_OUTBOUND4, &options.nets.outbound4);
	(void)cidr_parse(IDENTITY_INBOUND4, &options.nets.inbound4);
	(void)cidr_parse(IDENTITY_IP6, &options.nets.ip6);
	return identities_new(&options, ret_identities);
}

static void entry_free(struct identities *ids, struct entry *e)
{
	if (e->given)
		HASH_DELETE(by_address, ids->addresses, e);
	HASH_DEL(ids->entries, e);
	free(e);
}

struct identities *identities_free(struct identities *ids)
{
	struct entry *e, *next;

	if (ids == NULL)
		return NULL;
	HASH_ITER (hh, ids->entries, e, next)
		entry_free(ids, e);
	free(ids->touched);
	free(ids);
	return NULL;
}

/* ---- networks ----------------------------------------------------------------------------- */

static const struct cidr *net_of(const struct identity_nets *nets, bool inbound, bool v6)
{
	return v6 ? &nets->ip6 : inbound ? &nets->inbound4 : &nets->outbound4;
}

static uint64_t net_size(const struct cidr *net)
{
	unsigned bits = cidr_bits(net) - net->len;

	return UINT64_C(1) << (bits < SPACE_BITS ? bits : SPACE_BITS);
}

static struct cidr net_at(const struct cidr *net, uint64_t offset)
{
	struct cidr c = *net;
	unsigned last = cidr_bits(net) / 8 - 1;

	for (unsigned i = 0; i <= last && offset > 0; i++, offset >>= 8)
		c.addr[last - i] |= (uint8_t)offset;
	c.len = (uint8_t)cidr_bits(net);
	return c;
}

static void print_from_end(const struct cidr *net, unsigned end, char ret_text[CIDR_TEXT])
{
	uint64_t size = net_size(net);
	struct cidr c = net_at(net, size > end ? size - end : 0);

	cidr_print(&c, ret_text);
}

void identity_rest(const struct identity_nets *nets, bool inbound, bool v6, char ret_text[CIDR_TEXT])
{
	print_from_end(net_of(nets, inbound, v6), inbound ? END_REST_IN : END_REST_OUT, ret_text);
}

void identity_test(const struct identity_nets *nets, bool inbound, bool v6, char ret_text[CIDR_TEXT])
{
	print_from_end(net_of(nets, inbound, v6), inbound ? END_TEST_IN : END_TEST_OUT, ret_text);
}

/* ---- giving ------------------------------------------------------------------------------- */

static int64_t now_of(const struct identities *ids)
{
	int64_t now = ids->options.clock != NULL ? ids->options.clock() : 0;

	return now > 0 ? now : 1;
}

static bool expired(const struct entry *e, int64_t now)
{
	return e->released != 0 && e->refs == 0 && !e->touched && now - e->released >= IDENTITY_KEEP_S;
}

static struct entry *entry_at(const struct identities *ids, const struct cidr *address)
{
	struct entry *e;

	HASH_FIND(by_address, ids->addresses, address, sizeof *address, e);
	return e;
}

static struct entry *entry_find(const struct identities *ids, const char *destination)
{
	struct entry *e;

	HASH_FIND_STR(ids->entries, destination, e);
	return e;
}

static struct entry *entry_get(struct identities *ids, const char *destination)
{
	struct entry *e = entry_find(ids, destination);

	if (e != NULL)
		return e;
	e = calloc(1, sizeof *e + strlen(destination) + 1);
	if (e == NULL)
		return NULL;
	strcpy(e->destination, destination);
	HASH_ADD_STR(ids->entries, destination, e);
	return e;
}

static void give(struct identities *ids, struct entry *e, const struct cidr *address)
{
	if (e->given)
		HASH_DELETE(by_address, ids->addresses, e);
	e->address = *address;
	cidr_print(address, e->text);
	e->given = true;
	HASH_ADD(by_address, ids->addresses, address, sizeof e->address, e);
}

static void tell(const struct identities *ids, const struct entry *e)
{
	const struct identity id = {
		.destination = e->destination, .address = e->text, .released = e->released
	};

	if (ids->options.changed != NULL)
		ids->options.changed(ids->options.arg, &id);
}

/* The hash of the destination, or the next address behind it that is free. */
static bool find_free(struct identities *ids, const struct entry *e, const struct cidr *net, struct cidr *ret)
{
	uint64_t size = net_size(net), low = size >= 1024 ? LOW_RESERVED : 1;
	uint64_t usable = size > low + _END_MAX - 1 ? size - low - (_END_MAX - 1) : 0;
	uint64_t start = usable > 0 ? XXH3_64bits(e->destination, strlen(e->destination)) % usable : 0;
	int64_t now = now_of(ids);

	for (uint64_t i = 0; i < usable; i++) {
		struct cidr at = net_at(net, low + (start + i) % usable);
		struct entry *other = entry_at(ids, &at);

		if (other != NULL && !expired(other, now))
			continue;
		if (other != NULL)
			entry_free(ids, other);
		*ret = at;
		return true;
	}
	return false;
}

static void assign(struct identities *ids, struct entry *e)
{
	struct destination d;
	struct cidr at;

	if (destination_parse(e->destination, &d) < 0)
		return;
	if (d.port == 0 && d.net.len == 0) {
		char text[CIDR_TEXT];

		identity_rest(&ids->options.nets, d.inbound, d.net.v6, text);
		if (cidr_parse(text, &at) < 0 || entry_at(ids, &at) != NULL)
			return;
	} else if (!find_free(ids, e, net_of(&ids->options.nets, d.inbound, d.net.v6), &at)) {
		return;
	}
	give(ids, e, &at);
	tell(ids, e);
}

/* ---- wanting ------------------------------------------------------------------------------ */

static int touch(struct identities *ids, struct entry *e)
{
	if (e->touched)
		return 0;
	if (ids->n_touched == ids->cap_touched) {
		size_t cap = ids->cap_touched > 0 ? ids->cap_touched * 2 : 64;
		struct entry **grown = reallocarray(ids->touched, cap, sizeof *grown);

		if (grown == NULL) {
			ids->failed = true;
			return -ENOMEM;
		}
		ids->touched = grown;
		ids->cap_touched = cap;
	}
	e->touched = true;
	ids->touched[ids->n_touched++] = e;
	return 0;
}

int identities_want(struct identities *ids, const char *destination)
{
	struct entry *e = entry_get(ids, destination);

	if (e == NULL)
		return -ENOMEM;
	/* One that found its network full tries again. */
	return e->refs++ == 0 || !e->given ? touch(ids, e) : 0;
}

void identities_drop(struct identities *ids, const char *destination)
{
	struct entry *e = entry_find(ids, destination);

	if (e != NULL && e->refs > 0 && --e->refs == 0)
		(void)touch(ids, e);
}

static int compare_entries(const void *a, const void *b)
{
	return strcmp((*(struct entry *const *)a)->destination, (*(struct entry *const *)b)->destination);
}

static void release(struct identities *ids, struct entry *e, int64_t now)
{
	if (!e->given) {
		entry_free(ids, e);
	} else if (e->released == 0) {
		e->released = now;
		tell(ids, e);
	}
}

static void purge(struct identities *ids, int64_t now)
{
	struct entry *e, *next;

	if (now - ids->purged < PURGE_S)
		return;
	ids->purged = now;
	HASH_ITER (hh, ids->entries, e, next)
		if (expired(e, now))
			entry_free(ids, e);
}

static void settle_one(struct identities *ids, struct entry *e, int64_t now)
{
	e->touched = false;
	if (e->refs == 0) {
		release(ids, e, now);
	} else if (!e->given) {
		assign(ids, e);
	} else if (e->released != 0) {
		e->released = 0;
		tell(ids, e);
	}
}

int identities_settle(struct identities *ids)
{
	int64_t now = now_of(ids);

	if (ids->n_touched > 1)
		qsort(ids->touched, ids->n_touched, sizeof(*ids->touched), compare_entries);
	for (size_t i = 0; i < ids->n_touched; i++)
		settle_one(ids, ids->touched[i], now);
	ids->n_touched = 0;
	purge(ids, now);
	return ids->failed ? -ENOMEM : 0;
}

void identities_sweep(struct identities *ids)
{
	int64_t now = now_of(ids);
	struct entry *e, *next;

	HASH_ITER (hh, ids->entries, e, next)
		if (e->refs == 0 && !e->touched)
			release(ids, e, now);
}

/* ---- reading ------------------------------------------------------------------------------ */

int identities_load(struct identities *ids, const struct identity *id)
{
	struct destination d;
	struct cidr at;
	struct entry *e, *other;

	if (destination_parse(id->destination, &d) < 0 || cidr_parse(id->address, &at) < 0 || !cidr_is_host(&at) ||
	    !cidr_contains(net_of(&ids->options.nets, d.inbound, d.net.v6), &at))
		return 1;
	other = entry_at(ids, &at);
	if (other != NULL && strcmp(other->destination, id->destination) != 0) {
		if (other->released == 0 || other->refs > 0)
			return 1;
		entry_free(ids, other);
	}
	e = entry_get(ids, id->destination);
	if (e == NULL)
		return -ENOMEM;
	e->released = id->released;
	if (other != e)
		give(ids, e, &at);
	return 0;
}

const char *identities_find(const struct identities *ids, const char *destination)
{
	const struct entry *e = entry_find(ids, destination);

	return e != NULL && e->given && e->refs > 0 ? e->text : NULL;
}

int identities_each(const struct identities *ids, int (*fn)(const struct identity *id, void *arg), void *arg)
{
	int64_t now = now_of(ids);
	int r = 0;

	for (const struct entry *e = ids->entries; e != NULL && r == 0; e = e->hh.next) {
		const struct identity id = {
			.destination = e->destination, .address = e->text, .released = e->released
		};

		if (e->given && !expired(e, now))
			r = fn(&id, arg);
	}
	return r;
}

size_t identities_count(const struct identities *ids)
{
	return HASH_CNT(by_address, ids->addresses);
}
