/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client's side of the control protocol (conn.h).  Blocking, with a limit on every wait; what comes in is
 * scanned before it is unpacked, because a socket of that name may be anybody's.
 */
#include "conn.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "buf.h"
#include "fd.h"
#include "pbscan.h"

enum { FRAME_MAX = 80 << 20, ROLES_MAX = 16, REQUEST_MAX = 64 << 10 };

/* How one request went. */
enum outcome {
	OUTCOME_END,		/* answered to its end */
	OUTCOME_ABSENT,		/* nobody listens */
	OUTCOME_DENIED,		/* not for us */
	OUTCOME_BROKEN,		/* closed, silent or garbage in the middle */
};

struct request {
	const char *socket, *role;	/* role "": whoever answers it */
	int argc;
	char *const *argv;
	int wait_ms;
	struct result *result;
	struct buf *problem;		/* a sentence, when the outcome is not END */
	char *ask[ROLES_MAX];		/* owned by the result's arena */
	size_t n_ask;
	unsigned exit;
	char **messages;		/* malloc'ed; of this request */
	size_t n_messages;
};

static enum outcome fail(struct request *q, enum outcome outcome, const char *fmt, ...) _printf_(3, 4);

static enum outcome fail(struct request *q, enum outcome outcome, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(q->problem, fmt, ap);
	va_end(ap);
	return outcome;
}

static enum outcome fail_connect(struct request *q, int error)
{
	if (error == EAGAIN)
		return fail(q, OUTCOME_BROKEN, "does not take connections at '%s': it is wedged", q->socket);
	if (error == EACCES || error == EPERM)
		return fail(q, OUTCOME_DENIED, "'%s' may not be opened; only root and meshd's own user may: use sudo",
			    q->socket);
	return fail(q, OUTCOME_ABSENT, "no meshd answers at '%s' (%s); start it (systemctl start meshd), or name its "
		    "control socket with --socket", q->socket, strerror(error));
}

static enum outcome request_connect(struct request *q, int *ret_fd)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	const struct timeval wait = { .tv_sec = CONN_WAIT_MS / 1000 };
	_cleanup_(fd_closep) int fd = -1;

	if (strlen(q->socket) >= sizeof(to.sun_path))
		return fail(q, OUTCOME_ABSENT, "'%s' is too long for a socket; use a path of at most 107 bytes",
			    q->socket);
	strcpy(to.sun_path, q->socket);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fail_connect(q, errno);
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)); /* connect() too, see socket(7) */
	if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0)
		return fail_connect(q, errno);
	*ret_fd = fd_take(&fd);
	return OUTCOME_END;
}

static enum outcome request_send(struct request *q, int fd)
{
	Mesh__CtlRequest m = MESH__CTL_REQUEST__INIT;
	_cleanup_free_ uint8_t *bytes = NULL;
	size_t size, sent = 0;

	m.argv = (char **)q->argv;
	m.n_argv = (size_t)q->argc;
	m.role = (char *)q->role;
	m.version = (char *)MESHD_VERSION;
	size = mesh__ctl_request__get_packed_size(&m);
	if (size > REQUEST_MAX)
		return fail(q, OUTCOME_BROKEN, "the command is longer than 64 KB; shorten it");
	bytes = malloc(4 + size);
	if (bytes == NULL)
		return fail(q, OUTCOME_BROKEN, "out of memory");
	for (int i = 0; i < 4; i++)
		bytes[i] = (uint8_t)(size >> 8 * i);
	mesh__ctl_request__pack(&m, bytes + 4);
	while (sent < 4 + size) {
		ssize_t n = send(fd, bytes + sent, 4 + size - sent, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			return fail(q, OUTCOME_DENIED, "meshd closed the connection; only root and meshd's own user "
				    "are answered: use sudo");
		sent += n > 0 ? (size_t)n : 0;
	}
	return OUTCOME_END;
}

/* Exactly `size` bytes; 0 done, 1 closed, 2 silent. */
static int read_exactly(int fd, uint8_t *data, size_t size, int wait_ms)
{
	while (size > 0) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int ready = poll(&p, 1, wait_ms);
		ssize_t n;

		if (ready == 0)
			return 2;
		n = ready > 0 ? read(fd, data, size) : -1;
		if (n == 0 || (n < 0 && errno != EINTR))
			return 1;
		if (n > 0) {
			data += n;
			size -= (size_t)n;
		}
	}
	return 0;
}

static enum outcome fail_read(struct request *q, int how, bool first)
{
	if (how == 2)
		return fail(q, OUTCOME_BROKEN, "does not answer within %d s", q->wait_ms / 1000);
	if (first)
		return fail(q, OUTCOME_DENIED, "closed the connection without an answer; see meshd's log (only "
			    "root and meshd's own user are answered)");
	return fail(q, OUTCOME_BROKEN, "closed the connection in the middle of its answer; see meshd's log");
}

static int keep_message(struct request *q, char *text)
{
	char **grown = reallocarray(q->messages, q->n_messages + 1, sizeof(char *));

	if (grown == NULL)
		return -ENOMEM;
	q->messages = grown;
	grown[q->n_messages++] = text;
	return 0;
}

static int take_rows(struct request *q, const Mesh__CtlReply *m)
{
	struct result_table *t;
	int r;

	if (m->table[0] == '\0')
		return 0;
	r = result_table(q->result, m->table, m->columns, m->n_columns, &t);
	for (size_t i = 0; i < m->n_rows && r == 0; i++)
		r = result_row(t, q->role, m->rows[i]);
	return r;
}

