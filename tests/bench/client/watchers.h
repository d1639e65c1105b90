/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many watches of /apisix/ up to /bench/, each on a connection of its own, in JSON or gRPC, and the
 * one connection that puts keys below /bench/, which both servers let their clients write.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct watchers;

/* Connects and waits until the server has confirmed every watch. */
struct watchers *watchers_new(int port, bool json, size_t count);
/* Closes everything; accepts NULL and returns it. */
struct watchers *watchers_free(struct watchers *w);
/* The gRPC connection for puts. */
void watchers_writer(struct watchers *w, int port);
/* Sends one put of about 570 bytes. */
void watchers_put(struct watchers *w);
/* Waits at most `ms` for input and takes what came; -1 without limit. */
void watchers_poll(struct watchers *w, int ms);
/* Also wakes up for this descriptor. */
void watchers_add(struct watchers *w, int fd);

/* Events that every watcher has, those of all together, puts that are acknowledged. */
uint64_t watchers_least(const struct watchers *w);
uint64_t watchers_sum(const struct watchers *w);
uint64_t watchers_acked(const struct watchers *w);
uint64_t watchers_put_count(const struct watchers *w);
