/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scan of plain assignments; see assignment.h.  A table for each message says which fields a plain one
 * may have; another one, a repeated one that is not to be, or another wire type ends it.  Called by check.c
 * for acceptance and by endpoint.c for nodes; what is not plain is decoded there.
 */
#include "assignment.h"

#include "pbscan.h"

#define FIELDS 6 /* one more than the largest number of a field that is known here */

struct scan {
	plain_endpoint_fn fn;
	void *arg;
	struct plain_endpoint endpoint; /* that is being read */
};

typedef bool (*field_fn)(struct scan *s, const struct pb_field *f);

struct shape {
	field_fn fn; /* NULL: no such field */
	enum pb_wire wire;
	bool repeated;
};

static bool message(struct scan *s, const struct pb_field *f, const struct shape shapes[FIELDS])
{
	struct pb_cursor c = pb_cursor_of(f->data, f->len);
	struct pb_field field;
	unsigned seen = 0;
	int r;

	while ((r = pb_field_next(&c, &field)) == PB_FIELD) {
		const struct shape *shape = &shapes[field.number < FIELDS ? field.number : 0];

		if (shape->fn == NULL || shape->wire != field.wire ||
		    (!shape->repeated && (seen & 1u << field.number) != 0) || !shape->fn(s, &field))
			return false;
		seen |= 1u << field.number;
	}
	return r == 0;
}

/* What says nothing about nodes. */
static bool any(struct scan *s, const struct pb_field *f)
{
	(void)s;
	(void)f;
	return true;
}

static bool zero(struct scan *s, const struct pb_field *f)
{
	(void)s;
	return f->value == 0;
}

static bool address(struct scan *s, const struct pb_field *f)
{
	s->endpoint.address = f->data;
	s->endpoint.address_len = f->len;
	return true;
}

static bool port(struct scan *s, const struct pb_field *f)
{
	s->endpoint.port = (uint32_t)f->value;
	return f->value > 0 && f->value <= 65535;
}

/* SocketAddress: TCP, address, port_value. */
static bool socket_address(struct scan *s, const struct pb_field *f)
{
	static const struct shape shapes[FIELDS] = {
		[1] = { zero, PB_VARINT, false },
		[2] = { address, PB_LEN, false },
		[3] = { port, PB_VARINT, false },
	};

	return message(s, f, shapes);
}

static bool address_message(struct scan *s, const struct pb_field *f)
{
	static const struct shape shapes[FIELDS] = { [1] = { socket_address, PB_LEN, false } };

	return message(s, f, shapes);
}

static bool endpoint(struct scan *s, const struct pb_field *f)
{
	static const struct shape shapes[FIELDS] = { [1] = { address_message, PB_LEN, false } };

	return message(s, f, shapes);
}

/* HealthStatus: UNKNOWN, HEALTHY; UNHEALTHY, DRAINING, TIMEOUT. */
static bool health_status(struct scan *s, const struct pb_field *f)
{
	s->endpoint.usable = f->value < 2;
	return f->value <= 4;
}

/* Its map of structs; a map of typed messages would have to be looked into. */
static bool metadata(struct scan *s, const struct pb_field *f)
{
	static const struct shape shapes[FIELDS] = { [1] = { any, PB_LEN, true } };

	return message(s, f, shapes);
}

static bool weight_value(struct scan *s, const struct pb_field *f)
{
	s->endpoint.weight = (uint32_t)f->value;
	return f->value <= UINT32_MAX;
}

static bool weight(struct scan *s, const struct pb_field *f)
{
	static const struct shape shapes[FIELDS] = { [1] = { weight_value, PB_VARINT, false } };

	s->endpoint.weight = 0;
	return message(s, f, shapes);
}

static bool lb_endpoint(struct scan *s, const struct pb_field *f)
{
	static const struct shape shapes[FIELDS] = {
		[1] = { endpoint, PB_LEN, false },
		[2] = { health_status, PB_VARINT, false },
		[3] = { metadata, PB_LEN, false },
		[4] = { weight, PB_LEN, false },
	};

	s->endpoint = (struct plain_endpoint){ .weight = 1, .usable = true };
	if (!message(s, f, shapes) || s->endpoint.port == 0 || s->endpoint.weight == 0)
		return false;
	return s->fn == NULL || s->fn(s->arg, &s->endpoint);
}

/* LocalityLbEndpoints: its name and weight, endpoints, priority 0. */
static bool locality(struct scan *s, const struct pb_field *f)
{
	static const struct shape shapes[FIELDS] = {
		[1] = { any, PB_LEN, false },
		[2] = { lb_endpoint, PB_LEN, true },
		[3] = { any, PB_LEN, false },
		[5] = { zero, PB_VARINT, false },
	};

	return message(s, f, shapes);
}

bool assignment_plain(const uint8_t *body, size_t size, plain_endpoint_fn fn, void *arg)
{
	static const struct shape shapes[FIELDS] = {
		[1] = { any, PB_LEN, false },
		[2] = { locality, PB_LEN, true },
	};
	const struct pb_field whole = { .data = body, .len = size };
	struct scan s = { .fn = fn, .arg = arg };

	return message(&s, &whole, shapes);
}
