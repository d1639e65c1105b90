/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The translator role: from resources of the source to objects for the frontend.
 */
#ifndef MESHD_TRANSLATOR_H
#define MESHD_TRANSLATOR_H

#include "worker.h"

extern const struct worker_ops translator_worker_ops;

#endif
