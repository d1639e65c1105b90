/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TCP connection to a port of the loopback, and the clock.  The bench's client gives up at the
 * first error: a number measured after one would be worth nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Prints the message and, when errno is set, its reason; exit status 1. */
_Noreturn void die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Microseconds of the monotonic clock. */
double now_us(void);
void pause_us(long us);

/* A connected socket with TCP_NODELAY, or -1 with errno. */
int link_try(int port);
/* The same, or die. */
int link_open(int port);
void link_write(int fd, const void *data, size_t size);
void link_nonblocking(int fd);

/* Room for as many descriptors as the system allows. */
void raise_files(void);
