/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resources that kill the translator.
 *
 * Before work on a resource begins (the check, a unit of the translation) its type, name and hash are
 * written into memory that outlives the process.  A successor that finds the mark knows what its
 * predecessor died of: the first time it is a suspect (the process may have been killed from
 * outside) and the translation is done one unit at a time, so that the mark is exact; the second time
 * its bytes are quarantined.  A quarantined resource is refused by name until its bytes change.
 */
#ifndef MESHD_TRANSLATOR_QUARANTINE_H
#define MESHD_TRANSLATOR_QUARANTINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "resource.h"

#define QUARANTINE_MEMORY 4096	/* bytes of the kept memory that belong to the mark */
#define QUARANTINE_MAX 256	/* more entries push out the oldest */

struct quarantine;

enum quarantine_work { QUARANTINE_CHECK = 1, QUARANTINE_TRANSLATION = 2 };

/*
 * `memory`: QUARANTINE_MEMORY bytes that a predecessor may have written, borrowed; NULL: none (nothing is ever
 * found then).  Looks at what the predecessor left.  0 or -ENOMEM.
 */
int quarantine_new(void *memory, struct quarantine **ret_quarantine);
struct quarantine *quarantine_free(struct quarantine *q);
void quarantine_freep(struct quarantine **q);

/* From another translator that is gone: `memory` as in quarantine_new(), but its mark is nobody's. */
void quarantine_take_over(struct quarantine *q, void *memory);

/* Work on `r` begins; an older mark is replaced. */
void quarantine_mark(struct quarantine *q, enum quarantine_work work, const struct resource *r);
/* Work has ended well. */
void quarantine_clear(struct quarantine *q);
/* Translate one unit at a time? */
bool quarantine_careful(const struct quarantine *q);
/* Everything has been translated: units can be done together again. */
void quarantine_relax(struct quarantine *q);

bool quarantine_has(const struct quarantine *q, enum rt type, const char *name, uint64_t hash);
/* From the store. 0 or -ENOMEM. */
int quarantine_add(struct quarantine *q, enum rt type, const char *name, uint64_t hash);
/* The resource has other bytes now, or is gone. True if there was an entry. */
bool quarantine_forget(struct quarantine *q, enum rt type, const char *name);

struct quarantine_entry {
	enum rt type;
	uint64_t hash;
	char *name;	/* owned by the quarantine */
};
const struct quarantine_entry *quarantine_at(const struct quarantine *q, size_t i);	/* NULL: past the last */

#endif
