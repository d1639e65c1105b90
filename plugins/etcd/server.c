/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of one server: made, listening, shut down, freed.
 */
#include "server.h"

#include <errno.h>
#include <stdio.h>

#include "listener.h"

const char *server_date(struct server *s)
{
	static const char days[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
					    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	time_t now = time(NULL);
	struct tm tm;

	if (now == s->date_at || gmtime_r(&now, &tm) == NULL)
		return s->date;
	/* Not strftime(): names of days must not follow the locale. */
	snprintf(s->date, sizeof s->date, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[tm.tm_wday],
		 tm.tm_mday, months[tm.tm_mon], (tm.tm_year + 1900) % 10000, tm.tm_hour, tm.tm_min,
		 tm.tm_sec);
	s->date_at = now;
	return s->date;
}

int server_new(struct mesh_host *host, struct server **ret_server)
{
	struct server *s = calloc(1, sizeof *s);
	int r;

	if (s == NULL)
		return -ENOMEM;
	s->host = host;
	s->base = host->ops->loop(host);
	options_read(&s->options, host);
	ids_init(&s->ids, s->options.prefix);
	LIST_INIT(&s->conns);
	write_queue_init(&s->writes, s->base);
	budget_init(&s->budget, s);
	watch_hub_init(&s->hub, s);
	peers_init(&s->peers);
	r = cache_init(&s->cache, s->base);
	if (r == 0)
		r = auth_init(&s->auth, s);
	if (r == 0)
		r = tls_init(&s->tls, s);
	if (r < 0) {
		server_free(s);
		return r;
	}
	*ret_server = s;
	return 0;
}

int server_listen(struct server *s)
{
	size_t n = s->host->ops->listen_count(s->host);
	const char *address;
	int fd, r;

	s->listeners = calloc(n, sizeof *s->listeners);
	if (s->listeners == NULL && n > 0)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		fd = s->host->ops->listen_fd(s->host, i, &address);
		if (fd < 0)
			return fd;
		r = listener_init(&s->listeners[s->n_listeners++], s, fd);
		if (r < 0)
			return r;
		mesh_log(s->host, MESH_INFO, "etcd: serving '%s' on %s", s->options.prefix, address);
	}
	return 0;
}

static void stop_listening(struct server *s)
{
	for (size_t i = 0; i < s->n_listeners; i++)
		listener_deinit(&s->listeners[i]);
	s->n_listeners = 0;
	free(TAKE(s->listeners));
}

void server_shutdown(struct server *s)
{
	struct conn *c, *next;

	stop_listening(s);
	for (c = LIST_FIRST(&s->conns); c != NULL; c = next) {
		next = LIST_NEXT(c, link);
		if (c->state == CONN_OPEN && c->ops != NULL)
			c->ops->goodbye(c);
		if (c->state != CONN_DEAD)
			conn_write_now(c);
		conn_free(c);
	}
}

struct server *server_free(struct server *s)
{
	if (s == NULL)
		return NULL;
	server_shutdown(s);
	write_queue_deinit(&s->writes);
	cache_deinit(&s->cache);
	watch_hub_deinit(&s->hub);
	budget_deinit(&s->budget);
	auth_deinit(&s->auth);
	tls_deinit(&s->tls);
	peers_deinit(&s->peers);
	buf_deinit(&s->scratch);
	free(s);
	return NULL;
}
