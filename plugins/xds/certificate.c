/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking for the workload's certificate, handing it on, renewing it.  See certificate.h; csr.c has the keys, chain.c
 * the messages.
 */
#include "certificate.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "backoff.h"
#include "chain.h"
#include "csr.h"
#include "filestamp.h"
#include "istio.h"

#define OURS "default"
#define ROOT "ROOTCA"
#define ASK_MS 15000			/* deadline of the call */
#define REFUSED_PAUSE_MS 5000
#define RENEW_LEAST_MS 1000

struct certificate {
	struct certificate_options o;
	char *identity;			/* owned */
	struct event *timer;		/* owned: the next attempt */
	struct grpc_call *call;		/* owned; NULL: none */
	struct backoff backoff;

	struct buf key;			/* of the request under way; wiped */
	struct buf answer;		/* of the request under way */

	struct buf secret, root;	/* what was handed on, encoded; empty: nothing yet */
	struct issued issued;		/* what it says */
	int64_t renew_at;		/* seconds since the epoch; 0: none is due */
	char trouble[900];		/* why the last attempt failed; "": it did not */
	bool named;			/* the operator knows that the CA calls us otherwise */
};

static int64_t now(void)
{
	return (int64_t)time(NULL);
}

static void put_time(int64_t t, char *ret, size_t size)
{
	time_t seconds = (time_t)t;
	struct tm tm;

	if (gmtime_r(&seconds, &tm) == NULL || strftime(ret, size, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		snprintf(ret, size, "?");
}

/* ---- when --------------------------------------------------------------------------------- */

static uint32_t dice(void)
{
	uint32_t value;

	evutil_secure_rng_get_bytes(&value, sizeof value);
	return value;
}

static void ask_in(struct certificate *c, int64_t ms)
{
	struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	c->renew_at = now() + (ms + 999) / 1000;
	event_add(c->timer, &tv);
}

/* Half of what is left, a tenth more or less: machines that started together do not come together for ever. */
static void ask_at_half(struct certificate *c)
{
	int64_t half = (c->issued.until - now()) * 500;
	int64_t jitter = half / 10 > 0 ? (int64_t)dice() % (half / 5) - half / 10 : 0;

	ask_in(c, MAX(half + jitter, RENEW_LEAST_MS));
}

static void __attribute__((format(printf, 3, 4)))
fail(struct certificate *c, int64_t least_ms, const char *fmt, ...)
{
	char text[sizeof c->trouble], until[32] = "";
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	put_time(c->issued.until, until, sizeof until);
	if (strcmp(text, c->trouble) != 0)
		mesh_log(c->o.host, MESH_WARN, "no certificate for %s: %s; %s%s, trying again", c->identity, text,
			 c->secret.len > 0 ? "the old one stays, valid until " : "mutual TLS is not possible till then",
			 c->secret.len > 0 ? until : "");
	snprintf(c->trouble, sizeof c->trouble, "%s", text);
	setup_wipe(&c->key);
	ask_in(c, backoff_next(&c->backoff, dice()) + least_ms);
}

/* ---- the answer --------------------------------------------------------------------------- */

static struct mesh_resource resource(const char *name, const struct buf *body)
{
	return (struct mesh_resource){
		.type_url = ISTIO_SECRET, .name = name, .version = "", .body = body->data, .size = body->len,
	};
}

static void deliver(struct certificate *c)
{
	const struct mesh_resource resources[] = { resource(ROOT, &c->root), resource(OURS, &c->secret) };

	if (ads_deliver(c->o.ads, resources, ARRAY_SIZE(resources)) < 0)
		mesh_log(c->o.host, MESH_ERR, "no memory to hand on the certificate of %s", c->identity);
}

static void note_identity(struct certificate *c)
{
	char until[32];

	put_time(c->issued.until, until, sizeof until);
	mesh_log(c->o.host, c->secret.len > 0 ? MESH_DEBUG : MESH_INFO, "certificate of %s, valid until %s",
		 c->issued.identity, until);
	if (c->named || strcmp(c->issued.identity, c->identity) == 0)
		return;
	c->named = true;
	mesh_log(c->o.host, MESH_WARN, "the CA calls this machine '%s', not '%s': by its token; compare "
		 "istio.namespace, istio.service_account and istio.trust_domain", c->issued.identity, c->identity);
}

/* The roots: the operator's file, or what the CA said. */
static int choose_root(struct certificate *c, struct buf *root, char *why, size_t why_size)
{
	int r;

	if (c->o.root != NULL) {
		buf_reset(root);
		r = file_slurp(c->o.root, CHAIN_MAX, root);
		if (r < 0) {
			snprintf(why, why_size, "istio.root: '%s' cannot be read: %s; %s", c->o.root, strerror(-r),
				 file_remedy(r));
			return r;
		}
	}
	if (root->len > 0 && buf_str(root) != NULL && csr_is_certificates(buf_str(root)))
		return 0;
	if (c->o.root != NULL)
		snprintf(why, why_size, "istio.root: '%s' holds no certificates (PEM)", c->o.root);
	else
		snprintf(why, why_size, "the CA names no root; write the mesh's root certificate to a file and set "
					"istio.root");
	return -EINVAL;
}

static int check_times(const struct issued *issued, char *why, size_t why_size)
{
	char at[32];
	bool early = issued->from > now() + 60;

	if (!early && issued->until > now())
		return 0;
	put_time(early ? issued->from : issued->until, at, sizeof at);
	snprintf(why, why_size, early ? "it is valid only from %s on; is this machine's clock right?" :
					"it is valid only until %s; is this machine's clock right?", at);
	return -EINVAL;
}

static int accept_answer(struct certificate *c, char *why, size_t why_size)
{
	_cleanup_(buf_deinit) struct buf chain = BUF_INIT, root = BUF_INIT, root_secret = BUF_INIT;
	_cleanup_(setup_wipe) struct buf secret = BUF_INIT;
	struct issued issued;
	int r = chain_read(c->answer.data, c->answer.len, &chain, &root);

	if (r < 0)
		snprintf(why, why_size, "it sent no IstioCertificateResponse of reasonable size; is this istiod?");
	if (r == 0)
		r = csr_check(buf_str(&c->key), buf_str(&chain), &issued, why, why_size);
	if (r == 0)
		r = check_times(&issued, why, why_size);
	if (r == 0)
		r = choose_root(c, &root, why, why_size);
	if (r < 0)
		return r;
	chain_put_certificate(OURS, buf_str(&chain), buf_str(&c->key), &secret);
	chain_put_root(ROOT, buf_str(&root), &root_secret);
	if (buf_error(&secret) < 0 || buf_error(&root_secret) < 0) {
		snprintf(why, why_size, "no memory");
		return -ENOMEM;
	}
	c->issued = issued;
	note_identity(c);
	setup_wipe(&c->secret);
	buf_deinit(&c->root);
	c->secret = secret;
	c->root = root_secret;
	secret = root_secret = (struct buf)BUF_INIT;
	return 0;
}

static void finish(struct certificate *c)
{
	char why[700];

	if (accept_answer(c, why, sizeof why) < 0) {
		fail(c, 0, "%s", why);
		return;
	}
	setup_wipe(&c->key);
	c->trouble[0] = '\0';
	backoff_reset(&c->backoff);
	deliver(c);
	ask_at_half(c);
}

/* ---- the call ----------------------------------------------------------------------------- */

static int on_message(void *arg, const uint8_t *data, size_t size)
{
	struct certificate *c = arg;

	if (size <= CHAIN_MAX && c->answer.len == 0)
		buf_append(&c->answer, data, size);
	return 0;
}

static const char *remedy(const struct grpc_status *status)
{
	static const struct {
		int code;
		const char *text;
	} remedies[] = {
		{ GRPC_UNAUTHENTICATED, "; it does not take the token: renew token_file (audience istio-ca)" },
		{ GRPC_PERMISSION_DENIED, "; it knows the token, and signs nothing for it" },
		{ GRPC_UNIMPLEMENTED, "; no certificate service there: set istio.ca_server to istiod's port 15012" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(remedies); i++)
		if (remedies[i].code == status->code)
			return remedies[i].text;
	return "";
}

static void on_end(void *arg, const struct grpc_status *status)
{
	struct certificate *c = arg;
	bool refused = status->code == GRPC_UNAUTHENTICATED || status->code == GRPC_PERMISSION_DENIED;

	c->call = NULL;
	if (status->code == GRPC_OK)
		finish(c);
	else
		fail(c, refused ? REFUSED_PAUSE_MS : 0, "%s: %.500s%s", grpc_code_name(status->code), status->message,
		     remedy(status));
}

static int start_call(struct certificate *c, const char *token, const struct buf *request)
{
	static const struct grpc_call_ops ops = { .message = on_message, .end = on_end };
	const struct grpc_metadata metadata[] = {
		{ "clusterid", c->o.cluster_id },
		{ "authorization", token },
	};
	const struct grpc_call_options options = {
		.path = "/istio.v1.auth.IstioCertificateService/CreateCertificate",
		.metadata = metadata,
		.n_metadata = token != NULL ? 2 : 1,
		.deadline_ms = ASK_MS,
		.ops = &ops,
		.arg = c,
	};
	int r = grpc_call_start(c->o.channel, &options, &c->call);

	if (r == 0)
		r = grpc_call_send(c->call, request->data, request->len);
	if (r == 0)
		grpc_call_finish(c->call);
	else
		c->call = grpc_call_cancel(c->call);
	return r;
}

static void ask(struct certificate *c)
{
	_cleanup_(buf_deinit) struct buf csr = BUF_INIT, request = BUF_INIT;
	_cleanup_(setup_wipe) struct buf token = BUF_INIT;
	char why[512] = "no memory";
	bool shown = c->o.setup->token_file != NULL;
	int r;

	buf_puts(&token, "Bearer ");
	r = shown ? setup_read_token(c->o.setup, &token, why, sizeof why) : 0;
	buf_reset(&c->answer);
	c->renew_at = 0;
	if (r == 0) {
		r = csr_make(c->identity, &c->key, &csr);
		if (r == -EIO)
			snprintf(why, sizeof why, "OpenSSL makes no key on the curve P-256; is it allowed here?");
	}
	if (r == 0) {
		chain_put_request(buf_str(&csr), c->o.ttl_ms / 1000, &request);
		r = buf_error(&request);
	}
	if (r == 0)
		r = start_call(c, shown ? buf_str(&token) : NULL, &request);
	if (r < 0)
		fail(c, 0, "%s", why);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	ask(arg);
}

/* ---- life --------------------------------------------------------------------------------- */

int certificate_new(const struct certificate_options *options, struct certificate **ret_certificate)
{
	struct certificate *c = calloc(1, sizeof *c);

	if (c == NULL)
		return -ENOMEM;
	c->o = *options;
	c->identity = strdup(options->identity);
	c->timer = evtimer_new(options->host->ops->loop(options->host), on_timer, c);
	if (c->identity == NULL || c->timer == NULL) {
		certificate_free(c);
		return -ENOMEM;
	}
	*ret_certificate = c;
	return 0;
}

struct certificate *certificate_free(struct certificate *c)
{
	if (c == NULL)
		return NULL;
	certificate_stop(c);
	if (c->timer != NULL)
		event_free(c->timer);
	setup_wipe(&c->key);
	setup_wipe(&c->secret);
	buf_deinit(&c->root);
	buf_deinit(&c->answer);
	free(c->identity);
	free(c);
	return NULL;
}

void certificate_start(struct certificate *c)
{
	ask(c);
}

void certificate_stop(struct certificate *c)
{
	c->call = grpc_call_cancel(c->call);
	if (c->timer != NULL)
		event_del(c->timer);
}

void certificate_again(struct certificate *c)
{
	if (c->secret.len > 0)
		deliver(c);
}

bool certificate_makes(const char *name)
{
	return strcmp(name, OURS) == 0 || strcmp(name, ROOT) == 0;
}

void certificate_stats(const struct certificate *c,
		       void (*emit)(void *arg, const char *name, const char *value), void *arg)
{
	char text[32];

	emit(arg, "certificate", c->secret.len > 0 ? c->issued.identity : "none yet");
	if (c->secret.len > 0) {
		put_time(c->issued.until, text, sizeof text);
		emit(arg, "certificate_until", text);
	}
	if (c->renew_at > 0) {
		put_time(c->renew_at, text, sizeof text);
		emit(arg, "certificate_renewal", text);
	}
	if (c->trouble[0] != '\0')
		emit(arg, "certificate_error", c->trouble);
}
