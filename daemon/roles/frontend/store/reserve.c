/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reservation file of reserve.h.  Called by store.c at open, at each commit (one write of 64
 * bytes into the page cache) and at the end.  Overwrites in place, so a full disk does not stop it.
 */
#include "reserve.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "codec.h"
#include "event.h"

#define RESERVE_MAGIC "MESHDREV"
#define RESERVE_VERSION 1u
#define RESERVE_CLEAN 1u
#define COPY_SIZE 64u
#define COPY_CHECK 56u
#define FILE_SIZE 8192u

static const off_t copy_places[2] = { 0, 4096 };

static void boot_hash(const char *boot_id, uint8_t ret[RESERVE_BOOT_SIZE])
{
	memset(ret, 0, RESERVE_BOOT_SIZE);
	if (boot_id == NULL || boot_id[0] == '\0')
		return;
	store_u64(ret, XXH3_64bits_withSeed(boot_id, strlen(boot_id), 1));
	store_u64(ret + 8, XXH3_64bits_withSeed(boot_id, strlen(boot_id), 2));
}

static void copy_encode(const struct reserve_state *s, uint8_t copy[COPY_SIZE])
{
	uint8_t *p = copy;

	p = store_bytes(p, RESERVE_MAGIC, 8);
	p = store_u32(p, RESERVE_VERSION);
	p = store_u32(p, s->clean ? RESERVE_CLEAN : 0);
	p = store_u64(p, s->sequence);
	p = store_u64(p, s->reserved);
	p = store_u64(p, s->used);
	p = store_bytes(p, s->boot, RESERVE_BOOT_SIZE);
	store_u64(p, XXH3_64bits(copy, COPY_CHECK));
}

static bool copy_decode(const uint8_t copy[COPY_SIZE], struct reserve_state *ret)
{
	struct reader in = { .at = copy + 16, .end = copy + COPY_SIZE };
	struct reserve_state s = { 0 };

	if (memcmp(copy, RESERVE_MAGIC, 8) != 0 || fetch_u32(copy + 8) != RESERVE_VERSION ||
	    fetch_u64(copy + COPY_CHECK) != XXH3_64bits(copy, COPY_CHECK))
		return false;
	s.clean = (fetch_u32(copy + 12) & RESERVE_CLEAN) != 0;
	s.sequence = read_u64(&in);
	s.reserved = read_u64(&in);
	s.used = read_u64(&in);
	memcpy(s.boot, read_bytes(&in, RESERVE_BOOT_SIZE), RESERVE_BOOT_SIZE);
	if (s.reserved >= REVISION_LIMIT || s.used > s.reserved)
		return false;
	*ret = s;
	return true;
}

static int reserve_write(struct reserve *rv)
{
	uint8_t copy[COPY_SIZE];
	ssize_t n;

	if (rv->fd < 0)
		return -EBADF;
	rv->state.sequence++;
	copy_encode(&rv->state, copy);
	do
		n = pwrite(rv->fd, copy, sizeof copy, copy_places[rv->state.sequence & 1]);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return n == (ssize_t)sizeof copy ? 0 : -EIO;
}

static bool copy_blank(const uint8_t copy[COPY_SIZE])
{
	for (size_t i = 0; i < COPY_SIZE; i++)
		if (copy[i] != 0)
			return false;
	return true;
}

/*
 * The newer valid copy. 0, RESERVE_FRESH (nothing was ever written) or RESERVE_DAMAGED.
 * `ret_whole`: no copy is damaged, so none newer has been lost.
 */
static int reserve_read(struct reserve *rv, bool *ret_whole)
{
	bool found = false;

	*ret_whole = true;
	for (int i = 0; i < 2; i++) {
		uint8_t copy[COPY_SIZE] = { 0 };
		struct reserve_state s;

		if (pread(rv->fd, copy, sizeof copy, copy_places[i]) < 0)
			return -errno;
		if (!copy_decode(copy, &s)) {
			*ret_whole = *ret_whole && copy_blank(copy);
			continue;
		}
		if (!found || s.sequence > rv->state.sequence)
			rv->state = s;
		found = true;
	}
	return found ? 0 : *ret_whole ? RESERVE_FRESH : RESERVE_DAMAGED;
}

