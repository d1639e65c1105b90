/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Destinations as text; see destination.h. The text is their identity everywhere: in claims, in the
 * store, on the way to capture.
 */
#include "destination.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void destination_print(const struct destination *d, char ret_text[DESTINATION_TEXT])
{
	char net[CIDR_TEXT];

	cidr_print(&d->net, net);
	snprintf(ret_text, DESTINATION_TEXT, "%s tcp %s %u", d->inbound ? "in" : "out", net, d->port);
}

int destination_parse(const char *text, struct destination *ret_destination)
{
	struct destination d = { 0 };
	char way[4], net[CIDR_TEXT], again[DESTINATION_TEXT];
	unsigned port;

	if (sscanf(text, "%3s tcp %63s %5u", way, net, &port) != 3 || port > 65535 || cidr_parse(net, &d.net) < 0)
		return -EINVAL;
	d.inbound = strcmp(way, "in") == 0;
	d.port = (uint16_t)port;
	destination_print(&d, again);
	if (strcmp(again, text) != 0)
		return -EINVAL;
	*ret_destination = d;
	return 0;
}
