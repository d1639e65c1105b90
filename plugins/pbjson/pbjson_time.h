/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Duration ("1.5s") and Timestamp (RFC 3339) as the proto3 JSON mapping writes them. Rows of the
 * table in pbjson_wkt.c; errors as everywhere in pbjson.
 */
#ifndef PBJSON_TIME_H
#define PBJSON_TIME_H

#include "pbjson_private.h"

int pbjson_duration(struct pbjson_encoder *e, const ProtobufCMessageDescriptor *desc,
		    const struct doc_node *n);
int pbjson_timestamp(struct pbjson_encoder *e, const ProtobufCMessageDescriptor *desc,
		     const struct doc_node *n);

#endif
