/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The few macros that every C file of meshd uses: cleanup attributes, moving a pointer out of its
 * owner, array length, container_of, and printf checking. Header only, nothing here can fail.
 * Included first by the headers of this room, so that files rarely include it by name.
 */
#ifndef WIRE_CLEANUP_H
#define WIRE_CLEANUP_H

#include <stddef.h>
#include <stdlib.h>

/* Calls fn(&variable) when the variable leaves its scope. */
#define _cleanup_(fn) __attribute__((cleanup(fn)))
#define _cleanup_free_ _cleanup_(freep)

/* Marks a function whose argument number a is a printf format for the arguments from b on. */
#define _printf_(a, b) __attribute__((format(printf, a, b)))

/* Marks a function whose result must not be ignored. */
#define _must_check_ __attribute__((warn_unused_result))

/*
 * DEFINE_FREEP(struct doc *, doc_free); defines doc_freep(), for _cleanup_(doc_freep). The ending
 * declaration is there to take the semicolon.
 */
#define DEFINE_FREEP(type, fn)                  \
	static inline void fn##p(type *p)       \
	{                                       \
		if (*p != NULL)                 \
			fn(*p);                 \
	}                                       \
	static inline void fn##p(type *p)

static inline void freep(void *p)
{
	free(*(void **)p);
}

/* Moves a pointer out of the variable that owns it: yields the value, leaves NULL behind. */
#define TAKE(ptr)                                           \
	__extension__({                                     \
		__typeof__(ptr) *take_from_ = &(ptr);       \
		__typeof__(ptr) take_value_ = *take_from_;  \
		*take_from_ = NULL;                         \
		take_value_;                                \
	})

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* The struct of this type whose member `member` lies at `ptr`. */
#define container_of(ptr, type, member) \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* Evaluate their arguments twice: no calls and no ++ in them. */
#undef MIN
#undef MAX
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

#endif
