/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nothing leaves a unit that APISIX would ignore; see vet.h.  Called by unit.c after each translation.
 * An object that is refused has another hash than what stands in for it, so it is looked at and noted
 * again whenever its unit is translated: the findings depend on the resources alone.
 */
#include "vet.h"

#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "addresses.h"

/* "routes" of "routes/ID". */
static const char *key_kind(const char *key, char ret_kind[32])
{
	const char *slash = strchr(key, '/');
	size_t len = slash != NULL ? (size_t)(slash - key) : 0;

	if (len >= 32)
		len = 0;
	memcpy(ret_kind, key, len);
	ret_kind[len] = '\0';
	return slash != NULL ? slash + 1 : "";
}

static const char *becomes(unsigned status, bool stands_in)
{
	if (!stands_in)
		return "it is left out";
	if (status == 0)
		return "it has no nodes instead and answers 503";
	return status == 403 ? "its requests are answered with 403 instead" :
			       "its requests are answered with 503 instead";
}

static void vet_note(struct out *out, const struct object *object, const struct apisix_error *error,
		     unsigned status, bool stands_in)
{
	struct path root = PATH_ROOT(object->origins[0].type, object->origins[0].name);
	struct path at = PATH_AT(&root, object->origins[0].field);
	bool whole = object->origins[0].field[0] == '\0';
	enum behaviour b = !stands_in || status == 0 ? B_SKIP : status == 403 ? B_CLOSED : B_SLOT;

	notes_add(&out->notes, whole ? &root : &at, b, "APISIX would ignore '%s': %s%s%s; %s", object->key,
		  error->path, error->path[0] != '\0' ? " " : "", error->reason,
		  becomes(status, stands_in));
}

/* The object as what stands in for it; false: there is nothing, or no memory for it. */
static bool replace(struct apisix *apisix, struct out *out, struct object *object,
		    const struct apisix_error *error)
{
	_cleanup_(buf_deinit) struct buf b = BUF_INIT;
	char kind[32];
	const char *id = key_kind(object->key, kind);
	unsigned status = 0;
	bool stands_in = apisix_stand_in(apisix, kind, id, object->value, object->size, &b, &status) == 0;
	uint8_t *value;

	vet_note(out, object, error, status, stands_in);
	if (!stands_in)
		return false;
	value = buf_error(&b) == 0 ? arena_memdup(out->arena, b.data, b.len) : NULL;
	if (value == NULL) {
		out->failed = true;
		return false;
	}
	object->shell = shell_unref(object->shell);
	object->value = value;
	object->size = b.len;
	object->hash = XXH3_64bits(value, b.len);
	return true;
}

/* May the object stay, perhaps as another one? */
static bool vet_object(struct apisix *apisix, struct out *out, struct object *object)
{
	struct apisix_error error;
	char kind[32];
	const char *id = key_kind(object->key, kind);

	return apisix_check(apisix, kind, id, object->value, object->size, &error) == 0 ||
	       replace(apisix, out, object, &error);
}

/* The old object of that key; *i moves on. */
static const struct object *counterpart(const struct out *old, size_t *i, const char *key)
{
	while (*i < old->n_objects) {
		int order = strcmp(old->objects[*i].key, key);

		if (order >= 0)
			return order == 0 ? &old->objects[*i] : NULL;
		(*i)++;
	}
	return NULL;
}

void vet(struct apisix *apisix, const struct out *old, struct out *out)
{
	size_t kept = 0, i = 0, notes = out->notes.n;

	for (size_t k = 0; k < out->n_objects; k++) {
		struct object object = out->objects[k];
		const struct object *before = counterpart(old, &i, object.key);
		bool known = before != NULL && before->hash == object.hash;

		if (known || is_address(object.key) || vet_object(apisix, out, &object))
			out->objects[kept++] = object;
		else
			object_deinit(&object);
	}
	out->n_objects = kept;
	if (out->notes.n > notes)
		notes_sort(&out->notes);
}
