/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract between meshd and its plugins.
 *
 * A plugin is one shared object that exports one symbol, `mesh_plugin`: a constant descriptor made
 * with MESH_PLUGIN().  Nothing else is shared: a plugin reaches its host only through the function
 * table that it is handed, so it links against nothing of meshd and one binary works in every
 * program that can host it (the worker, the configuration check, a test).
 *
 * Rules that hold everywhere:
 * - One thread.  Every function of the host and of the plugin runs on the worker's event loop.
 * - Nobody frees what another allocated.  What is passed in is borrowed for the call; what must
 *   live longer is copied, or referenced (struct mesh_blob).
 * - 0 is success, a negative errno means "cannot go on", a positive value is an outcome that the
 *   function's comment names.
 * - Growth: structures grow only at their end, and `size` tells how much of one is there.  `abi`
 *   changes only when a member changes its meaning; it is not the product's version.
 */
#ifndef MESHD_PLUGIN_H
#define MESHD_PLUGIN_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MESH_ABI 1u

struct event_base;		/* libevent */

/* ---- what a host offers ------------------------------------------------------------------ */

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

struct mesh_host;
struct mesh_conf;			/* checked options of one plugin */
struct mesh_diag;			/* collects what is wrong with a configuration */

typedef int (*mesh_kv_fn)(const struct mesh_kv *kv, void *arg);		/* non-zero ends the walk */
typedef int (*mesh_txn_fn)(const struct mesh_txn *txn, void *arg);	/* non-zero ends the walk */
typedef int (*mesh_lease_fn)(const struct mesh_lease *lease, void *arg);	/* non-zero ends the walk */

struct mesh_host_ops {
	uint32_t abi, size;

	/* Any kind of plugin. */
	struct event_base *(*loop)(struct mesh_host *host);
	void (*log)(struct mesh_host *host, enum mesh_level level, const char *fmt, va_list ap)
		__attribute__((format(printf, 3, 0)));
	const struct mesh_conf *(*options)(struct mesh_host *host);

	/*
	 * Options by their schema name ("tls.ca", "users[].name"); `i` counts the elements of a list
	 * (0 for a single value).  Absent and without a default: NULL, 0, false.
	 * num: INT as it is, DURATION in milliseconds, SIZE in bytes, BOOL 0 or 1.
	 */
	size_t (*conf_count)(const struct mesh_conf *conf, const char *name);
	const char *(*conf_str)(const struct mesh_conf *conf, const char *name, size_t i);
	int64_t (*conf_num)(const struct mesh_conf *conf, const char *name, size_t i);
	/* Appends "file:line:column: name: text" for the value that is wrong. */
	void (*conf_error)(struct mesh_diag *diag, const struct mesh_conf *conf, const char *name, size_t i,
			   const char *fmt, ...) __attribute__((format(printf, 5, 6)));

	/* Sources. update: 0, MESH_BUSY (stop reading until resume()), -ENOMEM, -EINVAL, -EFBIG. */
	int (*source_update)(struct mesh_host *host, const struct mesh_update *update);
	void (*source_state)(struct mesh_host *host, const struct mesh_source_state *state);
	/* Replaces everything reported before under `origin` (a file, a stream); n = 0 clears it. */
	void (*source_findings)(struct mesh_host *host, const char *origin, const struct mesh_finding *findings,
				size_t n);

