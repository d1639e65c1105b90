/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What persist.c (recording, saving) and persist_load.c share.
 */
#ifndef MESHD_TRANSLATOR_PERSIST_PRIVATE_H
#define MESHD_TRANSLATOR_PERSIST_PRIVATE_H

#include "log_file.h"
#include "persist.h"
#include "store.h"
#include "tail.h"

/* Flags of the store's head. */
#define HEAD_COMPLETE 1u
#define HEAD_KEYLESS 2u		/* private keys were left out */
#define HEAD_WHOLE_SHIFT 8	/* persist_whole() */

struct persist {
	struct persist_options options;
	struct tail tail;
	struct log_file log;
	uint64_t safe;			/* number of the newest change that is on disk */
	uint64_t image;			/* bytes of the image; 0: there is none */
	bool image_due;			/* the log will not do */
	bool purge;			/* files of before hold what may not be on disk any more */
	char *origin;			/* owned */
	bool complete;
	bool loading;			/* what changes now comes from here */
	int64_t now_ms;			/* while loading */
	bool dirty, lazy;		/* there is something to save; lazy: only versions */
	bool urgent;			/* the tail is full */
	bool unsettled;			/* changes were recorded after the last RECORD_SETTLED */
	bool failing;
	int64_t begun_ms, saved_ms;	/* of the last save; -1: never */
	int64_t retry_ms;		/* not before */
	uint64_t saves;
	struct store_writer *writer;	/* owned; NULL: no save is going on */
};

/* Types that come as complete sets, one bit each. */
unsigned persist_whole(const struct persist *p);
void persist_set_whole(struct persist *p, unsigned bits);

#endif
