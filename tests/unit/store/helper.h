/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the store's tests share: short ways to put and delete strings, a scratch folder that is
 * removed again, and reading and writing whole files in it.
 */
#ifndef STORE_TEST_HELPER_H
#define STORE_TEST_HELPER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <cmocka.h>

#include "keyspace.h"

#define NOW_MS 1795000000000u

/* A value as a blob; the test fails without memory. */
struct blob *text_blob(const char *text);
/* Into the open transaction. */
void put(struct keyspace *ks, const char *key, const char *value);
void delete(struct keyspace *ks, const char *key);
/* One transaction with one change; returns its revision, or the current one if nothing changed. */
uint64_t put_one(struct keyspace *ks, const char *key, const char *value);
uint64_t delete_one(struct keyspace *ks, const char *key);
const struct kv *get(const struct keyspace *ks, const char *key);
/* The key's value equals this text (NULL: the key is absent). */
void assert_value(const struct keyspace *ks, const char *key, const char *value);

/* Keys, numbers and history are the same in both, byte for byte. */
void assert_same(const struct keyspace *a, const struct keyspace *b);

/* A fresh folder below $TMPDIR or /tmp. */
struct scratch {
	char path[256];
	int fd;
};

void scratch_make(struct scratch *s);
/* Removes the files in it, then the folder. */
void scratch_remove(struct scratch *s);
/* NULL if there is no such file; the caller frees. */
uint8_t *scratch_read(const struct scratch *s, const char *name, size_t *ret_size);
void scratch_write(const struct scratch *s, const char *name, const void *data, size_t size);
/* Access mode of a file, 0 if it is not there. */
mode_t scratch_mode(const struct scratch *s, const char *name);

#endif
