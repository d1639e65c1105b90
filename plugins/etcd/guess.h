/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bounds how fast one peer can guess passwords: after GUESS_BURST wrong ones its logins are refused
 * unread, and one more is taken each GUESS_SECONDS. A peer is a local user or a remote address (see
 * peer_name()), so that who guesses hinders nobody else. The table is small; who comes with ever new
 * addresses pushes out the one that has not tried for the longest time.
 */
#ifndef ETCD_GUESS_H
#define ETCD_GUESS_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define GUESS_BURST 10
#define GUESS_SECONDS 6
#define GUESS_PEERS 64

struct guesses {
	struct guess {
		uint64_t peer;
		unsigned wrong;
		time_t at;      /* monotonic seconds, up to which `wrong` has been forgiven */
	} peers[GUESS_PEERS];
};

/* May this peer try a password now? */
bool guess_allowed(struct guesses *g, uint64_t peer, time_t now);
/* It was wrong. */
void guess_wrong(struct guesses *g, uint64_t peer, time_t now);

#endif
