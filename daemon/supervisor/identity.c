/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks up the workers' user.  Called at start and by the check child's spawn; logs nothing.
 */
#include "identity.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void stay(struct identity *who)
{
	const struct passwd *pw = getpwuid(geteuid());

	*who = (struct identity){ .uid = geteuid(), .gid = getegid() };
	if (pw != NULL)
		snprintf(who->name, sizeof who->name, "%s", pw->pw_name);
	else
		snprintf(who->name, sizeof who->name, "uid %u", (unsigned)who->uid);
}

static void become(struct identity *who, const struct passwd *pw)
{
	*who = (struct identity){ .drop = true, .uid = pw->pw_uid, .gid = pw->pw_gid };
	snprintf(who->name, sizeof who->name, "%s", pw->pw_name);
	who->n_groups = IDENTITY_GROUPS;
	if (getgrouplist(pw->pw_name, pw->pw_gid, who->groups, &who->n_groups) < 0)
		who->n_groups = IDENTITY_GROUPS; /* more than we carry: the first ones */
}

int identity_find(const char *name, struct identity *ret_identity, struct buf *warning)
{
	const struct passwd *pw;

	if (geteuid() != 0) {
		stay(ret_identity);
		buf_printf(warning, "not started by root: the workers keep the rights of '%s'", ret_identity->name);
		return 0;
	}
	pw = getpwnam(name);
	if (pw == NULL) {
		buf_printf(warning,
			   "user '%s' does not exist on this system; create it (useradd --system %s) or "
			   "name another with 'user:' in the configuration",
			   name, name);
		return 1;
	}
	if (pw->pw_uid == 0) {
		stay(ret_identity);
		buf_printf(warning, "'user: %s' means that the workers stay root; name a user without rights", name);
		return 0;
	}
	become(ret_identity, pw);
	return 0;
}

void identity_nobody(struct identity *ret_identity)
{
	const struct passwd *pw = getpwnam("nobody");

	*ret_identity = (struct identity){ .drop = true, .uid = 65534, .gid = 65534, .name = "nobody" };
	if (pw != NULL && pw->pw_uid != 0) {
		ret_identity->uid = pw->pw_uid;
		ret_identity->gid = pw->pw_gid;
	}
	ret_identity->groups[0] = ret_identity->gid;
	ret_identity->n_groups = 1;
}
