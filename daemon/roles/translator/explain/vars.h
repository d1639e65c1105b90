/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conditions of APISIX routes (`vars`, in the language of lua-resty-expr), evaluated for one request
 * as TRANSLATION.md 0.6 and 0.7 say they are.
 */
#ifndef MESHD_EXPLAIN_VARS_H
#define MESHD_EXPLAIN_VARS_H

#include <jansson.h>

#include "request.h"

/* All of the list hold. What cannot be evaluated is false, as it is there. */
bool vars_hold(const json_t *vars, const struct request *r, struct arena *arena);

/* PCRE2 search as ngx.re.find does it, without UTF mode; what does not compile is false. */
bool regex_finds(const char *regex, const char *subject, bool fold_case);

#endif
