/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes APISIX objects: fixed order of keys, only fields that APISIX 3.18 knows (one unknown field
 * and the whole object is ignored there).
 */
#ifndef MESHD_TRANSLATION_EMIT_H
#define MESHD_TRANSLATION_EMIT_H

#include "json.h"
#include "rule.h"

struct route_place {
	const char *id;
	const struct path *chain;		/* of the listener whose it is; NULL: of none */
	const struct strs *hosts;		/* empty: host-less */
	const struct strs *vars;		/* before the rule's own */
	const struct pattern *uris;
	size_t n_uris;
	bool linear;				/* the rule's own paths go into a condition */
	int priority;
};

void emit_route(struct job *job, const struct rule *rule, const struct route_place *place);

struct stream_place {
	const char *id, *name, *upstream_id;
	const char *server_addr;		/* NULL: any */
	uint32_t server_port;
	const char *remote_addr;		/* NULL: any */
	const char *plugins;			/* JSON object or NULL */
};

void emit_stream_route(struct job *job, const struct stream_place *place, const struct path *at);

/* "name" of an object: at most 256 bytes, cut between characters. */
void emit_name(struct json *j, const char *name);
/* {"connect":…,"send":…,"read":…} in seconds. */
void emit_timeout(struct json *j, int64_t connect_ms, int64_t io_ms);

#endif
