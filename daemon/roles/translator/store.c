/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading images, and choosing which one.
 *
 *   "MESHRES\1"   u32 version   u32 flags   u64 seq   u64 size of the records   u64 how many
 *   records (record.h)          u64 XXH3-64 of everything before
 */
#include "store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xxhash.h>

#include "cleanup.h"
#include "file.h"
#include "log.h"
#include "store_format.h"

LOG_MODULE("store");

static int walk(const uint8_t *data, uint64_t size, uint64_t count, store_fn fn, void *arg)
{
	struct record rec;
	size_t used;
	int r = 0;

	for (uint64_t i = 0; r == 0 && i < count; i++) {
		r = record_read(data, size, &rec, &used);
		if (r < 0)
			return r;
		data += used;
		size -= used;
		if (fn != NULL)
			r = fn(&rec, arg);
	}
	return r == 0 && size > 0 ? -EBADMSG : r;
}

int store_parse(const uint8_t *data, size_t size, struct store_head *ret_head, store_fn fn, void *arg)
{
	uint64_t records;
	int r;

	if (size < STORE_HEAD + STORE_FOOT || memcmp(data, STORE_MAGIC, 8) != 0 || get_le32(data + 8) != STORE_VERSION)
		return -EBADMSG;
	records = get_le64(data + 24);
	if (records != size - STORE_HEAD - STORE_FOOT ||
	    get_le64(data + size - STORE_FOOT) != XXH3_64bits(data, size - STORE_FOOT))
		return -EBADMSG;
	r = walk(data + STORE_HEAD, records, get_le64(data + 32), NULL, NULL);
	if (r < 0)
		return r;
	*ret_head = (struct store_head){ .flags = get_le32(data + 12), .seq = get_le64(data + 16) };
	return fn != NULL ? walk(data + STORE_HEAD, records, get_le64(data + 32), fn, arg) : 0;
}

/* What is no file (a FIFO, a link) holds nothing and may not be renamed by us: it makes room for a store. */
static void set_aside(const char *path, const char *why)
{
	char aside[STORE_PATH];
	struct stat st;

	if (snprintf(aside, sizeof aside, "%s.damaged", path) < (int)sizeof aside && rename(path, aside) == 0)
		log_err("cannot use '%s': %s; it is kept as '%s'", path, why, aside);
	else if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode) && unlink(path) == 0)
		log_err("cannot use '%s': %s; it has been removed", path, why);
	else
		log_err_errno(-errno, "cannot use '%s': %s; it cannot be renamed either", path, why);
}

/* 0, STORE_NONE (absent or set aside), or negative errno. */
static int load_one(const char *path, uint8_t **ret_data, size_t *ret_size)
{
	_cleanup_free_ uint8_t *data = NULL;
	struct store_head head;
	size_t size;
	int r;

	r = file_read(path, STORE_BYTES_MAX, &data, &size);
	if (r == -ENOENT)
		return STORE_NONE;
	if (r == -ENOMEM || r == -EMFILE || r == -ENFILE)
		return log_err_errno(r, "cannot read '%s'", path);
	if (r < 0 || store_parse(data, size, &head, NULL, NULL) < 0) {
		set_aside(path, r < 0 ? file_strerror(r) : "is damaged");
		return STORE_NONE;
	}
	*ret_data = TAKE(data);
	*ret_size = size;
	return 0;
}

int store_load(const char *dir, uint8_t **ret_data, size_t *ret_size)
{
	char path[STORE_PATH];
	int r;

	if (snprintf(path, sizeof path, "%s/" STORE_NAME, dir) >= (int)sizeof path)
		return log_err_errno(-ENAMETOOLONG, "cannot read the resource store in '%s'", dir);
	r = load_one(path, ret_data, ret_size);
	if (r != STORE_NONE)
		return r;
	snprintf(path, sizeof path, "%s/" STORE_NAME ".prev", dir);
	r = load_one(path, ret_data, ret_size);
	if (r == 0)
		log_warn("'%s' is used instead: what came after it is missing until the control plane sends it", path);
	return r;
}
