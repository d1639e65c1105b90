/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options that every plugin with a control plane behind gRPC has: their rows, their check, and what becomes of
 * them.  A plugin adds rows of its own.
 */
#ifndef ADS_SETUP_H
#define ADS_SETUP_H

#include "ads.h"

#define SETUP_OPTIONS                                                                                              \
	{ .name = "server", .type = MESH_OPT_STRING, .list = true, .required = true, .min = 1, .max = 512,         \
	  .doc = "Control planes in the order of preference: grpc://HOST[:PORT], grpcs://HOST[:PORT] (TLS) or "    \
		 "unix:/PATH." },                                                                                  \
	{ .name = "api", .type = MESH_OPT_ENUM, .choices = "auto|delta|sotw", .def = "auto",                       \
	  .doc = "Protocol: incremental (delta), state of the world (sotw), or auto: incremental unless the "      \
		 "server does not know it." },                                                                     \
	{ .name = "token_file", .type = MESH_OPT_PATH,                                                             \
	  .doc = "File with the token that we show, in its first line; read anew for each connection." },          \
	{ .name = "tls.ca", .type = MESH_OPT_PATH,                                                                 \
	  .doc = "CA that the server's certificate must come from (PEM); when absent, those of the system." },     \
	{ .name = "tls.cert", .type = MESH_OPT_PATH,                                                               \
	  .doc = "Client certificate chain (PEM), together with tls.key." },                                       \
	{ .name = "tls.key", .type = MESH_OPT_PATH, .doc = "Private key of tls.cert (PEM)." },                     \
	{ .name = "tls.server_name", .type = MESH_OPT_STRING, .min = 1, .max = 255,                                \
	  .doc = "Name that the server's certificate must have, if it is not the host in server." },               \
	{ .name = "tls.skip_verify", .type = MESH_OPT_BOOL, .def = "false",                                        \
	  .doc = "Take any certificate of the server; only for trials." },                                         \
	{ .name = "keepalive", .type = MESH_OPT_DURATION, .min = GRPC_KEEPALIVE_MIN_MS, .max = 3600000,            \
	  .def = "30s", .doc = "How often the connection is tried while nothing comes." },                         \
	{ .name = "max_message", .type = MESH_OPT_SIZE, .min = 1 << 20, .max = (int64_t)1 << 30, .def = "256MB",   \
	  .doc = "Largest response that is taken; a larger one ends the connection." }

struct setup {
	const char **servers;	/* owned list of borrowed texts */
	size_t n_servers;
	enum ads_api api;
	const char *token_file;	/* borrowed; NULL: none */
	bool tls;		/* one of the servers is grpcs:// */
};

void setup_check(const struct mesh_host_ops *ops, const struct mesh_conf *conf, struct mesh_diag *diag);
/* The same; the option `more` has servers, too, which share tls.*. */
void setup_check_with(const struct mesh_host_ops *ops, const struct mesh_conf *conf, struct mesh_diag *diag,
		      const char *more);

/* Reads the options and makes the channel, which borrows from *ret_setup.  0 or as grpc_channel_new(). */
int setup_open(struct mesh_host *host, struct setup *ret_setup, struct grpc_channel **ret_channel);
/* The same with other servers: those of `option`. */
int setup_open_at(struct mesh_host *host, const char *option, struct setup *ret_setup,
		  struct grpc_channel **ret_channel);
void setup_deinit(struct setup *s);

/* "xds grpc://a:1,grpc://b:2 ID": what identifies where resources come from.  NULL: no memory; the caller's. */
char *setup_origin(const struct setup *s, const char *plugin, const char *id);

/*
 * Reads the token, puts `before` ("Bearer ") in front of it and adds it as `authorization`.  Without a token_file
 * nothing.  0, or a negative errno and ads_refuse() was called.
 */
int setup_token(const struct setup *s, const char *before, struct ads_headers *list);

/* Appends the token of token_file, which must be set.  0; negative errno with the reason in `why`, -ENOMEM without. */
int setup_read_token(const struct setup *s, struct buf *token, char *why, size_t why_size);
/* As buf_deinit(), and nothing of it is left in freed memory. */
void setup_wipe(struct buf *b);

#endif
