/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The least that must be done end to end, which tests/bench/translation divides by:
 *
 *     bench_floor PORT TELLER CLUSTERS ENDPOINTS
 *
 * One process sends the prepared assignments through a socketpair, another reads them, hashes each,
 * scans those that have changed for their endpoints, writes the upstream's JSON, base64, and one chunk
 * per event to the JSON watcher that has connected to PORT.  There is no store, no validation, nothing
 * that is unknown and no error that could be survived.  It is told what to do as source.c is, through a
 * connection to the port TELLER; and by
 *
 *     raw    all are sent and read, no more; the answer has also "end_us=…"
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <xxhash.h>

#include "base64.h"
#include "pbscan.h"
#include "prepared.h"

#define READ_SIZE (256u << 10)
#define WRITE_SIZE (256u << 10)

/* What precedes each body in the socketpair; size 0 ends a response. */
struct head {
	uint32_t index, size;
	bool raw;
};

struct receiver {
	int pipe, listener, teller, watcher;
	uint64_t *hashes;	/* of what was last received */
	uint64_t revision;
	struct buf out, json;
};

_Noreturn _printf_(1, 2)
static void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("bench_floor: ", stderr);
	vfprintf(stderr, fmt, ap);
	fprintf(stderr, ": %s\n", strerror(errno));
	va_end(ap);
	exit(1);
}

static void write_all(int fd, const void *data, size_t size)
{
	const char *p = data;

	while (size > 0) {
		ssize_t n = write(fd, p, size);

		if (n < 0)
			die("cannot write");
		p += n;
		size -= (size_t)n;
	}
}

/* ---- one assignment ------------------------------------------------------------------------ */

/* The message in the field `number`; empty when there is none. */
static struct pb_cursor sub(struct pb_cursor c, unsigned number)
{
	struct pb_field f;

	while (pb_field_next(&c, &f) == PB_FIELD)
		if (f.number == number)
			return pb_cursor_of(f.data, f.len);
	return pb_cursor_of(NULL, 0);
}

static uint64_t number_of(struct pb_cursor c, unsigned number)
{
	struct pb_field f;

	while (pb_field_next(&c, &f) == PB_FIELD)
		if (f.number == number)
			return f.value;
	return 0;
}

static void write_number(struct buf *out, uint64_t value)
{
	char text[24], *p = text + sizeof text;

	do
		*--p = (char)('0' + value % 10);
	while ((value /= 10) > 0);
	buf_append(out, p, (size_t)(text + sizeof text - p));
}

/* LbEndpoint: endpoint 1 { address 1 { socket_address 1 { address 2, port 3 } } }, weight 4. */
static void write_node(struct buf *out, struct pb_cursor endpoint)
{
	struct pb_cursor socket = sub(sub(sub(endpoint, 1), 1), 1), address = sub(socket, 2);

	buf_puts(out, "{\"host\":\"");
	buf_append(out, address.pos, (size_t)(address.end - address.pos));
	buf_puts(out, "\",\"port\":");
	write_number(out, number_of(socket, 3));
	buf_puts(out, ",\"weight\":");
	write_number(out, number_of(sub(endpoint, 4), 1));
	buf_puts(out, ",\"priority\":0},");
}

static void write_upstream(struct buf *out, uint32_t index, const uint8_t *body, size_t size)
{
	struct pb_cursor assignment = pb_cursor_of(body, size);
	struct pb_field locality, endpoint;

	buf_puts(out, "{\"id\":\"cluster-");
	write_number(out, index);
	buf_puts(out, "\",\"name\":\"cluster-");
	write_number(out, index);
	buf_puts(out, "\",\"scheme\":\"http\",\"type\":\"least_conn\",\"pass_host\":\"pass\",\"timeout\":{"
		      "\"connect\":1,"
		      "\"send\":60,\"read\":60},\"nodes\":[");
	while (pb_field_next(&assignment, &locality) == PB_FIELD) {
		struct pb_cursor list = pb_cursor_of(locality.data, locality.len);

		while (locality.number == 2 && pb_field_next(&list, &endpoint) == PB_FIELD)
			if (endpoint.number == 2)
				write_node(out, pb_cursor_of(endpoint.data, endpoint.len));
	}
	out->len -= out->len > 0 && buf_str(out)[out->len - 1] == ',';
	buf_puts(out, "]}");
}

static void flush(struct receiver *r)
{
	write_all(r->watcher, buf_str(&r->out), r->out.len);
	buf_reset(&r->out);
}

/* One chunk, as a watch of etcd's JSON API has it. */
static void write_event(struct receiver *r, uint32_t index)
{
	char head[512], key[64], key64[96] = "";
	int key_size = snprintf(key, sizeof key, "/apisix/upstreams/cluster-%u", index), n;
	size_t size = base64_encoded_len(r->json.len);

	base64_encode_to(key64, key, (size_t)key_size);
	n = snprintf(head, sizeof head,
		     "{\"result\":{\"header\":{\"cluster_id\":\"14841639068965178418\","
		     "\"member_id\":\"10276657743932975437\",\"revision\":\"%llu\",\"raft_term\":\"2\"},"
		     "\"events\":[{\"kv\":"
		     "{\"key\":\"%s\",\"create_revision\":\"2\",\"mod_revision\":\"%llu\",\"version\":\"2\","
		     "\"value\":\"",
		     (unsigned long long)r->revision, key64, (unsigned long long)r->revision);
	buf_printf(&r->out, "%zx\r\n", (size_t)n + size + 8);
	buf_append(&r->out, head, (size_t)n);
	base64_encode(&r->out, buf_str(&r->json), r->json.len);
	buf_puts(&r->out, "\"}}]}}\n\r\n");
	if (r->out.len >= WRITE_SIZE)
		flush(r);
}

