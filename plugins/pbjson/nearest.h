/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guesses which field was meant by a key that names none, for messages to people. Used by the JSON
 * mapping only when a name was not found. Never fails.
 */
#ifndef PBJSON_NEAREST_H
#define PBJSON_NEAREST_H

#include <protobuf-c/protobuf-c.h>

/* The declared name of the field whose name is nearest to key, at most a third of it away; NULL
 * when none is near. Case and underscores do not count. */
const char *nearest_field(const ProtobufCMessageDescriptor *desc, const char *key);

#endif
