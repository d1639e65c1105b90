/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a connection was going before it was captured, as listeners and their filter chains tell
 * destinations apart (DESIGN 5): an address or a network, a port, and which way.
 *
 * Networks and ports may overlap: the one that a connection belongs to is that with the port rather
 * than any port, and among those the one with the smallest network.
 */
#ifndef MESHD_MODEL_DESTINATION_H
#define MESHD_MODEL_DESTINATION_H

#include "cidr.h"

struct destination {
	bool inbound;		/* to this machine's own services */
	struct cidr net;
	uint16_t port;		/* 0: any */
};

#define DESTINATION_TEXT 96

/* "out tcp 10.1.2.3 80", "in tcp 0.0.0.0/0 8080": the same destination always gives the same text. */
void destination_print(const struct destination *d, char ret_text[DESTINATION_TEXT]);
/* 0 or -EINVAL; only what destination_print() writes is taken. */
int destination_parse(const char *text, struct destination *ret_destination);

#endif
