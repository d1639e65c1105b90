/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ids of APISIX objects: a readable part and a hash of what the object stands for, so that an id is
 * the same after every restart and a name with any characters becomes a legal one.
 * ^[a-zA-Z0-9-_.]+$, at most 64 characters (TRANSLATION.md 0.23).
 */
#ifndef MESHD_TRANSLATION_IDS_H
#define MESHD_TRANSLATION_IDS_H

#include <stddef.h>

#define ID_SIZE 65

/*
 * readable:  what people shall recognise; changed and cut as needed
 * parts:     the identity; ("ab","c") differs from ("a","bc")
 */
void id_make(char ret_id[ID_SIZE], const char *readable, const char *const *parts, size_t n_parts);

/* The same for what a secret stands for, which nobody shall learn from the id, nor find another with the same id. */
void id_make_secret(char ret_id[ID_SIZE], const char *readable, const char *secret);

#endif
