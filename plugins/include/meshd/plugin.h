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

#include "host.h"

#define MESH_ABI 1u

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
	/* MESH_OPT_ENUM: the words; "off" lets INT, DURATION, SIZE be that word (num 0); ANY: "map" or "list". */
	const char *choices;
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

/* What `meshctl status` says of one type of resource. */
struct mesh_source_type {
	const char *type_url;
	const char *version;		/* of the newest response that was accepted; "" none */
	size_t resources;		/* accepted and held */
	size_t names;			/* asked for by name */
	bool wildcard;			/* all are asked for */
	int64_t acked, nacked;		/* seconds since the epoch; 0: never */
	const char *reason;		/* of the last refusal; "" none */
};

struct mesh_source_api {
	uint32_t size;
	/*
	 * Before start(), and again before each restart(): what is held of what origin() names; may be empty.  It
	 * replaces all that the plugin believed to be accepted.
	 */
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
	/* For `meshctl status`; both may be absent or NULL: a row per type of resource; other facts. */
	void (*types)(void *ctx, void (*emit)(void *arg, const struct mesh_source_type *type), void *arg);
	void (*stats)(void *ctx, void (*emit)(void *arg, const char *name, const char *value), void *arg);
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