	/* Frontends.  What a walk hands out is stable until the walk's caller returns to the loop. */
	size_t (*listen_count)(struct mesh_host *host);
	int (*listen_fd)(struct mesh_host *host, size_t i, const char **ret_address);	/* borrowed, listening */
	int64_t (*store_revision)(struct mesh_host *host);
	int64_t (*store_compacted)(struct mesh_host *host);	/* first revision that can be watched */
	/* In key order. 0, MESH_COMPACTED, MESH_FUTURE, or what the callback ended with. */
	int (*store_range)(struct mesh_host *host, const struct mesh_range *range, mesh_kv_fn fn, void *arg);
	/* Transactions with revision >= start, oldest first. 0, MESH_COMPACTED, or the callback's value. */
	int (*store_history)(struct mesh_host *host, int64_t start, mesh_txn_fn fn, void *arg);
	bool (*store_owned)(struct mesh_host *host, const uint8_t *key, size_t size);	/* below the mesh's prefix */
	const struct mesh_blob *(*blob_ref)(const struct mesh_blob *blob);
	void (*blob_unref)(const struct mesh_blob *blob);
	/* May a local peer with this uid read secrets?  root, meshd's own user, the proxy's user, or allow_uids. */
	bool (*uid_allowed)(struct mesh_host *host, uint32_t uid);

	/*
	 * Frontends: the client space, every key that store_owned() denies.  It shares the mesh's key
	 * space, revisions and history, is bounded, and outlives the worker; leases (etcd's) do not:
	 * their keys are deleted when the next worker starts.  Nothing here may be called from within a
	 * walk or from committed().  What a walk handed out stays as it was through a write.
	 */
	/* The revision that the next store_write() will take. */
	int64_t (*store_next)(struct mesh_host *host);
	/*
	 * All changes (n > 0, each key once) as one transaction; committed() is called from inside.  A put
	 * counts even if it changes nothing, a deletion of what is not there does not.  After any other
	 * outcome than 0 nothing has changed.  0, MESH_READ_ONLY, MESH_NO_SPACE, MESH_NO_LEASE,
	 * MESH_TOO_LARGE, or a negative errno.
	 */
	int (*store_write)(struct mesh_host *host, const struct mesh_change *changes, size_t n);
	/*
	 * Leases: when one ends (its time, lease_revoke()) its keys are deleted in one transaction.
	 * grant: id 0 lets the host choose; ttl is raised to its minimum; what came of it is written to
	 * *ret_lease. MESH_LEASE_EXISTS, MESH_NO_SPACE, -ENOMEM.  The others: 0 or MESH_NO_LEASE.
	 */
	int (*lease_grant)(struct mesh_host *host, int64_t id, int64_t ttl, struct mesh_lease *ret_lease);
	int (*lease_revoke)(struct mesh_host *host, int64_t id);	/* or a negative errno: it goes on */
	int (*lease_renew)(struct mesh_host *host, int64_t id, struct mesh_lease *ret_lease);
	int (*lease_get)(struct mesh_host *host, int64_t id, struct mesh_lease *ret_lease);
	/* The keys that have it, in order; the callback's value. */
	int (*lease_keys)(struct mesh_host *host, int64_t id, mesh_kv_fn fn, void *arg);
	/* All of them, the one that ends first at first; the callback's value. */
	int (*lease_walk)(struct mesh_host *host, mesh_lease_fn fn, void *arg);
};

/* A host's own structure begins with this, so the inline helpers below need no casts. */
struct mesh_host {
	const struct mesh_host_ops *ops;
};

static inline void __attribute__((format(printf, 3, 4)))
mesh_log(struct mesh_host *host, enum mesh_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	host->ops->log(host, level, fmt, ap);
	va_end(ap);
}

/* ---- what a plugin is -------------------------------------------------------------------- */

enum mesh_kind { MESH_SOURCE = 1, MESH_FRONTEND = 2 };

enum mesh_opt_type {
	MESH_OPT_STRING = 1,
	MESH_OPT_INT,
	MESH_OPT_BOOL,
	MESH_OPT_DURATION,	/* "20ms", "1s", "10m", "2h"; in milliseconds */
	MESH_OPT_SIZE,		/* "64MB", "4KB", "100"; in bytes */
	MESH_OPT_PATH,		/* absolute path */
	MESH_OPT_LISTEN,	/* "HOST:PORT" or "unix:PATH"; bound by the supervisor, handed over as a descriptor */
	MESH_OPT_ENUM,		/* one of `choices`, separated by | */
	MESH_OPT_ANY,		/* any YAML; read as JSON text */
};

