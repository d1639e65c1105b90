/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a schema row cannot say: rules over several values, and forms of ours inside of strings.
 */
#ifndef MESHD_CONFIG_CROSS_H
#define MESHD_CONFIG_CROSS_H

#include "load.h"

/* Checks l->conf and completes it (a default that is another option's value).  Mistakes go to l->diag; a value
 * that already has one is left alone. */
void cross_check(struct load *l);

/* overlays.c: translator.overlay: the files are read, and stamped so that a changed one is a changed value. */
void check_overlays(struct load *l);

#endif
