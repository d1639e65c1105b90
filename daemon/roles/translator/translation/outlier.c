/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outlier_detection as APISIX's passive checks (TRANSLATION.md 4.2): nodes that fail several times in a
 * row are left out.  APISIX lets them back in by probing, not by time, and has passive checks only beside
 * active ones; so a probe that connects is made up where there is none, at the time after which Envoy
 * would let a node back in.  Called by checks.c.
 */
#include "json.h"
#include "upstream.h"

#define THRESHOLD_MAX 254
#define CONSECUTIVE 5 /* Envoy's default, of each kind */
#define EJECTION_MS 30000
#define PROBE_TIMEOUT_S 1

typedef Envoy__Config__Cluster__V3__OutlierDetection outlier_detection;

/* How many failures in a row; 0: they do not count. */
struct outliers {
	uint32_t http, local;
	bool gateway; /* only 502, 503 and 504 */
	uint64_t back_s;
};

static uint32_t counted(const pb_uint32 *n, uint32_t enforced)
{
	uint32_t failures = uint32_of(n, CONSECUTIVE);

	if (enforced == 0)
		return 0;
	return failures < THRESHOLD_MAX ? failures : THRESHOLD_MAX;
}

static struct outliers outliers_of(const outlier_detection *d)
{
	uint32_t any = counted(d->consecutive_5xx, uint32_of(d->enforcing_consecutive_5xx, 100));
	uint32_t gateway = counted(d->consecutive_gateway_failure,
				   uint32_of(d->enforcing_consecutive_gateway_failure, 0));
	int64_t back = duration_ms(d->base_ejection_time, EJECTION_MS);
	struct outliers r = { .http = any > 0 ? any : gateway, .gateway = any == 0 };

	r.back_s = back > 0 ? ((uint64_t)back + 999) / 1000 : 1;
	/* A failed connection is a failure of the gateway, unless they are told apart. */
	if (!d->split_external_local_origin_errors)
		r.local = gateway > 0 && (any == 0 || gateway < any) ? gateway : any;
	else
		r.local = counted(d->consecutive_local_origin_failure,
				  uint32_of(d->enforcing_consecutive_local_origin_failure, 100));
	return r;
}

static bool partly(const pb_uint32 *percent)
{
	uint32_t n = uint32_of(percent, 0);

	return n > 0 && n < 100;
}

static void notes(struct job *job, const outlier_detection *d, const struct outliers *o,
		  const struct path *at)
{
	job_note(job, at, B_WARN,
		 "a node that was left out comes back when it accepts a connection, looked at every %llu "
		 "seconds; all nodes may be left out at once, and are all used then",
		 (unsigned long long)o->back_s);
	if (partly(d->enforcing_consecutive_5xx) || partly(d->enforcing_consecutive_gateway_failure) ||
	    partly(d->enforcing_consecutive_local_origin_failure))
		job_note(job, at, B_WARN, "outliers are always left out, not in a share of cases");
	if (!o->gateway && uint32_of(d->enforcing_consecutive_gateway_failure, 0) > 0 &&
	    uint32_of(d->consecutive_gateway_failure, CONSECUTIVE) < o->http)
		job_note(job, at, B_WARN,
			 "APISIX counts one list of statuses: 500 to 599 %u times in a row, not 502 to 504 "
			 "on their own",
			 o->http);
}

static void write_range(struct json *j, unsigned from, unsigned to)
{
	for (unsigned s = from; s <= to; s++)
		json_uint(j, s);
}

/* Statuses that end a row of failures. Looked through for every response: the usual ones. */
static void write_good(struct json *j, bool gateway)
{
	static const unsigned good[] = { 200, 201, 202, 204, 206, 301, 302, 303, 304, 307, 308,
					 400, 401, 403, 404, 405, 409, 410, 412, 422, 429 };

	json_key(j, "healthy");
	json_obj_open(j);
	json_key(j, "http_statuses");
	json_arr_open(j);
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		json_uint(j, good[i]);
	if (gateway)
		write_range(j, 500, 501);
	json_arr_close(j);
	json_key_uint(j, "successes", 1);
	json_obj_close(j);
}

static void write_passive(struct json *j, const struct upstream *up, const struct outliers *o)
{
	json_key(j, "passive");
	json_obj_open(j);
	json_key_str(j, "type", up->transport.tls ? "https" : "http");
	write_good(j, o->gateway);
	json_key(j, "unhealthy");
	json_obj_open(j);
	json_key_uint(j, "http_failures", o->http);
	json_key(j, "http_statuses");
	json_arr_open(j);
	write_range(j, o->gateway ? 502 : 500, o->gateway ? 504 : 599);
	json_arr_close(j);
	json_key_uint(j, "tcp_failures", o->local);
	json_key_uint(j, "timeouts", o->local);
	json_obj_close(j);
	json_obj_close(j);
}

static void write_probe(struct json *j, const struct outliers *o)
{
	uint32_t failures = o->local > 0 ? o->local : CONSECUTIVE;

	json_key(j, "active");
	json_obj_open(j);
	json_key_str(j, "type", "tcp");
	json_key_int(j, "timeout", PROBE_TIMEOUT_S);
	json_key(j, "healthy");
	json_obj_open(j);
	json_key_uint(j, "interval", o->back_s);
	json_key_int(j, "successes", 1);
	json_obj_close(j);
	json_key(j, "unhealthy");
	json_obj_open(j);
	json_key_uint(j, "interval", o->back_s);
	json_key_uint(j, "tcp_failures", failures);
	json_key_uint(j, "timeouts", failures);
	json_obj_close(j);
	json_obj_close(j);
}

bool outlier_write(struct job *job, const struct upstream *up, bool active, struct json *j)
{
	const outlier_detection *d = up->cluster->outlier_detection;
	struct path here = PATH_AT(up->at, "outlier_detection");
	struct outliers o;

	if (d == NULL)
		return false;
	o = outliers_of(d);
	if (o.http == 0 && o.local == 0) {
		job_note(job, &here, B_INFO, "enforces no ejection for failures in a row; left out");
		return false;
	}
	notes(job, d, &o, &here);
	if (!active)
		write_probe(j, &o);
	write_passive(j, up, &o);
	return true;
}
