/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One value of meshd.yaml: the text that stands there, read by the type of its row.
 */
#ifndef MESHD_CONFIG_VALUE_H
#define MESHD_CONFIG_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "conf.h"
#include "meshd/plugin.h"

struct value {
	enum conf_type type;
	int64_t num;
	struct buf text;	/* canonical; value_deinit() */
};

#define VALUE_INIT { .type = CONF_STRING, .num = 0, .text = BUF_INIT }

void value_deinit(struct value *v);

/*
 * Reads `text` by `row` (any type but MESH_OPT_ANY).  `plain`: written without quotes; numbers and booleans
 * must be.  0; 1 if it is wrong, with "what is wrong; what would be right" appended to `why`.
 */
int value_parse(const struct mesh_opt *row, const char *text, bool plain, struct value *ret_value, struct buf *why);

/* A number in the way that it is written for this type: "20ms", "64MB", "12". */
void value_number_text(enum mesh_opt_type type, int64_t num, struct buf *out);

#endif
