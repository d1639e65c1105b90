/* SPDX-License-Identifier: Apache-2.0 */
/* See space.h. A failure of the system fails the test. */
#include "space.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int space_setup(void **state)
{
	struct space *s = calloc(1, sizeof *s);
	struct store_report report;

	scratch_make(&s->scratch);
	assert_int_equal(loop_new(&s->worker.base), 0);
	s->f.hosted.worker = &s->worker;
	s->f.prefix = "/apisix";
	client_host_ops(&s->ops);
	lease_host_ops(&s->ops);
	s->f.hosted.host.ops = &s->ops;
	assert_int_equal(lease_init(&s->f), 0);
	assert_int_equal(store_open(&(struct store_options){ .dirfd = s->scratch.fd }, NOW_MS, &s->f.store,
				    &report), 0);
	put_one(store_keys(s->f.store), "/apisix/routes/r1", "{}");
	*state = s;
	return 0;
}

int space_teardown(void **state)
{
	struct space *s = *state;

	lease_deinit(&s->f);
	store_free(s->f.store);
	loop_free(s->worker.base);
	scratch_remove(&s->scratch);
	free(s);
	return 0;
}

struct mesh_change change(const char *key, const char *value, int64_t lease)
{
	return (struct mesh_change){
		.key = (const uint8_t *)key,
		.key_size = strlen(key),
		.value = (const uint8_t *)value,
		.value_size = value != NULL ? strlen(value) : 0,
		.lease = lease,
	};
}

int write_one(struct space *s, const char *key, const char *value, int64_t lease)
{
	const struct mesh_change c = change(key, value, lease);

	return s->ops.store_write(&s->f.hosted.host, &c, 1);
}

static int add_key(const struct kv *kv, void *arg)
{
	char *text = arg;
	size_t len = strlen(text);

	snprintf(text + len, 1024 - len, "%s%.*s", len > 0 ? "," : "", (int)kv->key->size,
		 (const char *)kv->key->data);
	return 0;
}

const char *client_keys(struct space *s)
{
	static char text[1024];

	text[0] = '\0';
	assert_int_equal(client_walk(&s->f, add_key, text), 0);
	return text;
}

void assert_counted(struct space *s)
{
	size_t keys = s->f.client.keys, bytes = s->f.client.bytes;

	client_count(&s->f);
	assert_int_equal(s->f.client.keys, keys);
	assert_int_equal(s->f.client.bytes, bytes);
}
