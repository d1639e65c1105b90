/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `meshctl report --coverage`: what becomes of the fields of each xDS message, from the translation's own table.
 */
#ifndef MESHCTL_COVERAGE_H
#define MESHCTL_COVERAGE_H

#include "result.h"

void coverage_report(int argc, char **argv, struct result *r);

#endif
