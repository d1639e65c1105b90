/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reports every present field of a decoded resource that the translation does not use, by its dotted
 * path: one walk over the descriptors, with coverage.def as its only knowledge.
 */
#ifndef MESHD_TRANSLATION_WALK_H
#define MESHD_TRANSLATION_WALK_H

#include "job.h"
#include "xds.h"

/* `at` is the place of the message. Fields of kind COVER_CODE are left to their code. */
void walk(struct job *job, const ProtobufCMessage *message, const struct path *at);

/* The same of one field of the message, by its name. */
void walk_field_of(struct job *job, const ProtobufCMessage *message, const char *field, const struct path *at);

/* What is in an Any: known types are decoded and walked, others reported. NULL is nothing. */
void walk_any(struct job *job, const pb_any *any, const struct path *at);

#endif
