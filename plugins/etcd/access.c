/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one place that lets a request in. What is refused is counted, and logged by peer.c with its
 * remedy.
 */
#include "access.h"

#include <errno.h>

#include "conn.h"
#include "server.h"

static int decide(struct conn *c, struct bytes token, struct apierr *err)
{
	struct auth *auth = &c->server->auth;

	if (auth_enabled(auth) && token.size > 0)
		return auth_user(auth, token.data, token.size) != NULL ? 0
								       : apierr_set(err, ERR_BAD_TOKEN);
	if (conn_allowed(c))
		return 0;
	return apierr_set(err, auth_enabled(auth) ? ERR_NO_USER : ERR_DENIED);
}

int access_check(struct conn *c, struct bytes token, struct apierr *err)
{
	int r = decide(c, token, err);

	if (r < 0)
		c->server->stats.denied++;
	else
		conn_prove(c);
	return r;
}