static void take(struct receiver *r, const struct head *h, const uint8_t *body)
{
	uint64_t hash;

	if (h->raw)
		return;
	hash = XXH3_64bits(body, h->size);
	if (r->hashes[h->index] == hash)
		return;
	r->hashes[h->index] = hash;
	buf_reset(&r->json);
	write_upstream(&r->json, h->index, body, h->size);
	write_event(r, h->index);
}

/* ---- receiving ----------------------------------------------------------------------------- */

static void ended(struct receiver *r, const struct head *h)
{
	r->revision++;
	if (h->raw)
		dprintf(r->teller, "end_us=%.1f\n", prepared_now_us());
	else
		flush(r);
}

/* Takes the whole resources in there; how many bytes that were. */
static size_t take_whole(struct receiver *r, const uint8_t *data, size_t size)
{
	size_t at = 0;
	struct head h;

	while (size - at >= sizeof h) {
		memcpy(&h, data + at, sizeof h);
		if (size - at - sizeof h < h.size)
			break;
		if (h.size == 0)
			ended(r, &h);
		else
			take(r, &h, data + at + sizeof h);
		at += sizeof h + h.size;
	}
	return at;
}

static void receive(struct receiver *r)
{
	static uint8_t data[READ_SIZE];
	static size_t have;
	ssize_t n = read(r->pipe, data + have, sizeof data - have);
	size_t used;

	if (n <= 0)
		exit(0);
	have += (size_t)n;
	used = take_whole(r, data, have);
	memmove(data, data + used, have - used);
	have -= used;
}

/* A watcher has connected: its request is read away, its watch confirmed. */
static void welcome(struct receiver *r)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
		"Transfer-Encoding: chunked\r\n\r\n1c\r\n{\"result\":{\"created\":true}}\n\r\n";
	char request[4096];
	int on = 1;

	r->watcher = accept4(r->listener, NULL, NULL, SOCK_CLOEXEC);
	if (r->watcher < 0 || read(r->watcher, request, sizeof request) <= 0)
		die("no watcher");
	setsockopt(r->watcher, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	write_all(r->watcher, answer, sizeof answer - 1);
}

_Noreturn static void receiver_run(struct receiver *r)
{
	struct pollfd fds[] = { { .fd = r->pipe, .events = POLLIN }, { .fd = r->listener, .events = POLLIN } };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		if (poll(fds, 2, -1) < 0)
			die("cannot wait");
		if (fds[1].revents != 0)
			welcome(r);
		if (fds[0].revents != 0)
			receive(r);
	}
}

/* ---- sending ------------------------------------------------------------------------------- */

/* All assignments as one block, so that the sender does no more than write. */
static void pack(struct buf *out, const struct prepared *p, bool raw)
{
	struct head h = { .raw = raw };

	buf_reset(out);
	for (size_t i = 0; i < p->n; i++) {
		h.index = (uint32_t)i;
		h.size = (uint32_t)p->assignments[i].size;
		buf_append(out, &h, sizeof h);
		buf_append(out, p->assignments[i].body, h.size);
	}
	h.size = 0;
	if (buf_append(out, &h, sizeof h) < 0)
		die("no memory");
}

static void sender_run(struct prepared *p, int pipe, int teller)
{
	struct buf block = BUF_INIT;
	char line[64];
	double begin;

	dprintf(teller, "bytes=%zu clusters=%zu\n", p->assignment_bytes, p->cluster_bytes);
	for (unsigned round = 1; read(teller, line, sizeof line) > 0; round++) {
		if (strncmp(line, "one", 3) == 0)
			prepared_change(p, round * 7919u % p->n, round);
		for (size_t i = 0; strncmp(line, "all", 3) == 0 && i < p->n; i++)
			prepared_change(p, i, round);
		pack(&block, p, strncmp(line, "raw", 3) == 0);
		begin = prepared_now_us();
		write_all(pipe, buf_str(&block), block.len);
		dprintf(teller, "begin_us=%.1f\n", begin);
	}
	buf_deinit(&block);
}

/* ---- start --------------------------------------------------------------------------------- */

static int loopback(int port, int (*use)(int fd, const struct sockaddr *a, socklen_t size))
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (fd < 0 || use(fd, (const struct sockaddr *)&a, sizeof a) < 0)
		die("port %d", port);
	return fd;
}

int main(int argc, char **argv)
{
	struct receiver r = { .out = BUF_INIT, .json = BUF_INIT };
	struct prepared *p;
	int pair[2];

	if (argc != 5)
		die("usage: bench_floor PORT TELLER CLUSTERS ENDPOINTS");
	p = prepared_new(strtoul(argv[3], NULL, 10), strtoul(argv[4], NULL, 10));
	r.hashes = p != NULL ? calloc(p->n, sizeof *r.hashes) : NULL;
	if (r.hashes == NULL || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		die("cannot begin");
	r.listener = loopback(atoi(argv[1]), bind);
	if (listen(r.listener, 1) < 0)
		die("cannot listen");
	r.teller = loopback(atoi(argv[2]), connect);
	r.pipe = pair[0];
	if (fork() == 0) {
		close(pair[1]);
		receiver_run(&r);
	}
	close(pair[0]);
	sender_run(p, pair[1], r.teller);
	return 0;
}
