/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzes what a certificate service may answer: its message, and the certificates in it, looked at with a key that no
 * input can have a certificate for.
 */
#include <stdlib.h>

#include "chain.h"
#include "csr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *own_key(void)
{
	static struct buf key = BUF_INIT;
	struct buf request = BUF_INIT;

	if (key.len == 0 && csr_make("spiffe://a/ns/b/sa/c", &key, &request) < 0)
		abort();
	buf_deinit(&request);
	return buf_str(&key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(buf_deinit) struct buf chain = BUF_INIT, root = BUF_INIT;
	struct issued issued;
	char why[200] = "";

	if (chain_read(data, size, &chain, &root) < 0)
		return 0;
	if (csr_check(own_key(), buf_str(&chain), &issued, why, sizeof why) == 0 || why[0] == '\0')
		abort();
	(void)csr_is_certificates(buf_str(&root));
	return 0;
}
