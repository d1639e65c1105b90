/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checking and reading the options that all control planes share; reading the token.  See setup.h.
 */
#include "setup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "filestamp.h"

#define TOKEN_MAX 65536

/* ---- check ------------------------------------------------------------------------------------ */

static void check_servers(const struct mesh_host_ops *ops, const struct mesh_conf *conf, struct mesh_diag *diag,
			  const char *option, bool *ret_tls)
{
	struct grpc_target target;
	char why[512];

	for (size_t i = 0; i < ops->conf_count(conf, option); i++) {
		const char *text = ops->conf_str(conf, option, i);

		if (text == NULL)
			continue;
		if (grpc_target_parse(text, &target, why, sizeof why) < 0)
			ops->conf_error(diag, conf, option, i, "%s", why);
		else
			*ret_tls = *ret_tls || target.tls;
	}
}

static void check_tls(const struct mesh_host_ops *ops, const struct mesh_conf *conf, struct mesh_diag *diag, bool tls)
{
	static const char *const names[] = { "tls.ca", "tls.cert", "tls.key", "tls.server_name" };
	bool cert = ops->conf_str(conf, "tls.cert", 0) != NULL, key = ops->conf_str(conf, "tls.key", 0) != NULL;

	if (cert != key)
		ops->conf_error(diag, conf, cert ? "tls.cert" : "tls.key", 0, "without %s it has no effect; set both",
				cert ? "tls.key" : "tls.cert");
	for (size_t i = 0; !tls && i < ARRAY_SIZE(names); i++)
		if (ops->conf_str(conf, names[i], 0) != NULL)
			ops->conf_error(diag, conf, names[i], 0,
					"no server is asked by TLS; write grpcs:// for those that are");
}

void setup_check_with(const struct mesh_host_ops *ops, const struct mesh_conf *conf, struct mesh_diag *diag,
		      const char *more)
{
	size_t n = ops->conf_count(conf, "server");
	bool tls = false;

	check_servers(ops, conf, diag, "server", &tls);
	if (more != NULL)
		check_servers(ops, conf, diag, more, &tls);
	/* Without a server the schema has complained already. */
	if (n > 0)
		check_tls(ops, conf, diag, tls);
}

void setup_check(const struct mesh_host_ops *ops, const struct mesh_conf *conf, struct mesh_diag *diag)
{
	setup_check_with(ops, conf, diag, NULL);
}

/* ---- reading ---------------------------------------------------------------------------------- */

static enum ads_api api_of(const char *word)
{
	if (word != NULL && strcmp(word, "delta") == 0)
		return ADS_DELTA;
	return word != NULL && strcmp(word, "sotw") == 0 ? ADS_SOTW : ADS_AUTO;
}

static int read_servers(struct setup *s, const struct mesh_host_ops *ops, const struct mesh_conf *conf,
			const char *option)
{
	struct grpc_target target;
	char why[512];

	s->n_servers = ops->conf_count(conf, option);
	s->servers = calloc(s->n_servers + 1, sizeof *s->servers);
	if (s->servers == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < s->n_servers; i++) {
		s->servers[i] = ops->conf_str(conf, option, i);
		if (s->servers[i] == NULL || grpc_target_parse(s->servers[i], &target, why, sizeof why) < 0)
			return -EINVAL;
		s->tls = s->tls || target.tls;
	}
	return 0;
}

int setup_open_at(struct mesh_host *host, const char *option, struct setup *ret_setup,
		  struct grpc_channel **ret_channel)
{
	const struct mesh_host_ops *ops = host->ops;
	const struct mesh_conf *conf = ops->options(host);
	struct setup s = { .api = api_of(ops->conf_str(conf, "api", 0)) };
	struct grpc_channel_options channel = {
		.host = host,
		.ca = ops->conf_str(conf, "tls.ca", 0),
		.cert = ops->conf_str(conf, "tls.cert", 0),
		.key = ops->conf_str(conf, "tls.key", 0),
		.server_name = ops->conf_str(conf, "tls.server_name", 0),
		.skip_verify = ops->conf_num(conf, "tls.skip_verify", 0) != 0,
		.max_message = (size_t)ops->conf_num(conf, "max_message", 0),
		.keepalive_ms = ops->conf_num(conf, "keepalive", 0),
		.user_agent = "meshd/" MESHD_VERSION,
	};
	int r = read_servers(&s, ops, conf, option);

	s.token_file = ops->conf_str(conf, "token_file", 0);
	channel.servers = s.servers;
	channel.n_servers = s.n_servers;
	if (r == 0)
		r = grpc_channel_new(&channel, ret_channel);
	if (r < 0) {
		setup_deinit(&s);
		return r;
	}
	if (s.token_file != NULL && !s.tls)
		mesh_log(host, MESH_WARN, "the token goes to '%s' unencrypted; write grpcs:// unless it is here",
			 s.servers[0]);
	*ret_setup = s;
	return 0;
}

int setup_open(struct mesh_host *host, struct setup *ret_setup, struct grpc_channel **ret_channel)
{
	return setup_open_at(host, "server", ret_setup, ret_channel);
}

void setup_deinit(struct setup *s)
{
	free(s->servers);
	s->servers = NULL;
}

char *setup_origin(const struct setup *s, const char *plugin, const char *id)
{
	_cleanup_(buf_deinit) struct buf origin = BUF_INIT;

	buf_printf(&origin, "%s ", plugin);
	for (size_t i = 0; i < s->n_servers; i++)
		buf_printf(&origin, "%s%s", i > 0 ? "," : "", s->servers[i]);
	buf_printf(&origin, " %s", id);
	return (char *)buf_steal(&origin, NULL);
}

/* ---- the token -------------------------------------------------------------------------------- */

/* Cuts what editors add behind it.  False: it cannot be a header's value. */
static bool trim(struct buf *token, size_t from)
{
	while (token->len > from && strchr(" \t\r\n", token->data[token->len - 1]) != NULL)
		token->len--;
	for (size_t i = from; i < token->len; i++)
		if (token->data[i] <= ' ' || token->data[i] > '~')
			return false;
	return token->len > from;
}

void setup_wipe(struct buf *b)
{
	if (b->data != NULL)
		explicit_bzero(b->data, b->cap);
	buf_deinit(b);
}

int setup_read_token(const struct setup *s, struct buf *token, char *why, size_t why_size)
{
	size_t from = token->len;
	int r = file_slurp(s->token_file, TOKEN_MAX, token);

	if (r < 0) {
		snprintf(why, why_size, "the token in '%s' cannot be read: %s; %s", s->token_file, strerror(-r),
			 file_remedy(r));
		return r;
	}
	if (!trim(token, from)) {
		snprintf(why, why_size, "'%s' holds no token: it must be one line of printable characters without "
			 "blanks; write the token there", s->token_file);
		return -EINVAL;
	}
	return buf_str(token) != NULL ? 0 : -ENOMEM;
}

int setup_token(const struct setup *s, const char *before, struct ads_headers *list)
{
	_cleanup_(setup_wipe) struct buf token = BUF_INIT;
	char why[600] = "";
	int r;

	if (s->token_file == NULL)
		return 0;
	buf_puts(&token, before);
	r = setup_read_token(s, &token, why, sizeof why);
	if (r < 0) {
		if (why[0] != '\0')
			ads_refuse(list, "%s", why);
		return r;
	}
	return ads_header(list, "authorization", buf_str(&token));
}
