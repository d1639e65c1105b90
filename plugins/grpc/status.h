/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How calls end: codes of other protocols made into gRPC's, and texts of others made fit for a line of a log. Used by
 * answer.c, call.c and connection.c.
 */
#ifndef GRPC_STATUS_H
#define GRPC_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STATUS_TEXT_MAX 1024

/* Of an HTTP status without a grpc-status (gRPC doc/http-grpc-status-mapping.md). */
int status_of_http(int http);
/* Of a RST_STREAM's error (gRPC doc/PROTOCOL-HTTP2.md, "Errors"). */
int status_of_reset(uint32_t error);

/* "%E2%82%AC" is "€"; what is no escape stays as it is (PROTOCOL-HTTP2.md, Status-Message). Returns the length. */
size_t status_decode(const char *text, size_t len, char *out, size_t size);

/* Makes one printable line of it, in place: control characters and what is not UTF-8 become '?'. */
void status_clean(char *text);

#endif