struct mesh_opt {
	const char *name;	/* dotted; "[]" after a name makes it a list of maps: "users[].name" */
	enum mesh_opt_type type;
	bool list;		/* a list of such values */
	bool required;
	int64_t min, max;	/* both 0: no limits; of a number, or of a string's length */
	const char *def;	/* default as it would be written; NULL: none */
	const char *choices;	/* MESH_OPT_ENUM; "off" lets INT, DURATION, SIZE be that word (num 0); ANY: "map" or "list" */
	const char *doc;	/* one sentence, for the manual */
};

/* What the translator wants: the newest set of a type replaces the older one. */
struct mesh_subscription {
	const char *type_url;
	bool wildcard;
	const char *const *names;
	size_t n_names;
};

/* What the translator holds and has accepted from this same origin. */
struct mesh_holding {
	const char *type_url, *name, *version;
	uint64_t hash;		/* XXH3-64 of the body */
};

struct mesh_verdict {
	uint64_t id;		/* of the update */
	const char *type_url;
	bool accepted;
	const char *detail;	/* refused: which resources and why */
};

struct mesh_source_api {
	uint32_t size;
	/* Before start(): what is held of what origin() names; may be empty.  Called once. */
	void (*held)(void *ctx, const struct mesh_holding *holdings, size_t n);
	void (*subscribe)(void *ctx, const struct mesh_subscription *subscription);
	void (*verdict)(void *ctx, const struct mesh_verdict *verdict);
	void (*resume)(void *ctx);	/* after MESH_BUSY: there is room again */
	/* The translator is new and asks for everything again (a stream: reconnect; files: read again). */
	void (*restart)(void *ctx);
	/*
	 * The origin that source_state() will name, asked once after open(); copied.  What was accepted from another is
	 * never handed to held(): a control plane must not be told that we have what another one sent.  May be
	 * absent or NULL: then held() gets nothing, and everything is asked for anew.
	 */
	const char *(*origin)(void *ctx);
};

struct mesh_frontend_api {
	uint32_t size;
	/* After a transaction has become durable and visible. */
	void (*committed)(void *ctx, const struct mesh_txn *txn);
	/* Counters for `meshctl status`: calls emit(arg, name, value) for each. */
	void (*stats)(void *ctx, void (*emit)(void *arg, const char *name, uint64_t value), void *arg);
};

struct mesh_plugin {
	uint32_t abi, size;		/* frozen prefix: abi, size, kind, name never move */
	enum mesh_kind kind;
	const char *name;
	const char *description;
	const struct mesh_opt *options;	/* ends with a row whose name is NULL */

	/* Beyond the schema; no side effects: runs offline too. `ops` has only the conf_ functions. May be NULL. */
	void (*check)(const struct mesh_host_ops *ops, const struct mesh_conf *conf, struct mesh_diag *diag);
	int (*open)(struct mesh_host *host, void **ret_ctx);
	int (*start)(void *ctx);	/* may call the host from here on */
	void (*stop)(void *ctx);	/* orderly end: say goodbye to peers; no host calls after it returns */
	void (*close)(void *ctx);	/* accepts NULL */

	const struct mesh_source_api *source;		/* kind MESH_SOURCE */
	const struct mesh_frontend_api *frontend;	/* kind MESH_FRONTEND */
};

#define MESH_PLUGIN(plugin_name, ...)                                                                  \
	extern const struct mesh_plugin mesh_plugin;                                                   \
	__attribute__((visibility("default"))) const struct mesh_plugin mesh_plugin = {                \
		.abi = MESH_ABI, .size = sizeof(struct mesh_plugin), .name = plugin_name, __VA_ARGS__  \
	}

#define MESH_PLUGIN_SYMBOL "mesh_plugin"

#endif
