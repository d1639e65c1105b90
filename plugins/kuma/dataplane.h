/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Dataplane resource of this machine, as the operator has written it for kuma-dp: YAML or JSON with the fields of
 * Kuma's Universal mode, and the variables ${HOSTNAME} and ${IP}. It is read for each stream.
 */
#ifndef KUMA_DATAPLANE_H
#define KUMA_DATAPLANE_H

#include "buf.h"

struct dataplane {
	struct buf json;	/* owned: with type, mesh and name, which may be absent in the file */
	struct buf service;	/* owned: tag kuma.io/service of the first inbound or of the gateway; "" without */
};

/*
 * Reads the file for the Dataplane `name` in `mesh`. 0 and the resource (dataplane_deinit), or a negative errno with
 * what is wrong and what would be right in `why`; -ENOMEM without.
 */
int dataplane_read(const char *path, const char *mesh, const char *name, struct dataplane *ret_dataplane, char *why,
		   size_t why_size);
void dataplane_deinit(struct dataplane *d);

#endif
