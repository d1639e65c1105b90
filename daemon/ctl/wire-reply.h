/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The encoding of mesh.CtlReply by hand: a table of 10,000 rows would be 40,000 small allocations as a tree of
 * messages.  Numbers of fields are those of proto/meshd/ctl.proto; the unit test reads the result with the
 * generated code.  Running out of memory is sticky in the buf.
 */
#ifndef MESHD_CTL_WIRE_REPLY_H
#define MESHD_CTL_WIRE_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"

enum wire_reply_field {
	REPLY_TABLE = 1,
	REPLY_COLUMNS = 2,
	REPLY_ROWS = 3,
	REPLY_ASK = 4,
	REPLY_MESSAGE = 5,
	REPLY_END = 6,
	REPLY_EXIT = 7,
};

enum wire_cell_field { CELL_TEXT = 1, CELL_NUM = 2, CELL_FLAG = 3, CELL_JSON = 4 };

void wire_bytes(struct buf *out, unsigned field, const void *data, size_t size);
void wire_uint(struct buf *out, unsigned field, uint64_t value);
/* Text that is not UTF-8, or has a NUL, gets '?' in place of each bad byte. */
void wire_text(struct buf *out, unsigned field, const char *text, size_t len);

/* Each appends one cell to a row. */
void wire_cell_text(struct buf *row, enum wire_cell_field field, const char *text, size_t len);
void wire_cell_num(struct buf *row, int64_t num);
void wire_cell_flag(struct buf *row, bool flag);

#endif
