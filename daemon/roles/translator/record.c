/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records as bytes.
 *
 *   u32 size of the whole   u8 kind   u8 type   u16 flags   u64 hash
 *   u32 size of name        u32 size of version (both with their NUL)   u32 size of body   u32 0
 *   name   version   body
 */
#include "record.h"

#include <errno.h>
#include <string.h>

#include <xxhash.h>

#include "utf8.h"

#define HEAD_SIZE 32

size_t record_size(const struct record *rec)
{
	return HEAD_SIZE + strlen(rec->name) + 1 + strlen(rec->version) + 1 + rec->size;
}

size_t record_write_head(const struct record *rec, uint8_t *out)
{
	size_t name_size = strlen(rec->name) + 1, version_size = strlen(rec->version) + 1;

	put_le32(out, (uint32_t)record_size(rec));
	out[4] = (uint8_t)rec->kind;
	out[5] = (uint8_t)rec->type;
	out[6] = (uint8_t)rec->flags;
	out[7] = (uint8_t)(rec->flags >> 8);
	put_le64(out + 8, rec->hash);
	put_le32(out + 16, (uint32_t)name_size);
	put_le32(out + 20, (uint32_t)version_size);
	put_le32(out + 24, (uint32_t)rec->size);
	put_le32(out + 28, 0);
	memcpy(out + HEAD_SIZE, rec->name, name_size);
	memcpy(out + HEAD_SIZE + name_size, rec->version, version_size);
	return HEAD_SIZE + name_size + version_size;
}

void record_write(const struct record *rec, uint8_t *out)
{
	size_t head = record_write_head(rec, out);

	if (rec->size > 0)
		memcpy(out + head, rec->body, rec->size);
}

/* A text of `size` bytes with its NUL at the end and nowhere else. */
static bool text_ok(const uint8_t *text, size_t size)
{
	return size > 0 && text[size - 1] == '\0' && utf8_is_string(text, size - 1);
}

static bool content_ok(const struct record *rec)
{
	bool withheld = (rec->flags & RECORD_WITHHELD) != 0;

	if (rec->kind == 0 || rec->kind >= _RECORD_MAX || rec->type >= _RT_MAX)
		return false;
	if (rec->kind != RECORD_RESOURCE || withheld)
		return rec->size == 0;
	return rec->hash == XXH3_64bits(rec->body, rec->size);
}

int record_read(const uint8_t *data, size_t size, struct record *ret_rec, size_t *ret_used)
{
	uint64_t total, name_size, version_size;
	struct record rec;

	if (size < HEAD_SIZE)
		return -EBADMSG;
	total = get_le32(data);
	name_size = get_le32(data + 16);
	version_size = get_le32(data + 20);
	rec.size = get_le32(data + 24);
	if (total > size || rec.size > RECORD_BODY_MAX || get_le32(data + 28) != 0 ||
	    HEAD_SIZE + name_size + version_size + rec.size != total)
		return -EBADMSG;
	rec.kind = (enum record_kind)data[4];
	rec.type = (enum rt)data[5];
	rec.flags = data[6] | (unsigned)data[7] << 8;
	rec.hash = get_le64(data + 8);
	rec.name = (const char *)data + HEAD_SIZE;
	rec.version = rec.name + name_size;
	rec.body = data + HEAD_SIZE + name_size + version_size;
	if (!text_ok(data + HEAD_SIZE, name_size) || !text_ok(data + HEAD_SIZE + name_size, version_size) ||
	    !content_ok(&rec))
		return -EBADMSG;
	*ret_rec = rec;
	*ret_used = total;
	return 0;
}
