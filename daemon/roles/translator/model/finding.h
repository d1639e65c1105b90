/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Findings as they are made, named and written; findings.h of the role keeps them.
 */
#ifndef MESHD_FINDING_H
#define MESHD_FINDING_H

#include <meshd/plugin.h>

#include "buf.h"
#include "resource.h"

/* "info", "warn", "error"; what is none of them counts as an error. */
const char *finding_severity(enum mesh_severity severity);
enum mesh_severity finding_severity_known(enum mesh_severity severity);

/* A resource is refused as a whole. The strings are borrowed. */
struct mesh_finding finding_nack(enum rt type, const char *name, const char *field, const char *why);

/* Appends {"severity","type","name","field","behaviour","reason"} and the end of the line. */
void finding_write(const struct mesh_finding *f, struct buf *out);

#endif
