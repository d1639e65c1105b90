/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps what a peer can cause from filling the log: the same cause is logged at most once a minute.
 * A cause is a number: a uid, or one of the negative LOG_*.
 */
#ifndef ETCD_LOGLIMIT_H
#define ETCD_LOGLIMIT_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

enum { LOG_REMOTE_PEER = -1, LOG_UNKNOWN_PEER = -2, LOG_BAD_REQUEST = -3, LOG_FULL = -4,
       LOG_ACCEPT = -5, LOG_BAD_LOGIN = -6, LOG_TLS = -7, LOG_UNREAD = -8, LOG_GUESSES = -9 };

#define LOG_SLOTS 16

struct loglimit {
	struct {
		int64_t cause;
		time_t at;      /* seconds, monotonic; 0: free */
	} slots[LOG_SLOTS];
};

/* May this cause be logged now? Notes it when the answer is yes. */
bool loglimit_allow(struct loglimit *l, int64_t cause);

#endif
