/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket: who connects is known by SO_PEERCRED (root and meshd's own user), says one
 * bounded request within five seconds, and is handed to the role that the command table names.
 * The supervisor reads the request only as far as it must to know that role.
 */
#include <endian.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands.h"
#include "error.h"
#include "fd.h"
#include "file.h"
#include "log.h"
#include "meshd/ctl.pb-c.h"
#include "pbscan.h"
#include "private.h"
#include "send.h"

LOG_MODULE("control");

#define REQUEST_MAX (64u << 10)
#define REQUEST_MS 5000

/* A whole reply in one frame; what does not fit into the socket's buffer is lost, it is one sentence. */
static void answer(int fd, Mesh__CtlReply *reply)
{
	size_t size = mesh__ctl_reply__get_packed_size(reply);
	_cleanup_free_ uint8_t *frame = malloc(size + 4);
	uint32_t le = htole32((uint32_t)size);

	if (frame == NULL)
		return;
	memcpy(frame, &le, 4);
	mesh__ctl_reply__pack(reply, frame + 4);
	(void)!send(fd, frame, size + 4, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void refuse(int fd, unsigned status, const char *text)
{
	Mesh__CtlReply reply = MESH__CTL_REPLY__INIT;

	reply.message = (char *)(uintptr_t)text;
	reply.end = 1;
	reply.exit = status;
	answer(fd, &reply);
}

static void conn_close(struct control_conn *c)
{
	loop_io_deinit(&c->io);
	loop_timer_deinit(&c->deadline);
	c->fd = fd_close(c->fd);
	free(c->data);
	c->data = NULL;
	c->len = 0;
}

/* ---- routing ---- */

/* The roles of `targets` that this configuration has. */
static uint32_t present(struct supervisor *sup, uint32_t targets)
{
	uint32_t set = targets & ROLE_BIT(ROLE_SUPERVISOR);

	for (unsigned i = 1; i < _ROLE_MAX; i++)
		if ((targets & ROLE_BIT(i)) != 0 && role_enabled(&roles[i], sup->conf))
			set |= ROLE_BIT(i);
	return set;
}

static void ask(int fd, uint32_t targets)
{
	Mesh__CtlReply reply = MESH__CTL_REPLY__INIT;
	char *names[_ROLE_MAX];

	reply.ask = names;
	for (unsigned i = 0; i < _ROLE_MAX; i++)
		if ((targets & ROLE_BIT(i)) != 0)
			names[reply.n_ask++] = (char *)(uintptr_t)role_name((enum role_id)i);
	reply.end = 1;
	answer(fd, &reply);
}

static void hand_to_worker(struct control_conn *conn, struct child *c)
{
	Mesh__CtlConn m = MESH__CTL_CONN__INIT;
	char text[600];

	m.request.data = conn->data + 4;
	m.request.len = conn->len - 4;
	m.uid = conn->uid;
	if (child_is_up(c) && msg_send_CTL(c->control, &m, conn->fd) == 0)
		return;
	snprintf(text, sizeof text, "%s is %s%s%s", role_name(c->role->id), child_state_name(c),
		 c->last_exit[0] != 0 ? "; its last life ended by " : "", c->last_exit);
	refuse(conn->fd, 1, text);
}

static void hand_over(struct control_conn *conn, enum role_id role)
{
	struct supervisor *sup = conn->sup;
	int r;

	if (role != ROLE_SUPERVISOR) {
		hand_to_worker(conn, sup->children[role]);
		return;
	}
	r = ctl_serve(sup->base, fd_take(&conn->fd), conn->data + 4, conn->len - 4, supervisor_commands, sup);
	if (r < 0)
		log_warn_errno_rl(r, "cannot answer a control connection");
}

/* Which role shall answer: the one asked for, or the only one; _ROLE_MAX: it has been answered here. */
static enum role_id choose(struct control_conn *conn, const struct ctl_command *command, const char *wanted)
{
	uint32_t targets = present(conn->sup, command->targets);
	enum role_id role = wanted[0] != 0 ? role_find(wanted) : _ROLE_MAX;
	char text[256];

	if (wanted[0] != 0 && (role == _ROLE_MAX || (command->targets & ROLE_BIT(role)) == 0)) {
		snprintf(text, sizeof text, "'%.50s' does not answer '%.50s'", wanted, command->name);
		refuse(conn->fd, 2, text);
		return _ROLE_MAX;
	}
	if (wanted[0] != 0)
		return role;
	if (targets == 0) {
		snprintf(text, sizeof text, "nobody answers '%.50s': the role that would is off", command->name);
		refuse(conn->fd, 1, text);
		return _ROLE_MAX;
	}
	if ((targets & (targets - 1)) == 0)
		return (enum role_id)__builtin_ctz(targets);
	ask(conn->fd, targets);
	return _ROLE_MAX;
}

static void route(struct control_conn *conn, const Mesh__CtlRequest *request)
{
	const struct ctl_command *command = NULL;
	enum role_id role;
	char why[512] = "";

	if (request->n_argv == 0 || request->n_argv > 256) {
		refuse(conn->fd, 2, "the request names no command");
		return;
	}
	if (ctl_command_find((int)request->n_argv, request->argv, &command, why, sizeof why) != 0) {
		refuse(conn->fd, 2, why);
		return;
	}
	role = choose(conn, command, request->role);
	if (role != _ROLE_MAX)
		hand_over(conn, role);
}

static void handle_request(struct control_conn *conn)
{
	ProtobufCMessage *m = NULL;
	struct pbscan_error err;
	struct arena arena;

	arena_init(&arena, 4u << 20);
	if (pbscan_unpack(&mesh__ctl_request__descriptor, conn->data + 4, conn->len - 4, NULL, &arena, &m, &err) < 0) {
		log_warn_rl("a control request of uid %u is no request: %s", (unsigned)conn->uid, err.text);
		refuse(conn->fd, 2, "that was no control request; use meshctl of the same version");
	} else {
		route(conn, (const Mesh__CtlRequest *)m);
	}
	arena_deinit(&arena);
	conn_close(conn);
}

/* ---- reading ---- */

static uint32_t announced(const struct control_conn *c)
{
	uint32_t size;

	memcpy(&size, c->data, 4);
	return le32toh(size);
}

static void on_conn(struct loop_io *io, short what)
{
	struct control_conn *c = container_of(io, struct control_conn, io);
	size_t want = c->len < 4 ? 4 : 4 + (size_t)announced(c);
	ssize_t n = recv(c->fd, c->data + c->len, want - c->len, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		conn_close(c);
		return;
	}
	c->len += (size_t)n;
	if (c->len < 4)
		return;
	if (announced(c) > REQUEST_MAX) {
		log_warn_rl("closing a control connection of uid %u: it announced %u bytes, the limit is %u",
			    (unsigned)c->uid, announced(c), REQUEST_MAX);
		conn_close(c);
		return;
	}
	if (c->len == 4 + (size_t)announced(c))
		handle_request(c);
}

static void on_deadline(struct loop_timer *timer)
{
	struct control_conn *c = container_of(timer, struct control_conn, deadline);

	log_warn_rl("closing a control connection of uid %u: no request within %d s", (unsigned)c->uid,
		    REQUEST_MS / 1000);
	conn_close(c);
}

static bool may_speak(const struct supervisor *sup, int fd, uid_t *ret_uid)
{
	struct ucred cred;
	socklen_t len = sizeof cred;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return false;
	*ret_uid = cred.uid;
	return cred.uid == 0 || cred.uid == sup->who.uid || cred.uid == geteuid();
}

static void conn_open(struct supervisor *sup, struct control_conn *c, int fd, uid_t uid)
{
	*c = (struct control_conn){ .sup = sup, .fd = fd, .uid = uid, .number = ++sup->control.accepted };
	c->data = malloc(4 + REQUEST_MAX);
	if (c->data == NULL || loop_timer_init(&c->deadline, sup->base, on_deadline) < 0 ||
	    loop_io_init(&c->io, sup->base, fd, EV_READ, on_conn) < 0) {
		conn_close(c);
		return;
	}
	loop_timer_set(&c->deadline, REQUEST_MS);
}

/* A free one, or that of the connection that has been silent for longest: a crowd of these shuts nobody out. */
static struct control_conn *take_slot(struct control *control)
{
	struct control_conn *oldest = &control->conns[0];

	for (unsigned i = 0; i < CONTROL_CONNS; i++) {
		if (control->conns[i].fd < 0)
			return &control->conns[i];
		if (control->conns[i].number < oldest->number)
			oldest = &control->conns[i];
	}
	log_warn_rl("closing a control connection of uid %u: it has said nothing and %d others wait",
		    (unsigned)oldest->uid, CONTROL_CONNS);
	refuse(oldest->fd, 1, "refused: too many control connections, try again");
	conn_close(oldest);
	return oldest;
}

static void on_accept(struct loop_io *io, short what)
{
	struct supervisor *sup = container_of(io, struct supervisor, control.io);
	_cleanup_(fd_closep) int fd = accept4(sup->control.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	uid_t uid = (uid_t)-1;

	if (fd < 0)
		return;
	if (!may_speak(sup, fd, &uid)) {
		log_warn_rl("refusing a control connection of uid %u: only root and '%s' may connect", (unsigned)uid,
			    sup->who.name);
		refuse(fd, 1, "refused: only root and meshd's own user may control meshd");
		return;
	}
	conn_open(sup, take_slot(&sup->control), fd_take(&fd), uid);
}

/* ---- the socket ---- */

static int make_folder(const struct supervisor *sup, const char *path)
{
	char dir[PATH_MAX];
	char *slash;

	snprintf(dir, sizeof dir, "%s", path);
	slash = strrchr(dir, '/');
	if (slash == NULL || slash == dir)
		return 0;
	*slash = 0;
	return file_make_dir(dir, 0755, sup->who.drop ? sup->who.uid : (uid_t)-1,
			     sup->who.drop ? sup->who.gid : (gid_t)-1);
}

/* Who is in the way of our socket? */
static int in_use(const char *path)
{
	struct stat st;

	if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
		return log_err_errno(-EEXIST, "'%s' is there and is no socket; remove it or change control.socket",
				     path);
	return log_err_errno(-EADDRINUSE, "another meshd answers on '%s'; stop it or give this one another "
					  "control.socket", path);
}

int control_open(struct supervisor *sup, const char *path)
{
	mode_t mode = sup->who.drop ? 0660 : 0600;
	int r = make_folder(sup, path);

	if (r < 0)
		return log_err_errno(r, "cannot make the folder of the control socket '%s'; create it or change "
					"control.socket", path);
	sup->control.fd = listen_unix(path, mode);
	if (sup->control.fd == -EADDRINUSE)
		return in_use(path);
	if (sup->control.fd < 0)
		return log_err_errno(sup->control.fd, "cannot listen on the control socket '%s'", path);
	sup->control.path = strdup(path);
	if (sup->who.drop && lchown(path, sup->who.uid, sup->who.gid) < 0)
		log_warn_errno(-errno, "cannot give the control socket to '%s'", sup->who.name);
	return error_trace(loop_io_init(&sup->control.io, sup->base, sup->control.fd, EV_READ, on_accept));
}

void control_close(struct supervisor *sup)
{
	loop_io_deinit(&sup->control.io);
	for (unsigned i = 0; i < CONTROL_CONNS; i++)
		if (sup->control.conns[i].fd >= 0)
			conn_close(&sup->control.conns[i]);
	sup->control.fd = fd_close(sup->control.fd);
	if (sup->control.path != NULL)
		unlink(sup->control.path);
	free(sup->control.path);
	sup->control.path = NULL;
}
