/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frontend role: owns the key space (store/), takes objects from the translator as transactions,
 * and hosts one frontend plugin that serves them.
 */
#ifndef MESHD_FRONTEND_H
#define MESHD_FRONTEND_H

#include "worker.h"

extern const struct worker_ops frontend_worker_ops;

#endif
