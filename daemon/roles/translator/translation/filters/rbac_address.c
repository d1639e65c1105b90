/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leaves of access rules about addresses and ports; see rbac.h.  Where a connection goes is mostly
 * known before it comes, by the listener and the match of its filter chain; the client is nginx's
 * remote_addr.
 */
#include <arpa/inet.h>
#include <string.h>

#include "expr.h"
#include "rbac.h"

#define XFF "http_x_forwarded_for"

/* 4 or 16 bytes; 0: no address. */
static unsigned address_bytes(const char *text, unsigned char ret[sizeof(struct in6_addr)])
{
	if (inet_pton(AF_INET, text, ret) == 1)
		return 4;
	return inet_pton(AF_INET6, text, ret) == 1 ? 16 : 0;
}

static bool range_legal(const xds_cidr *range)
{
	unsigned char bytes[sizeof(struct in6_addr)];
	unsigned size = address_bytes(range->address_prefix, bytes);

	return size > 0 && uint32_of(range->prefix_len, 0) <= size * 8;
}

static bool range_holds(const xds_cidr *range, const char *address)
{
	unsigned char a[sizeof(struct in6_addr)], b[sizeof(struct in6_addr)];
	unsigned bits = uint32_of(range->prefix_len, 0), size = address_bytes(address, a);

	if (size != address_bytes(range->address_prefix, b) || memcmp(a, b, bits / 8) != 0)
		return false;
	return bits % 8 == 0 || ((a[bits / 8] ^ b[bits / 8]) >> (8 - bits % 8)) == 0;
}

static struct access in_range(struct job *job, const char *var, const xds_cidr *range)
{
	return access_range(job, var,
			    job_printf(job, "%s/%u", range->address_prefix,
				       uint32_of(range->prefix_len, 0)));
}

struct access rbac_destination(struct rbac_reader *r, const xds_cidr *range, bool negated,
			       const struct path *at)
{
	const char *address = r->connection->address;

	if (!range_legal(range))
		return rbac_unknown(r, at, "is no range of addresses");
	if (address == NULL || (address[0] == '\0' && (r->hcm == NULL || r->job->options->capture)))
		return rbac_unknown(r, at, "the address that a client connects to is not known");
	if (address[0] != '\0')
		return access_const(range_holds(range, address) != negated);
	return access_polar(r->job, in_range(r->job, "server_addr", range), negated);
}

struct access rbac_port(struct rbac_reader *r, int64_t first, int64_t end, bool negated,
			const struct path *at)
{
	int64_t port = r->connection->port;

	if (port == 0)
		return rbac_unknown(r, at, "the port that a client connects to is not known");
	return access_const((first <= port && port < end) != negated);
}

struct access rbac_peer(struct rbac_reader *r, const xds_cidr *range, bool negated,
			const struct path *at)
{
	if (!range_legal(range))
		return rbac_unknown(r, at, "is no range of addresses");
	r->client = true;
	return access_polar(r->job, in_range(r->job, "remote_addr", range), negated);
}

/* The connection's address counts where X-Forwarded-For is not there or holds something else. */
static struct access unforwarded(struct job *job, const xds_cidr *range)
{
	struct accesses all = { 0 };

	accesses_add(job, &all, in_range(job, "remote_addr", range));
	accesses_add(job, &all, access_not(job, access_range(job, XFF, "0.0.0.0/0")));
	accesses_add(job, &all, access_not(job, access_range(job, XFF, "::/0")));
	accesses_add(job, &all, access_not(job, access_expr(expr_op(job, XFF, "~~", ","))));
	return access_all(job, &all);
}

/* The last address of X-Forwarded-For; which it is of several cannot be said. */
static struct access forwarded(struct rbac_reader *r, const xds_cidr *range, bool negated)
{
	struct accesses any = { 0 };

	strs_add(r->job, &r->headers, XFF);
	accesses_add(r->job, &any, unforwarded(r->job, range));
	accesses_add(r->job, &any, in_range(r->job, XFF, range));
	if (!negated)
		accesses_add(r->job, &any, access_expr(expr_op(r->job, XFF, "~~", ",")));
	return access_polar(r->job, access_any(r->job, &any), negated);
}

struct access rbac_client(struct rbac_reader *r, const xds_cidr *range, bool negated,
			  const struct path *at)
{
	const xds_hcm *hcm = r->hcm;

	if (!range_legal(range))
		return rbac_unknown(r, at, "is no range of addresses");
	if (hcm == NULL)
		return rbac_peer(r, range, negated, at);
	if (hcm->xff_num_trusted_hops > 0 || hcm->n_original_ip_detection_extensions > 0)
		return rbac_unknown(r, at,
				    "how the client's address is found cannot be said in APISIX");
	if (bool_of(hcm->use_remote_address, false))
		return rbac_peer(r, range, negated, at);
	r->client = true;
	job_note(
		r->job, at, B_WARN,
		"a request with several addresses in X-Forwarded-For is refused where they matter");
	return forwarded(r, range, negated);
}
