/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See finding.h.  Called by the role, by the translation without a daemon and by meshctl; only the
 * buffer can run out of memory, and remembers it.
 */
#include "finding.h"

#include "json.h"

static const char *const severities[] = {
	[MESH_SEV_INFO] = "info",
	[MESH_SEV_WARN] = "warn",
	[MESH_SEV_ERROR] = "error",
};

enum mesh_severity finding_severity_known(enum mesh_severity severity)
{
	return (unsigned)severity < ARRAY_SIZE(severities) ? severity : MESH_SEV_ERROR;
}

const char *finding_severity(enum mesh_severity severity)
{
	return severities[finding_severity_known(severity)];
}

struct mesh_finding finding_nack(enum rt type, const char *name, const char *field, const char *why)
{
	return (struct mesh_finding){
		.severity = MESH_SEV_ERROR,
		.type = rt_info(type)->message,
		.name = name,
		.field = field,
		.behaviour = "nack",
		.reason = why,
	};
}

void finding_write(const struct mesh_finding *f, struct buf *out)
{
	struct json j = JSON_INIT(out);

	json_obj_open(&j);
	json_key_str(&j, "severity", finding_severity(f->severity));
	json_key_str(&j, "type", f->type);
	json_key_str(&j, "name", f->name);
	json_key_str(&j, "field", f->field);
	json_key_str(&j, "behaviour", f->behaviour);
	json_key_str(&j, "reason", f->reason);
	json_obj_close(&j);
	buf_putc(out, '\n');
}
