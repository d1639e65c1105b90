/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folder of the stores: made, proved to be usable by the workers' user, and locked, so that two
 * meshds never write the same stores.  Called at start, and before each start of a worker, because
 * somebody may have removed the folder: then it is made again, for a worker without it has no memory of
 * its own.  At start a failure is logged with its remedy and ends meshd; later it is only logged.
 *
 * The lock is flock(2) on the folder itself: it leaves no file, ends with the process however that
 * ends, and no worker inherits it.
 */
#include <fcntl.h>
#include <grp.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "error.h"
#include "fd.h"
#include "file.h"
#include "log.h"
#include "private.h"

LOG_MODULE("supervisor");

static const char *state_path(const struct supervisor *sup)
{
	return conf_str(sup->conf, "state_dir", "/var/lib/meshd");
}

/* Runs in a forked child: becomes the workers' user for good and asks the kernel. Its answer is an errno. */
static int try_as(const struct identity *who, const char *path)
{
	if (who->drop && (setgroups((size_t)who->n_groups, who->groups) < 0 ||
			  setresgid(who->gid, who->gid, who->gid) < 0 || setresuid(who->uid, who->uid, who->uid) < 0))
		return errno;
	return access(path, R_OK | W_OK | X_OK) < 0 ? errno : 0;
}

/* May the workers write there?  Every folder above counts too, and so do ACLs and read-only mounts. */
static int check_access(const struct supervisor *sup, const char *path)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(try_as(&sup->who, path));
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return error_origin(pid < 0 ? -errno : -ECHILD);
	return -WEXITSTATUS(status);
}

/* A file system without locks is no reason not to start. */
static int lock(struct supervisor *sup, const char *path)
{
	_cleanup_(fd_closep) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return log_err_errno(-errno, "cannot open state_dir '%s'", path);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
		return log_err_errno(-EBUSY, "another meshd works in state_dir '%s'; stop it or name another folder",
				     path);
	fd_close(sup->state_fd);
	sup->state_fd = fd_take(&fd);
	return 0;
}

static int make(struct supervisor *sup, const char *path)
{
	int r = file_make_dir(path, 0700, sup->who.drop ? sup->who.uid : (uid_t)-1,
			      sup->who.drop ? sup->who.gid : (gid_t)-1);

	if (r < 0)
		return log_err_errno(r, "cannot make state_dir '%s'; create it for '%s' or name another", path,
				     sup->who.name);
	r = check_access(sup, path);
	if (r < 0)
		return log_err_errno(r, "'%s' cannot write to state_dir '%s'; run 'chown %s %s', open the folders "
				     "above it for that user (chmod o+x) or name another folder", sup->who.name, path,
				     sup->who.name, path);
	return 0;
}

int state_dir_open(struct supervisor *sup)
{
	const char *path = state_path(sup);
	int r = make(sup, path);

	return r < 0 ? r : lock(sup, path);
}

void state_dir_keep(struct supervisor *sup)
{
	const char *path = state_path(sup);
	struct stat held, there;

	if (fstat(sup->state_fd, &held) == 0 && stat(path, &there) == 0 && held.st_dev == there.st_dev &&
	    held.st_ino == there.st_ino)
		return;
	log_warn("state_dir '%s' has been removed or replaced; making sure that there is one", path);
	if (make(sup, path) == 0)
		(void)lock(sup, path);
}

void state_dir_close(struct supervisor *sup)
{
	sup->state_fd = fd_close(sup->state_fd);
}
