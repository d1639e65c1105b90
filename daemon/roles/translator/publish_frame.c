/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frames that changes are sent in: OBJECTS for the frontend, ADDRESSES for capture; see publish.h.
 * Called by publish.c, which decides how much goes into one.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "cleanup.h"
#include "destination.h"
#include "keyset.h"
#include "pipe.h"
#include "publish.h"

struct objects {
	Mesh__ObjectItem *items;	/* all owned */
	Mesh__ObjectItem **puts;
	char **dels;
	Mesh__Objects msg;
};

static void objects_deinit(struct objects *o)
{
	free(o->items);
	free(o->puts);
	free(o->dels);
}

static void objects_add(struct objects *o, struct change *c)
{
	Mesh__ObjectItem *item = &o->items[o->msg.n_put];

	if (c->del) {
		o->dels[o->msg.n_del++] = c->key;
		return;
	}
	mesh__object_item__init(item);
	item->key = c->key;
	item->value = (ProtobufCBinaryData){ .data = c->value, .len = c->size };
	o->puts[o->msg.n_put++] = item;
}

int publish_objects(const struct publish_port *port, const struct publish_frame *f)
{
	_cleanup_(objects_deinit) struct objects o = { .items = calloc(f->n + 1, sizeof *o.items) };

	mesh__objects__init(&o.msg);
	o.puts = calloc(f->n + 1, sizeof *o.puts);
	o.dels = calloc(f->n + 1, sizeof *o.dels);
	if (o.items == NULL || o.puts == NULL || o.dels == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < f->n; i++)
		objects_add(&o, f->changes[i]);
	o.msg.put = o.puts;
	o.msg.del = o.dels;
	o.msg.commit = f->commit;
	o.msg.last = f->last;
	return port->send(port->arg, MSG_OBJECTS, &o.msg.base);
}

/* One address and the texts that it points to. */
struct address_item {
	Mesh__AddressItem item;
	char network[CIDR_TEXT], identity[CIDR_TEXT];
};

struct addresses {
	struct address_item *items;	/* all owned */
	Mesh__AddressItem **puts, **dels;
	Mesh__Addresses msg;
};

static void addresses_deinit(struct addresses *a)
{
	free(a->items);
	free(a->puts);
	free(a->dels);
}

static void addresses_add(struct addresses *a, struct address_item *item, const struct change *c)
{
	struct destination d;

	if (destination_parse(c->key, &d) < 0)
		return;
	mesh__address_item__init(&item->item);
	cidr_print(&d.net, item->network);
	item->item.network = item->network;
	item->item.inbound = d.inbound;
	item->item.port = d.port;
	item->item.protocol = IPPROTO_TCP;
	if (c->del) {
		a->dels[a->msg.n_del++] = &item->item;
		return;
	}
	item->item.target = (Mesh__AddressItem__Target)c->value[0];
	snprintf(item->identity, sizeof item->identity, "%.*s", (int)c->size - 1, (const char *)c->value + 1);
	item->item.identity = item->identity;
	a->puts[a->msg.n_put++] = &item->item;
}

int publish_addresses(const struct publish_port *port, const struct publish_frame *f)
{
	_cleanup_(addresses_deinit) struct addresses a = { .items = calloc(f->n + 1, sizeof *a.items) };

	mesh__addresses__init(&a.msg);
	a.puts = calloc(f->n + 1, sizeof *a.puts);
	a.dels = calloc(f->n + 1, sizeof *a.dels);
	if (a.items == NULL || a.puts == NULL || a.dels == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < f->n; i++)
		addresses_add(&a, &a.items[i], f->changes[i]);
	a.msg.put = a.puts;
	a.msg.del = a.dels;
	a.msg.commit = f->commit;
	a.msg.last = f->last;
	return port->send(port->arg, MSG_ADDRESSES, &a.msg.base);
}
