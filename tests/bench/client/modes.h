/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What bench_client can do.  Each mode gets the arguments behind its name, prints one line of
 * NAME=NUMBER pairs and returns the exit status.
 */
#pragma once

/* PORT json|grpc WATCHERS SECONDS: one put at a time; when does the last watcher have the event? */
int mode_last(int argc, char **argv);
/* PORT json|grpc WATCHERS SECONDS: 64 puts on their way to the slowest watcher; events per second. */
int mode_flood(int argc, char **argv);
/* PORT json|grpc WATCHERS: says "ready" and keeps the watches until its standard input ends. */
int mode_hold(int argc, char **argv);
/* PORT: one JSON watch; for each line N on standard input says "waiting", and end_us=TIME when N more events came. */
int mode_until(int argc, char **argv);
/* PORT BYTES COMMAND...: starts a server; how long until it answers a range of BYTES or more? */
int mode_first(int argc, char **argv);
