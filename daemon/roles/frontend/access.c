/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may read what the mesh publishes (DESIGN 3.11): root, meshd's own user and the proxy's, or the
 * users that `allow_uids` names instead.  Names are looked up once, at start; one that does not exist is
 * logged and allows nobody.
 */
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#include "log.h"
#include "private.h"

LOG_MODULE("frontend");

static void allow(struct access *a, uint32_t uid)
{
	if (a->n_uids < UIDS_MAX && !access_allows(a, uid))
		a->uids[a->n_uids++] = uid;
}

static bool number(const char *text, uint32_t *ret_uid)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value >= UINT32_MAX)
		return false;
	*ret_uid = (uint32_t)value;
	return true;
}

static bool allow_text(struct access *a, const char *text)
{
	const struct passwd *pw;
	uint32_t uid;

	if (number(text, &uid)) {
		allow(a, uid);
		return true;
	}
	pw = getpwnam(text);
	if (pw != NULL)
		allow(a, pw->pw_uid);
	return pw != NULL;
}

void access_init(struct access *a, const struct conf *conf)
{
	size_t n = conf_count(conf, "frontend.options.allow_uids");
	const char *proxy = conf_str(conf, "proxy.user", NULL);

	for (size_t i = 0; i < n; i++) {
		const char *text = conf_strf(conf, "", "frontend.options.allow_uids[%zu]", i);

		if (!allow_text(a, text))
			log_warn("allow_uids names '%s', but there is no such user; ignoring it", text);
	}
	if (n > 0)
		return;
	allow(a, 0);
	allow(a, (uint32_t)geteuid());
	if (proxy != NULL && !allow_text(a, proxy))
		log_info("the proxy's user '%s' (proxy.user) does not exist here; root and meshd's own user may read",
			 proxy);
}

bool access_allows(const struct access *a, uint32_t uid)
{
	for (size_t i = 0; i < a->n_uids; i++)
		if (a->uids[i] == uid)
			return true;
	return false;
}
