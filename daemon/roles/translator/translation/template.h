/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Path templates of Envoy ("/a/{id}/x/{rest=**}") as regular expressions, and what a rewrite makes of
 * their variables (TRANSLATION.md 2.4, 2.7).  Used by path.c, rewrite.c, and where access rules have a
 * template.
 */
#ifndef MESHD_TRANSLATION_TEMPLATE_H
#define MESHD_TRANSLATION_TEMPLATE_H

#include "job.h"
#include "xds.h"

#define TEMPLATE_VARIABLES 5	/* Envoy takes no more */

struct path_template {
	const char *regex;				/* for the whole path; a group for each variable */
	const char *literal;				/* what it begins with: "/a/" */
	const char *variables[TEMPLATE_VARIABLES];	/* the name of each group, in order */
	size_t n;
};

/*
 * Reads the template of a path_match_policy.  0, or 1 with the reason in ret_why: another kind of policy, or no
 * template that Envoy takes.
 */
int template_read(struct job *job, const Envoy__Config__Core__V3__TypedExtensionConfig *policy,
		  struct path_template *ret, const char **ret_why);
/* The same for the text of a template. */
int template_parse(struct job *job, const char *text, struct path_template *ret, const char **ret_why);

/*
 * The replacement of a path_rewrite_policy in the form of ngx.re.sub, for a route that was matched by `matched`
 * (NULL: by something else).  0, or 1 with the reason in ret_why.
 */
int template_rewrite(struct job *job, const Envoy__Config__Core__V3__TypedExtensionConfig *policy,
		     const struct path_template *matched, const char **ret_subst, const char **ret_why);

#endif
