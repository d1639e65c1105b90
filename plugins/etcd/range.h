/* SPDX-License-Identifier: Apache-2.0 */
/*
 * KV.Range: reads the store and encodes the answer in the form that is asked for. The order of steps
 * (fetch, drop by revision, sort, limit) is etcd's, because it shows in `more` and `count`.
 */
#ifndef ETCD_RANGE_H
#define ETCD_RANGE_H

#include "apierr.h"
#include "body.h"
#include "form.h"
#include "message.h"

struct server;

/* Does etcd's range [key, end) contain k? No end: one key; end "\0": everything from key on. */
bool range_contains(struct bytes key, struct bytes end, const uint8_t *k, size_t size);

/* Returns 0 with one reference to the encoded answer, -ENOMEM, or -EPROTO with *err. */
int range_answer(struct server *s, const struct range_request *req, const struct form *form,
		 struct body **ret_body, struct apierr *err);

#endif
