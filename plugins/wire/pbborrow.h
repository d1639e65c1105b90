/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unpacking without copying what is large: for messages between our own processes, of which bytes fields are
 * almost all, and which are read once, while the bytes that they came in are there.
 */
#ifndef WIRE_PBBORROW_H
#define WIRE_PBBORROW_H

#include "pbscan.h"

/*
 * As pbscan_unpack() with its default limits, but bytes fields point into `data`, which must stay as long as the
 * message is used.  What no message of ours has (oneofs, required fields, floating point, lists of numbers) makes
 * it pbscan_unpack().
 */
int pbborrow_unpack(const ProtobufCMessageDescriptor *desc, const uint8_t *data, size_t len, struct arena *arena,
		    ProtobufCMessage **ret_msg, struct pbscan_error *ret_err);

#endif
