/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shells in a hash table by their sizes and text; see shell.h.  Called by upstream.c, which cuts them, and by
 * out.c when an object goes.
 */
#include "shell.h"

#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#undef HASH_FUNCTION
#define HASH_FUNCTION(key, len, hash_value) ((hash_value) = (unsigned)XXH3_64bits(key, len))

static size_t key_size(const struct shell *shell)
{
	return offsetof(struct shell, text) - offsetof(struct shell, before) + shell->before + shell->after;
}

struct shell *shell_get(struct shells *shells, const char *before, size_t before_size, const char *after,
			size_t after_size)
{
	struct shell *shell = calloc(1, sizeof *shell + before_size + after_size), *known = NULL;

	if (shell == NULL)
		return NULL;
	shell->of = shells;
	shell->before = before_size;
	shell->after = after_size;
	memcpy(shell->text, before, before_size);
	memcpy(shell->text + before_size, after, after_size);
	HASH_FIND(hh, shells->list, &shell->before, key_size(shell), known);
	if (known != NULL) {
		free(shell);
		shell = known;
	} else {
		HASH_ADD_KEYPTR(hh, shells->list, &shell->before, key_size(shell), shell);
	}
	shell->refs++;
	return shell;
}

struct shell *shell_unref(struct shell *shell)
{
	if (shell == NULL || --shell->refs > 0)
		return NULL;
	HASH_DEL(shell->of->list, shell);
	free(shell);
	return NULL;
}
