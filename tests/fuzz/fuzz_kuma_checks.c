/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a control plane wants to have checked, and the report of it.  Nothing is looked at: the loop does not run.
 */
#include <assert.h>
#include <event2/event.h>
#include <stddef.h>

#include "checks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct event_base *loop;

static struct event_base *op_loop(struct mesh_host *host)
{
	(void)host;
	return loop;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct mesh_host_ops ops = { .size = sizeof ops, .loop = op_loop };
	struct mesh_host host = { .ops = &ops };
	struct buf out = BUF_INIT;
	struct checks *checks;
	char why[400] = "", words[300];
	int r;

	loop = event_base_new();
	checks = checks_new(&host);
	assert(loop != NULL && checks != NULL);
	r = checks_take(checks, data, size, why, sizeof why);
	assert(r == 0 || why[0] != '\0');
	checks_report(checks, &out);
	checks_words(checks, words, sizeof words);
	buf_deinit(&out);
	checks_free(checks);
	event_base_free(loop);
	return 0;
}
