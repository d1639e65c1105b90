/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client on the same event loop as the server under test: sends bytes, collects what comes back,
 * and runs the loop until something has arrived. It waits for conditions, never for time; a test that
 * waits for ever is ended by the test runner.
 */
#ifndef TEST_ETCD_CLIENT_H
#define TEST_ETCD_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"

struct event;
struct event_base;

struct client {
	struct event_base *base; /* borrowed */
	struct event *ready;
	int fd;
	bool eof;
	struct buf in;
};

void client_connect(struct client *c, struct event_base *base, int port);
void client_connect_unix(struct client *c, struct event_base *base, const char *path);
void client_close(struct client *c);

void client_send_n(struct client *c, const void *data, size_t size);
void client_send(struct client *c, const char *text);
/* A POST with the headers of APISIX's client, head and body in two segments that the server sees
 * one after the other. */
void client_post(struct client *c, const char *path, const char *body);

/* Runs the loop until the text has arrived; fails the test when the connection ends before. Returns
 * everything received so far. */
const char *client_until(struct client *c, const char *text);
/* Until the server closes; returns everything. */
const char *client_until_eof(struct client *c);
/* Forgets what was received. */
void client_clear(struct client *c);
/* Lets the server do everything that it can do now. */
void client_settle(struct client *c);

#endif
