/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages by hand (FIELDS.md: Secret; istio/api security/v1alpha1/ca.proto).  See chain.h.
 */
#include "chain.h"

#include <errno.h>

#include "pbscan.h"
#include "pbwrite.h"
#include "setup.h"
#include "utf8.h"

enum { REQUEST_CSR = 1, REQUEST_SECONDS = 3, RESPONSE_CHAIN = 1 };
enum { SECRET_NAME = 1, SECRET_CERTIFICATE = 2, SECRET_VALIDATION = 4 };
enum { CERTIFICATE_CHAIN = 1, CERTIFICATE_KEY = 2, VALIDATION_CA = 1, SOURCE_BYTES = 2 };

void chain_put_request(const char *csr, int64_t ttl_s, struct buf *out)
{
	buf_put_text(out, REQUEST_CSR, csr);
	buf_put_int(out, REQUEST_SECONDS, ttl_s);
}

/* Certificates of a text stand on lines of their own, also when its last line has no end. */
static void put_part(const struct pb_field *part, struct buf *out)
{
	if (part->len == 0)
		return;
	buf_append(out, part->data, part->len);
	if (part->data[part->len - 1] != '\n')
		buf_putc(out, '\n');
}

int chain_read(const void *data, size_t size, struct buf *ret_chain, struct buf *ret_root)
{
	struct pb_cursor c = pb_cursor_of(data, size);
	struct pb_field field, parts[CHAIN_PARTS];
	size_t n = 0;
	int r = size <= CHAIN_MAX ? 0 : -E2BIG;

	while (r == 0 && (r = pb_field_next(&c, &field)) == PB_FIELD) {
		r = 0;
		if (field.number != RESPONSE_CHAIN)
			continue;
		if (field.wire != PB_LEN || !utf8_is_string((const char *)field.data, field.len))
			r = -EBADMSG;
		else if (n == CHAIN_PARTS)
			r = -E2BIG;
		else
			parts[n++] = field;
	}
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		put_part(&parts[i], n > 1 && i == n - 1 ? ret_root : ret_chain);
	return buf_str(ret_chain) != NULL && buf_str(ret_root) != NULL ? 0 : -ENOMEM;
}

static void put_source(unsigned number, const char *text, struct buf *out)
{
	_cleanup_(setup_wipe) struct buf source = BUF_INIT;

	buf_put_text(&source, SOURCE_BYTES, text);
	buf_put_bytes(out, number, source.data, source.len);
	out->failed = out->failed || source.failed;
}

void chain_put_certificate(const char *name, const char *chain, const char *key, struct buf *out)
{
	_cleanup_(setup_wipe) struct buf certificate = BUF_INIT;

	put_source(CERTIFICATE_CHAIN, chain, &certificate);
	put_source(CERTIFICATE_KEY, key, &certificate);
	buf_put_text(out, SECRET_NAME, name);
	buf_put_bytes(out, SECRET_CERTIFICATE, certificate.data, certificate.len);
	out->failed = out->failed || certificate.failed;
}

void chain_put_root(const char *name, const char *root, struct buf *out)
{
	_cleanup_(buf_deinit) struct buf validation = BUF_INIT;

	put_source(VALIDATION_CA, root, &validation);
	buf_put_text(out, SECRET_NAME, name);
	buf_put_bytes(out, SECRET_VALIDATION, validation.data, validation.len);
	out->failed = out->failed || validation.failed;
}

void chain_put_empty(const char *name, struct buf *out)
{
	buf_put_text(out, SECRET_NAME, name);
}
