/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading secrets from files by the names that istiod gives them (pkg/security/security.go of istio).  See local.h.
 */
#include "local.h"

#include <stdio.h>
#include <string.h>

#include "chain.h"
#include "csr.h"
#include "filestamp.h"
#include "istio.h"
#include "setup.h"

#define FILE_MAX ((size_t)4 << 20)

/* Where distributions keep their roots: Debian, Fedora, SUSE. */
static const char *const system_roots[] = {
	"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
};

/* Appends the file and a NUL; false: logged. */
static bool read_file(struct mesh_host *host, const char *name, const char *path, struct buf *out)
{
	int r = file_slurp(path, FILE_MAX, out);

	if (r == 0 && buf_str(out) != NULL)
		return true;
	mesh_log(host, MESH_WARN, "secret '%s' of the control plane: '%s' cannot be read: %s; %s; it is taken as empty",
		 name, path, strerror(-r), file_remedy(r));
	return false;
}

static bool read_system(struct buf *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(system_roots); i++)
		if (file_slurp(system_roots[i], FILE_MAX, out) == 0 && buf_str(out) != NULL)
			return true;
	return false;
}

static bool put_root(struct mesh_host *host, const char *name, const char *path, struct buf *out)
{
	_cleanup_(buf_deinit) struct buf root = BUF_INIT;
	bool ok = strcmp(path, "system") == 0 ? read_system(&root) : read_file(host, name, path, &root);

	if (ok && !csr_is_certificates(buf_str(&root))) {
		mesh_log(host, MESH_WARN, "secret '%s' of the control plane: the file has no certificates (PEM), or "
			 "more than those; it is taken as empty", name);
		return false;
	}
	if (ok)
		chain_put_root(name, buf_str(&root), out);
	return ok;
}

static bool put_pair(struct mesh_host *host, const char *name, const char *paths, struct buf *out)
{
	_cleanup_(setup_wipe) struct buf key = BUF_INIT;
	_cleanup_(buf_deinit) struct buf chain = BUF_INIT;
	const char *tilde = strchr(paths, '~');
	char path[4096], why[128];
	struct issued issued;
	bool ok = tilde != NULL && (size_t)(tilde - paths) < sizeof path;

	if (ok) {
		snprintf(path, sizeof path, "%.*s", (int)(tilde - paths), paths);
		ok = read_file(host, name, path, &chain) && read_file(host, name, tilde + 1, &key);
	}
	if (ok && csr_check(buf_str(&key), buf_str(&chain), &issued, why, sizeof why) < 0) {
		mesh_log(host, MESH_WARN, "secret '%s' of the control plane: these files are no certificate and its "
			 "key (PEM); it is taken as empty", name);
		return false;
	}
	if (ok)
		chain_put_certificate(name, buf_str(&chain), buf_str(&key), out);
	return ok;
}

void local_deliver(struct mesh_host *host, struct ads *ads, const char *name)
{
	static const struct {
		const char *start;
		bool (*put)(struct mesh_host *host, const char *name, const char *rest, struct buf *out);
	} forms[] = { { "file-root:", put_root }, { "file-cert:", put_pair } };
	_cleanup_(setup_wipe) struct buf body = BUF_INIT;
	struct mesh_resource resource = { .type_url = ISTIO_SECRET, .name = name, .version = "" };
	bool done = false;

	for (size_t i = 0; i < ARRAY_SIZE(forms) && !done; i++)
		if (strncmp(name, forms[i].start, strlen(forms[i].start)) == 0)
			done = forms[i].put(host, name, name + strlen(forms[i].start), &body);
	if (!done)
		chain_put_empty(name, &body);
	resource.body = body.data;
	resource.size = body.len;
	if (buf_error(&body) < 0 || ads_deliver(ads, &resource, 1) < 0)
		mesh_log(host, MESH_ERR, "no memory for the secret '%s'", name);
}