static int take_frame(struct request *q, const Mesh__CtlReply *m)
{
	int r = take_rows(q, m);

	if (r == 0 && m->message[0] != '\0')
		r = keep_message(q, m->message);
	for (size_t i = 0; i < m->n_ask && q->n_ask < ROLES_MAX; i++)
		q->ask[q->n_ask++] = m->ask[i];
	q->exit = m->exit;
	return r;
}

static enum outcome read_frame(struct request *q, int fd, bool first, bool *ret_end)
{
	const struct pbscan_limits limits = { .depth = 5, .bytes = FRAME_MAX };
	_cleanup_free_ uint8_t *body = NULL;
	struct pbscan_error error;
	ProtobufCMessage *m;
	uint8_t head[4];
	size_t size;
	int r = read_exactly(fd, head, sizeof(head), q->wait_ms);

	if (r != 0)
		return fail_read(q, r, first);
	size = head[0] | head[1] << 8 | head[2] << 16 | (size_t)head[3] << 24;
	body = size <= FRAME_MAX ? malloc(size + 1) : NULL;
	if (body == NULL)
		return fail(q, OUTCOME_BROKEN, "sent a frame of %zu bytes, too large to be read", size);
	r = read_exactly(fd, body, size, q->wait_ms);
	if (r != 0)
		return fail_read(q, r, false);
	r = pbscan_unpack(&mesh__ctl_reply__descriptor, body, size, &limits, &q->result->arena, &m, &error);
	if (r < 0)
		return fail(q, OUTCOME_BROKEN, "sent what cannot be read: %s",
			    r == -ENOMEM ? "out of memory" : error.text);
	if (take_frame(q, (const Mesh__CtlReply *)m) < 0)
		return fail(q, OUTCOME_BROKEN, "out of memory");
	*ret_end = ((const Mesh__CtlReply *)m)->end;
	return OUTCOME_END;
}

static enum outcome request_run(struct request *q)
{
	_cleanup_(fd_closep) int fd = -1;
	enum outcome o = request_connect(q, &fd);
	bool first = true, end = false;

	if (o == OUTCOME_END)
		o = request_send(q, fd);
	while (o == OUTCOME_END && !end) {
		o = read_frame(q, fd, first, &end);
		first = false;
	}
	return o;
}

/* Sentences of a request that was refused are problems of that role, others are for everybody. */
static void settle_messages(struct request *q, bool refused)
{
	for (size_t i = 0; i < q->n_messages; i++) {
		if (refused)
			(void)result_problem(q->result, q->role, q->messages[i]);
		else
			(void)result_message(q->result, q->messages[i]);
	}
	free(q->messages);
	q->messages = NULL;
	q->n_messages = 0;
}

/* One role of several; true if it did what was asked. */
static bool ask_role(const struct request *first, const char *role, unsigned *worst)
{
	_cleanup_(buf_deinit) struct buf problem = BUF_INIT;
	struct request q = *first;
	enum outcome o;

	q.role = role;
	q.wait_ms = CONN_WAIT_MS;
	q.problem = &problem;
	q.messages = NULL;
	q.n_messages = q.n_ask = 0;
	o = request_run(&q);
	if (o != OUTCOME_END)
		(void)result_problem(q.result, role, buf_str(&problem) != NULL ? buf_str(&problem) : "out of memory");
	settle_messages(&q, o != OUTCOME_END || q.exit != 0);
	*worst = MAX(*worst, q.exit);
	return o == OUTCOME_END && q.exit == 0;
}

/* Done if one role did it: the others are shown. */
static void ask_roles(const struct request *first)
{
	unsigned worst = EXIT_REFUSED;
	bool done = false;

	first->result->joined = true;
	for (size_t i = 0; i < first->n_ask; i++)
		done = ask_role(first, first->ask[i], &worst) || done;
	first->result->exit = done ? EXIT_DONE : (int)worst;
	if (done && first->result->n_tables > 0 && strcmp(first->argv[0], "log") == 0)
		first->result->n_problems = 0;	/* a module that one role lacks is no news */
}

void conn_run(const char *socket, int argc, char *const *argv, struct result *r)
{
	_cleanup_(buf_deinit) struct buf problem = BUF_INIT;
	struct request q = {
		.socket = socket, .role = "", .argc = argc, .argv = argv, .result = r, .problem = &problem,
		.wait_ms = strcmp(argv[0], "reload") == 0 ? CONN_RELOAD_MS : CONN_WAIT_MS,
	};
	enum outcome o = request_run(&q);

	settle_messages(&q, false);
	if (o != OUTCOME_END) {
		_cleanup_(buf_deinit) struct buf text = BUF_INIT;

		buf_printf(&text, "%s%s", o == OUTCOME_BROKEN ? "meshd " : "",
			   buf_str(&problem) != NULL ? buf_str(&problem) : "out of memory");
		(void)result_message(r, buf_str(&text) != NULL ? buf_str(&text) : "out of memory");
		r->exit = o == OUTCOME_ABSENT ? EXIT_NO_DAEMON : EXIT_REFUSED;
		return;
	}
	r->exit = q.exit <= EXIT_NO_DAEMON ? (int)q.exit : EXIT_REFUSED;
	if (q.n_ask > 0)
		ask_roles(&q);
}
