/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 (FIPS 180-4), for names that stand for secrets: XXH3, which ids are made of, can be turned round, and
 * texts that share a hash of it can be found.
 */
#ifndef MESHD_TRANSLATION_DIGEST_H
#define MESHD_TRANSLATION_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#define DIGEST_SIZE 32

void digest(const void *data, size_t size, uint8_t ret_digest[DIGEST_SIZE]);

#endif
