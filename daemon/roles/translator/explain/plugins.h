/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When APISIX's plugins act: their first phase and their priority, as APISIX 3.18 has them by default.
 */
#ifndef MESHD_EXPLAIN_PLUGINS_H
#define MESHD_EXPLAIN_PLUGINS_H

struct plugin_order {
	const char *name;
	unsigned phase;		/* index of plugin_phase() */
	int priority;		/* within a phase, higher first */
};

/* NULL: not known here. */
const struct plugin_order *plugin_order(const char *name);
const char *plugin_phase(unsigned phase);

/* Which of two acts first: by phase, priority, name; unknown ones last. For qsort over names. */
int plugin_compare(const char *a, const char *b);

#endif