/* Takes its blocks now: later it is only overwritten. */
static int reserve_create(struct reserve *rv, int dirfd)
{
	static const uint8_t zeroes[FILE_SIZE];
	struct stat st;

	if (fstat(rv->fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (st.st_size >= (off_t)FILE_SIZE)
		return 0;
	if (pwrite(rv->fd, zeroes + st.st_size, FILE_SIZE - (size_t)st.st_size, st.st_size) < 0)
		return -errno;
	if (rv->io->sync(rv->fd) < 0 || rv->io->sync(dirfd) < 0)
		return -errno;
	return 0;
}

/* Was `used` written since this boot, or at an orderly end? */
static bool reserve_exact(const struct reserve *rv, const uint8_t boot[RESERVE_BOOT_SIZE])
{
	static const uint8_t unknown[RESERVE_BOOT_SIZE];

	if (rv->state.clean)
		return true;
	return memcmp(boot, unknown, RESERVE_BOOT_SIZE) != 0 &&
	       memcmp(boot, rv->state.boot, RESERVE_BOOT_SIZE) == 0;
}

int reserve_open(struct reserve *rv, int dirfd, const char *boot_id, const struct store_io *io,
		 bool *ret_exact, struct note *note)
{
	uint8_t boot[RESERVE_BOOT_SIZE];
	bool whole = false;
	int r;

	*rv = (struct reserve){ .io = io };
	rv->fd = openat(dirfd, "revision", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
			0600);
	r = rv->fd < 0 ? -errno : reserve_create(rv, dirfd);
	if (r == 0)
		r = reserve_read(rv, &whole);
	if (r < 0) {
		note_add(note,
			 "cannot use the file 'revision' in the state folder (%s): after a crash "
			 "of the "
			 "machine revisions may repeat; make the folder writable for meshd",
			 strerror(-r));
		reserve_close(rv);
		*ret_exact = false;
		return r;
	}
	if (!whole)
		note_add(note, "the file 'revision' in the state folder is damaged: %s",
			 r == 0 ? "its second copy is used" : "numbering goes on above the clock");
	boot_hash(boot_id, boot);
	*ret_exact = r == 0 && whole && reserve_exact(rv, boot);
	memcpy(rv->state.boot, boot, sizeof boot);
	return r;
}

void reserve_close(struct reserve *rv)
{
	if (rv->fd >= 0)
		close(rv->fd);
	rv->fd = -1;
}

int reserve_extend(struct reserve *rv, uint64_t visible, uint64_t taken, uint64_t now_ms)
{
	struct reserve_state before = rv->state;
	uint64_t wanted = taken + RESERVE_STEP;
	int r;

	if (now_ms < REVISION_LIMIT / 2)
		wanted = MAX(wanted, now_ms);
	rv->state.clean = false;
	rv->state.used = visible;
	rv->state.reserved = MIN(MAX(rv->state.reserved, wanted), REVISION_LIMIT - 1);
	r = reserve_write(rv);
	if (r == 0)	/* both copies: losing one must not lower the bound */
		r = reserve_write(rv);
	if (r == 0 && rv->io->sync(rv->fd) < 0)
		r = -errno;
	if (r < 0)
		rv->state.reserved = before.reserved;
	return r;
}

int reserve_use(struct reserve *rv, uint64_t used)
{
	rv->state.used = MAX(rv->state.used, used);
	rv->state.reserved = MAX(rv->state.reserved, used);	/* unsynced, better than nothing */
	rv->state.clean = false;
	return reserve_write(rv);
}

int reserve_finish(struct reserve *rv, uint64_t used)
{
	int r;

	rv->state.used = used;
	rv->state.reserved = MAX(rv->state.reserved, used);
	rv->state.clean = true;
	r = reserve_write(rv);
	return r == 0 && rv->io->sync(rv->fd) < 0 ? -errno : r;
}
