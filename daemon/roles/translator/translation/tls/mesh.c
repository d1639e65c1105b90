/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mesh mTLS of inbound destinations: nginx's HTTP side cannot end it, so the stream side does and hands
 * the connection on, with a PROXY header, to the HTTP listener at the same identity (INBOUND.md).  Called by
 * the listener's unit for each identity that is reached this way.
 */
#include <string.h>

#include "emit.h"
#include "ids.h"
#include "tls.h"

void mesh_write(struct job *job, const char *listener, const char *identity, enum address_target target,
		const struct path *at)
{
	const struct translation_ports *ports = &job->options->ports;
	const char *host = strchr(identity, ':') != NULL ? job_concat(job, "[", identity, "]", NULL) : identity;
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);
	char id[ID_SIZE];

	id_make(id, listener, (const char *const[]){ "mesh tls", identity }, 2);
	json_obj_open(&j);
	json_key_str(&j, "id", id);
	emit_name(&j, listener);
	json_key_str(&j, "server_addr", identity);
	json_key_uint(&j, "server_port", target == ADDRESS_STRICT ? ports->strict : ports->permissive);
	json_key(&j, "upstream");
	json_obj_open(&j);
	json_key(&j, "nodes");
	json_arr_open(&j);
	json_obj_open(&j);
	json_key_str(&j, "host", host);
	json_key_uint(&j, "port", ports->proxied);
	json_key_uint(&j, "weight", 1);
	json_obj_close(&j);
	json_arr_close(&j);
	json_key_str(&j, "scheme", "tcp");
	json_key_str(&j, "type", "roundrobin");
	json_obj_close(&j);
	json_obj_close(&j);
	out_object(job->out, "stream_routes", id, &b, &at, 1);
	buf_deinit(&b);
}
