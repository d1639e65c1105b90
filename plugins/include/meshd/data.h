/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a host and its plugin speak about: findings, resources, keys, transactions, leases.
 * Included by host.h and plugin.h.  Pointers are borrowed for the call that passes them, unless a
 * comment says otherwise.
 */
#ifndef MESHD_DATA_H
#define MESHD_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mesh_level { MESH_ERR = 0, MESH_WARN, MESH_INFO, MESH_DEBUG };

/* One line of a report: what was not exact, where, and what happens instead. */
enum mesh_severity { MESH_SEV_INFO = 0, MESH_SEV_WARN, MESH_SEV_ERROR };

struct mesh_finding {
	enum mesh_severity severity;
	const char *type;	/* message name of the resource ("envoy.config.cluster.v3.Cluster"), "" if none */
	const char *name;	/* resource name; for a file its path */
	const char *field;	/* dotted path of the field, or "line:column", or "" */
	const char *behaviour;	/* info | warn | slot | closed | skip | nack */
	const char *reason;	/* one sentence for the operator, with the remedy where there is one */
};

/* A resource: opaque to a source.  `body` is the serialised message that its type URL names. */
struct mesh_resource {
	const char *type_url;	/* "type.googleapis.com/envoy.config.cluster.v3.Cluster" */
	const char *name;
	const char *version;	/* opaque; "" if the source knows none */
	const uint8_t *body;	/* NULL: heartbeat only (keeps what is held alive) */
	size_t size;
};

/*
 * A change of resources of ONE type.  A large change may come in several calls with the same `id`
 * (FIRST on the first, LAST on the last); it takes effect as a whole at LAST.
 * SNAPSHOT: the resources are all there are of this type; what is held and absent is gone.
 * INCOMPLETE: with SNAPSHOT: something could not be read, so nothing may be deleted because of it.
 */
enum {
	MESH_UPDATE_FIRST = 1 << 0,
	MESH_UPDATE_LAST = 1 << 1,
	MESH_UPDATE_SNAPSHOT = 1 << 2,
	MESH_UPDATE_INCOMPLETE = 1 << 3,
};

struct mesh_update {
	uint64_t id;			/* chosen by the source, > 0, rising; named again in the verdict */
	const char *type_url;
	const char *version;		/* of the whole response; "" if none */
	unsigned flags;			/* MESH_UPDATE_* */
	const struct mesh_resource *resources;
	size_t n_resources;
	const char *const *removed;	/* names */
	size_t n_removed;
};

/* State of the connection to the control plane, for `meshctl status`. */
struct mesh_source_state {
	bool connected;
	const char *origin;	/* what identifies where resources come from (plugin, servers, node id) */
	const char *detail;	/* "watching 3 paths", "connected to …", or the last error and the next step */
	/*
	 * Not connected, but it would be served: the control plane takes one connection of ours at a time, and
	 * its place is taken, by the source that this one is to follow or for some time after its end.
	 */
	bool occupied;
};

/* Immutable bytes with a reference count; a frontend may keep one by taking a reference. */
struct mesh_blob {
	const uint8_t *data;
	size_t size;
};

struct mesh_kv {
	const uint8_t *key;
	size_t key_size;
	const struct mesh_blob *value;	/* NULL in a delete event */
	int64_t create_revision, mod_revision, version, lease;
};

enum mesh_event_type { MESH_PUT = 0, MESH_DELETE = 1 };

struct mesh_event {
	enum mesh_event_type type;
	struct mesh_kv kv;
	struct mesh_kv prev;		/* prev.value NULL: there was none */
};

/* One transaction: every event of one revision. */
struct mesh_txn {
	int64_t revision;
	const struct mesh_event *events;
	size_t n_events;
};

/* etcd's key ranges: no end = one key; end "\0" = all keys from `key` on. */
struct mesh_range {
	const uint8_t *key, *end;
	size_t key_size, end_size;
	int64_t revision;		/* 0: now */
};

enum {
	MESH_COMPACTED = 1,		/* the asked revision is older than the history */
	MESH_FUTURE = 2,		/* the asked revision has not happened yet */
	MESH_BUSY = 3,			/* taken, but deliver no more until resume() */
	MESH_READ_ONLY = 4,		/* the mesh owns this key */
	MESH_NO_SPACE = 5,		/* the client space is full */
	MESH_NO_LEASE = 6,		/* there is no such lease */
	MESH_LEASE_EXISTS = 7,		/* there is one with this id already */
	MESH_TOO_LARGE = 8,		/* a key or a value is longer than the store takes */
};

/* One change of a client's transaction, see store_write(). */
struct mesh_change {
	const uint8_t *key, *value;	/* value NULL: the key is deleted */
	size_t key_size, value_size;
	int64_t lease;			/* of a put; 0: none */
};

/* A lease of the client space; times in seconds. */
struct mesh_lease {
	int64_t id;			/* never 0 */
	int64_t ttl, remaining;		/* as granted, and until it ends unless it is renewed */
};

#endif
