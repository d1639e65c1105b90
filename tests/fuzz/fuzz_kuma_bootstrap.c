/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The answer to POST /bootstrap: as it comes, and as the YAML that lies in it.
 */
#include <assert.h>
#include <stdlib.h>

#include "base64.h"
#include "bootstrap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_one(const uint8_t *data, size_t size)
{
	_cleanup_(buf_deinit) struct buf metadata = BUF_INIT;
	char why[400] = "";
	int r = bootstrap_read(data, size, "default.web-1", &metadata, why, sizeof why);

	assert(r == 0 || why[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(buf_deinit) struct buf whole = BUF_INIT;

	read_one(data, size);
	buf_puts(&whole, "{\"bootstrap\":\"");
	base64_encode(&whole, data, size);
	buf_puts(&whole, "\"}");
	read_one(whole.data, whole.len);
	return 0;
}
