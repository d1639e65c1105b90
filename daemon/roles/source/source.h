/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The source role: hosts one source plugin and carries what it says to the translator, and back.
 * It knows no resource's inside and holds no resource.
 */
#ifndef MESHD_SOURCE_H
#define MESHD_SOURCE_H

#include "worker.h"

extern const struct worker_ops source_worker_ops;

#endif
