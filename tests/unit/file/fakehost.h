/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host for the plugin under test: it applies updates as the translator does, keeps what was
 * reported, and runs the loop until a condition holds. A condition that does not come true within
 * the deadline fails the test; nothing else depends on time.
 */
#ifndef TEST_FAKEHOST_H
#define TEST_FAKEHOST_H

#include <meshd/plugin.h>

#define HOST_RESOURCES 512
#define HOST_FINDINGS 512
#define HOST_TYPES 6

struct host_resource {
	char *type, *name, *version;
	size_t size;
	bool fresh; /* in the snapshot that is being received */
};

struct host_finding {
	char *origin, *field, *reason, *behaviour;
	enum mesh_severity severity;
};

struct host {
	struct mesh_host base; /* must be first */
	struct mesh_host_ops ops;
	struct event_base *loop;
	const char *paths[4];
	size_t n_paths;
	int64_t max_size;
	struct host_resource resources[HOST_RESOURCES];
	size_t n_resources;
	struct host_finding findings[HOST_FINDINGS];
	size_t n_findings;
	char types[16][80]; /* of the snapshots, in the order of their ends */
	bool incomplete[16];
	size_t n_snapshots; /* ended since host_clear_counts(); types[] holds the first 16 */
	size_t n_calls;
	size_t largest; /* bytes in one call */
	uint64_t last_id;
	bool in_update;
	bool always_busy; /* answer every update with MESH_BUSY */
	int answer;	  /* otherwise: this */
	char origin[256], detail[256];
	void *plugin; /* context */
};

struct host *host_new(void);
struct host *host_free(struct host *h);

/* The plugin's life. */
void host_open(struct host *h);
void host_start(struct host *h);
void host_close(struct host *h);

void host_clear_counts(struct host *h);
bool host_has(const struct host *h, const char *type_end, const char *name);
const char *host_version(const struct host *h, const char *name);
const struct host_finding *host_finding(const struct host *h, const char *text);

/* Runs the loop until fn is true. Fails the test after ten seconds. */
void host_wait(struct host *h, bool (*fn)(const struct host *h, const void *arg), const void *arg);

/* Runs the loop for as long as a change takes to be noticed, settled and delivered. */
void host_rest(struct host *h);

#endif
