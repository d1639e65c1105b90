/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See persist_env.h.
 */
#include "persist_env.h"

#include <unistd.h>

uint8_t persist_memory[PERSIST_MEMORY];

static void on_active(void *arg, enum rt type, const char *name)
{
	struct env *e = arg;

	told_ops.active(&e->told, type, name);
}

static void on_accepted(void *arg, struct hold *h)
{
	struct env *e = arg;

	persist_record(e->p, h);
}

int64_t persist_seconds = 1000;

static int64_t on_seconds(void)
{
	return persist_seconds;
}

static void on_identity(void *arg, const struct identity *id)
{
	struct env *e = arg;

	persist_identity(e->p, id, 0);
}

static struct identities *make_identities(struct env *e)
{
	struct identities_options options = { .clock = on_seconds, .changed = on_identity, .arg = e };
	struct identities *ids;

	/* So small that it matters who came first. */
	assert_int_equal(cidr_parse("127.64.0.0/22", &options.nets.outbound4), 0);
	assert_int_equal(identities_new(&options, &ids), 0);
	return ids;
}

static const struct holds_ops ops = { .active = on_active, .accepted = on_accepted };

void persist_env_begin(struct env *e)
{
	static uint8_t copy[sizeof persist_memory];
	struct persist_options options = {
		.dir = e->dir, .secrets = e->secrets, .memory = e->beside ? copy : persist_memory,
		.memory_size = sizeof persist_memory, .reads_only = e->beside,
	};

	memcpy(copy, persist_memory, sizeof copy);

	e->told = (struct told){ 0 };
	e->findings = findings_new();
	assert_int_equal(quarantine_new(NULL, &e->quarantine), 0);
	assert_int_equal(holds_new(&ops, e, e->findings, &e->hs), 0);
	assert_int_equal(accept_new(e->hs, e->quarantine, &e->a), 0);
	options.holds = e->hs;
	options.accept = e->a;
	options.quarantine = e->quarantine;
	options.findings = e->findings;
	options.identities = e->ids = make_identities(e);
	assert_int_equal(persist_new(&options, &e->p), 0);
	assert_int_equal(persist_load(e->p, 0), 0);
}

void persist_env_end(struct env *e)
{
	identities_free(e->ids);
	persist_free(e->p);
	accept_free(e->a);
	holds_free(e->hs);
	quarantine_free(e->quarantine);
	findings_free(e->findings);
}

void persist_env_next(struct env *e)
{
	persist_env_end(e);
	persist_env_begin(e);
}

int persist_env_setup(void **state)
{
	struct env *e = calloc(1, sizeof *e);

	memset(persist_memory, 0, sizeof persist_memory);
	snprintf(e->dir, sizeof e->dir, "/tmp/meshd-persist-XXXXXX");
	assert_non_null(mkdtemp(e->dir));
	e->secrets = true;
	persist_env_begin(e);
	*state = e;
	return 0;
}

int persist_env_teardown(void **state)
{
	static const char *const names[] = { "resources", "resources.prev", "resources.new", "resources.log",
					     "resources.damaged" };
	struct env *e = *state;
	char path[128];

	persist_env_end(e);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof path, "%s/%s", e->dir, names[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(e->dir), 0);
	free(e);
	return 0;
}

void settled(struct env *e, enum rt type, unsigned flags, const char *const *resources)
{
	update(e->a, e->hs, type, flags, resources, NULL, 0);
	persist_settled(e->p);
}

int access_in(struct env *e, const char *name)
{
	char path[128];

	snprintf(path, sizeof path, "%s/%s", e->dir, name);
	return access(path, F_OK);
}

bool key_on_disk(const struct env *e)
{
	_cleanup_free_ char *command = NULL;

	assert_true(asprintf(&command, "grep -q 'PRIVATE KEY' %s/resources*", e->dir) > 0);
	return system(command) == 0;
}

const char *vip(unsigned i)
{
	static char text[DESTINATION_TEXT];

	snprintf(text, sizeof text, "out tcp 10.0.%u.%u 80", i >> 8, i & 255);
	return text;
}

void want(struct env *e, unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++)
		assert_int_equal(identities_want(e->ids, vip(i)), 0);
	assert_int_equal(identities_settle(e->ids), 0);
}
