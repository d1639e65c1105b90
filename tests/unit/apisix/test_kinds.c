/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects of each kind, field by field.
 */
#include "cases.h"
#include "plugins.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUTE "{'id':'r','uri':'/a','upstream_id':'u',%s}"

static void route_members(void **state)
{
	(void)state;
	CASES("routes", "r", NULL,
	      { "{'id':'r','uri':'/a','upstream_id':'u'}", NULL },
	      { "{'id':'r','uris':['/a','/b*'],'service_id':7}", NULL },
	      { "{'uri':'/a','plugins':{}}", NULL },
	      { "{'id':'r','uri':'/a'}", "" },
	      { "{'id':'r','upstream_id':'u'}", "" },
	      { "{'id':'r','uri':'/a','uris':['/a'],'upstream_id':'u'}", "" },
	      { "{'id':'other','uri':'/a','upstream_id':'u'}", "id" },
	      { "{'id':'r','uri':'','upstream_id':'u'}", "uri" },
	      { "{'id':'r','uris':[],'upstream_id':'u'}", "uris" },
	      { "{'id':'r','uris':['/a','/a'],'upstream_id':'u'}", "uris" },
	      { "{'id':'r','uris':['/a','\\u002fa'],'upstream_id':'u'}", "uris" },
	      { "{'id':'r','uris':['/a',1],'upstream_id':'u'}", "uris[1]" });
	CASES("routes", "r", ROUTE,
	      { "'host':'a.b','name':'x','desc':'','priority':-3,'status':0", NULL },
	      { "'hosts':['*.a','[::1]','a_b'],'methods':['GET','PURGE'],'enable_websocket':true", NULL },
	      { "'hosts':[],'name':'x'", "hosts" },
	      { "'hosts':['a*']", "hosts[0]" },
	      { "'hosts':['a','a']", "hosts" },
	      { "'host':'a','hosts':['b']", "" },
	      { "'host':'a b'", "host" },
	      { "'name':''", "name" },
	      { "'priority':1.5", "priority" },
	      { "'priority':'1'", "priority" },
	      { "'priority':2.0", NULL },
	      { "'status':2", "status" },
	      { "'methods':['get']", "methods[0]" },
	      { "'remote_addr':'10.0.0.0/8'", NULL },
	      { "'remote_addrs':['::1','10.1.1.1']", NULL },
	      { "'remote_addrs':['::/129']", "remote_addrs[0]" },
	      { "'remote_addr':'10.0.0.0/33'", "remote_addr" },
	      { "'remote_addr':'1.1.1.1','remote_addrs':['1.1.1.1']", "" },
	      { "'enable_websocket':1", "enable_websocket" },
	      { "'labels':{'a':'b'}", NULL },
	      { "'labels':{'a':'b c'}", "labels.a" },
	      { "'labels':{'a':1}", "labels.a" },
	      { "'timeout':{'connect':0.5,'send':1,'read':1}", NULL },
	      { "'timeout':{'connect':0,'send':1,'read':1}", "timeout.connect" },
	      { "'timeout':{'send':1,'read':1}", "timeout" },
	      { "'filter_func':'function(vars) return true end'", NULL },
	      { "'filter_func':'return true or something'", "filter_func" },
	      { "'script':'return 1 + 1','plugins':{}", "" },
	      { "'plugins':[]", NULL },
	      { "'plugins':{'nobody-knows':{}}", "plugins.nobody-knows" },
	      { "'plugins':{'cors':1}", "plugins.cors" },
	      { "'plugin_config_id':'x y'", "plugin_config_id" },
	      { "'nothing':1", "nothing" });
}

static void route_text_bounds(void **state)
{
	char json[5200], a[5000];
	struct apisix *apisix;
	struct apisix_error error;

	(void)state;
	assert_int_equal(apisix_new(NULL, &apisix), 0);
	for (size_t len = 4095; len <= 4097; len++) {
		memset(a, 'a', len);
		a[0] = '/';
		a[len] = '\0';
		snprintf(json, sizeof json, "{\"id\":\"r\",\"uri\":\"%s\",\"upstream_id\":\"u\"}", a);
		assert_int_equal(apisix_check(apisix, "routes", "r", (uint8_t *)json, strlen(json), &error),
				 len > 4096);
	}
	/* 256 characters, more bytes. */
	for (size_t i = 0; i < 256; i++)
		memcpy(a + 2 * i, "\xc3\xa9", 2);
	a[512] = '\0';
	snprintf(json, sizeof json, "{\"id\":\"r\",\"uri\":\"/\",\"name\":\"%s\",\"upstream_id\":\"u\"}", a);
	assert_int_equal(apisix_check(apisix, "routes", "r", (uint8_t *)json, strlen(json), &error), 0);
	snprintf(json, sizeof json, "{\"id\":\"r\",\"uri\":\"/\",\"name\":\"%sx\",\"upstream_id\":\"u\"}", a);
	assert_int_equal(apisix_check(apisix, "routes", "r", (uint8_t *)json, strlen(json), &error), 1);
	apisix_free(apisix);
}

/* What was found good counts for the same bytes, rows, depth and for the same view of references alone. */
static void known_values(void **state)
{
	static const struct {
		const char *kind, *json;
		int r;
	} steps[] = {
#define TIMEOUT "\"timeout\":{\"connect\":1,\"send\":1,\"read\":1"
#define STEP(rest) "routes", "{\"id\":\"r\",\"uri\":\"/\",\"upstream_id\":\"u\"," rest "}"
		{ STEP(TIMEOUT "}"), 0 },
		{ STEP(TIMEOUT "}"), 0 },
		{ STEP(TIMEOUT "}}"), 1 },
		{ STEP(TIMEOUT "]"), 1 },
		{ STEP(TIMEOUT ",\"read\":2}"), 1 },
		{ STEP(TIMEOUT "}," TIMEOUT "}"), 1 },
		{ STEP("\"hosts\":[\"a\"]"), 0 },
		{ STEP("\"uris\":[\"a\"]"), 1 },
		{ STEP("\"methods\":[\"a\"]"), 1 },
		{ STEP("\"hosts\":[\"a\",\"a\"]"), 1 },
		{ STEP("\"hosts\":[\"a\"],\"host\":\"a\""), 1 },
		{ STEP("\"plugins\":{\"cors\":{}}"), 0 },
		{ STEP("\"plugins\":{\"cors\":{}"), 1 },
		{ STEP("\"labels\":{\"a\":\"b\"}"), 0 },
		{ STEP("\"timeout\":{\"a\":\"b\"}"), 1 },
		{ "ssls", "{\"id\":\"r\",\"labels\":{\"a\":\"$env://b c\"}}", 1 },
		{ STEP("\"labels\":{\"a\":\"$env://b c\"}"), 1 },
	};
	struct apisix *apisix;
	struct apisix_error error;

	(void)state;
	assert_int_equal(apisix_new(NULL, &apisix), 0);
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		/* In a block of its size: a text that is remembered is longer than what may be left. */
		size_t size = strlen(steps[i].json);
		uint8_t *copy = malloc(size);

		assert_non_null(copy);
		memcpy(copy, steps[i].json, size);
		if (apisix_check(apisix, steps[i].kind, "r", copy, size, &error) != steps[i].r)
			fail_msg("%s: expected %d", steps[i].json, steps[i].r);
		free(copy);
	}
	apisix_free(apisix);
}

/* The same 85 levels of objects, so many levels further down. */
static int nested(struct apisix *apisix, unsigned further)
{
	static const char head[] = "{\"id\":\"u\",\"type\":\"roundrobin\",\"nodes\":"
				   "[{\"host\":\"h\",\"port\":1,\"weight\":1,\"metadata\":{\"m\":";
	char json[2000], *at = stpcpy(json, head);
	struct apisix_error error;

	for (unsigned i = 0; i < further; i++)
		at = stpcpy(at, "{\"f\":");
	for (unsigned i = 0; i < 85; i++)
		at = stpcpy(at, "{\"a\":");
	at = stpcpy(at, "1");
	for (unsigned i = 0; i < 85 + further; i++)
		at = stpcpy(at, "}");
	at = stpcpy(at, "}}]}");
	return apisix_check(apisix, "upstreams", "u", (uint8_t *)json, (size_t)(at - json), &error);
}

static void known_values_at_their_depth(void **state)
{
	struct apisix *apisix;

	(void)state;
	assert_int_equal(apisix_new(NULL, &apisix), 0);
	assert_int_equal(nested(apisix, 0), 0);
	assert_int_equal(nested(apisix, 20), 1);
	assert_int_equal(nested(apisix, 1), 0);
	apisix_free(apisix);
}

static int empty_plugin(struct apisix *apisix, const char *name)
{
	struct apisix_error error;
	char json[200];

	snprintf(json, sizeof json, "{\"id\":\"r\",\"uri\":\"/\",\"plugins\":{\"%s\":{}}}", name);
	return apisix_check(apisix, "routes", "r", (uint8_t *)json, strlen(json), &error);
}

/* More rows than are remembered share a place: what is good under one is not under another. */
static void known_values_of_many_rows(void **state)
{
	static const struct plugin_row *const lists[] = { plugins_traffic, plugins_auth, plugins_limit, plugins_log };
	struct apisix *used, *fresh;
	unsigned taken = 0, refused = 0;

	(void)state;
	assert_int_equal(apisix_new(NULL, &used), 0);
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
		for (const struct plugin_row *row = lists[i]; row->name != NULL; row++) {
			int r = empty_plugin(used, row->name);

			assert_int_equal(apisix_new(NULL, &fresh), 0);
			if (r != empty_plugin(fresh, row->name))
				fail_msg("%s: {} is judged otherwise after other plugins", row->name);
			apisix_free(fresh);
			taken += r == 0;
			refused += r != 0;
		}
	}
	assert_true(taken > 10 && refused > 10);
	apisix_free(used);
}

static void expressions(void **state)
{
	(void)state;
	CASES("routes", "r", "{'id':'r','uri':'/a','upstream_id':'u','vars':%s}",
	      { "[]", NULL },
	      { "[['a','==','b']]", NULL },
	      { "[['a','==',null],['a','~=',null],['a','b'],['a','!','in',['x']]]", NULL },
	      { "['OR',['a','==','b'],['AND',['c','>',1],['d','<=','2']]]", NULL },
	      { "[['or',['a','==','b'],['c','HAS','x']]]", NULL },
	      { "[['a','~~','\\\\A\\\\Q(\\\\E\\\\z'],['a','~*','(?:x|y)+']]", NULL },
	      { "[['a','ipmatch',['10.0.0.0/8','::1']],['a','ipmatch','1.1.1.1']]", NULL },
	      { "['a','==','b']", "vars" },
	      { "[['a']]", "vars" },
	      { "[[]]", "vars" },
	      { "[['a','=','b']]", "vars" },
	      { "[['a','~~','(']]", "vars" },
	      { "[['a','!','~~','a(']]", "vars" },
	      { "[['a','~~','*a']]", "vars" },
	      { "[['a','~~','a|+']]", "vars" },
	      { "[['a','~~','a)']]", "vars" },
	      { "[['a','~~','^(?:a|b)+?\\\\.c*$']]", NULL },
	      { "[['a','~~',5]]", "vars" },
	      { "[['a','not','==','b']]", "vars" },
	      { "[['a','==','b','c','d']]", "vars" },
	      { "['OR',['a','==','b']]", "vars" },
	      { "[['OR','a','b']]", "vars" },
	      { "[[1,'==','b']]", "vars" },
	      { "[['a','ipmatch',[]]]", "vars" },
	      { "[['a','ipmatch','x']]", "vars" },
	      { "[['a','ipmatch',['1.1.1.1',1]]]", "vars" },
	      { "[{'a':1}]", "vars" },
	      { "'x'", "vars" });
}

static void upstreams(void **state)
{
	(void)state;
	CASES("upstreams", "u", NULL,
	      { "{'id':'u','nodes':[]}", NULL },
	      { "{'id':'u','nodes':{}}", NULL },
	      { "{'id':'u','nodes':{'a:80':1,'[::1]:70':0,'b':2}}", NULL },
	      { "{'id':'u','nodes':{'a:0':1}}", "nodes" },
	      { "{'id':'u','nodes':{'a:70000':1}}", "nodes" },
	      { "{'id':'u','nodes':{'a:80':-1}}", "nodes.a:80" },
	      { "{'id':'u'}", "" },
	      { "{'id':'u','service_name':'x','discovery_type':'dns'}", NULL },
	      { "{'id':'u','service_name':'x'}", "" },
	      { "{'id':'u','nodes':[],'service_name':'x','discovery_type':'dns'}", "" },
	      { "{'id':'u','nodes':[{'host':'a','port':80,'weight':1,'priority':-1,'metadata':{}}]}", NULL },
	      { "{'id':'u','nodes':[{'host':'a','weight':1},{'host':'b'}]}", "nodes[1]" },
	      { "{'id':'u','nodes':[{'host':'a','port':0,'weight':1}]}", "nodes[0].port" },
	      { "{'id':'u','nodes':[{'host':'a','port':65536,'weight':1}]}", "nodes[0].port" },
	      { "{'id':'u','nodes':[{'host':'a/b','port':80,'weight':1}]}", "nodes[0].host" },
	      { "{'id':'u','nodes':[{'host':'a','port':80,'weight':0.5}]}", "nodes[0].weight" });
	CASES("upstreams", "u", "{'id':'u','nodes':[],%s}",
	      { "'retries':0,'retry_timeout':1.5,'scheme':'grpcs','labels':{'a':'b'}", NULL },
	      { "'retries':-1", "retries" },
	      { "'scheme':'ftp'", "scheme" },
	      { "'type':'random'", "type" },
	      { "'type':'least_conn'", NULL },
	      { "'type':'chash','key':'arg_x'", NULL },
	      { "'type':'chash'", "" },
	      { "'type':'chash','key':'http_x'", "key" },
	      { "'type':'chash','hash_on':'header','key':'x-y'", NULL },
	      { "'type':'chash','hash_on':'header','key':'x y'", "key" },
	      { "'type':'chash','hash_on':'consumer'", NULL },
	      { "'type':'chash','hash_on':'vars_combinations','key':'$a$b'", NULL },
	      { "'hash_on':'body'", "hash_on" },
	      { "'pass_host':'rewrite','upstream_host':'a.b'", NULL },
	      { "'pass_host':'rewrite'", "" },
	      { "'pass_host':'drop'", "pass_host" },
	      { "'upstream_host':'a/b'", "upstream_host" },
	      { "'keepalive_pool':{'size':1,'idle_timeout':0,'requests':1}", NULL },
	      { "'keepalive_pool':{'size':0}", "keepalive_pool.size" },
	      { "'tls':{'client_cert_id':'x'}", NULL },
	      { "'tls':{'client_cert':'x'}", "tls.client_cert" },
	      { "'checks':{'active':{'http_path':'/','healthy':{'interval':1,'successes':254}}}", NULL },
	      { "'checks':{'active':{'healthy':{'interval':0}}}", "checks.active.healthy.interval" },
	      { "'checks':{'active':{'healthy':{'successes':255}}}", "checks.active.healthy.successes" },
	      { "'checks':{'active':{'unhealthy':{'http_statuses':[199]}}}",
		"checks.active.unhealthy.http_statuses[0]" },
	      { "'checks':{'active':{'unhealthy':{'http_statuses':[500,500]}}}",
		"checks.active.unhealthy.http_statuses" },
	      { "'checks':{'active':{},'passive':{'unhealthy':{'http_failures':0}}}", NULL },
	      { "'checks':{'passive':{}}", "checks" },
	      { "'checks':{'active':{'type':'udp'}}", "checks.active.type" },
	      { "'status':1", "status" });
}

static void stream_routes(void **state)
{
	(void)state;
	CASES("stream_routes", "s", "{'id':'s','upstream_id':'u',%s}",
	      { "'server_port':9000,'server_addr':'10.1.1.1','remote_addr':'10.0.0.0/8','sni':'*.a'", NULL },
	      { "'server_port':0", "server_port" },
	      { "'server_addr':'a'", "server_addr" },
	      { "'remote_addr':'10.0.0.0/99'", "remote_addr" },
	      { "'plugins':{'ip-restriction':{'whitelist':['10.0.0.0/8']}}", NULL },
	      { "'plugins':{'ip-restriction':{}}", "plugins.ip-restriction" },
	      { "'plugins':{'limit-conn':{'conn':1,'burst':0,'default_conn_delay':1,'key':'remote_addr'}}", NULL },
	      { "'plugins':{'limit-conn':{'conn':'1','burst':0,'default_conn_delay':1,'key':'x'}}",
		"plugins.limit-conn.conn" },
	      { "'plugins':{'mqtt-proxy':{'protocol_level':4}}", NULL },
	      { "'plugins':{'mqtt-proxy':{}}", "plugins.mqtt-proxy" },
	      { "'plugins':{'cors':{}}", "plugins.cors" },
	      { "'uri':'/a'", "uri" });
}

static void plugin_holders(void **state)
{
	(void)state;
	CASES("plugin_configs", "p", NULL,
	      { "{'id':'p','plugins':{'cors':{}}}", NULL },
	      { "{'plugins':{}}", "" },
	      { "{'id':'p'}", "" },
	      { "{'id':'p','plugins':{'cors':{'max_age':'1'}}}", "plugins.cors.max_age" });
	CASES("global_rules", "g", NULL,
	      { "{'id':'g','plugins':{'prometheus':{}}}", NULL },
	      { "{'id':'g','plugins':{},'name':'x'}", "name" });
	CASES("consumer_groups", "g", NULL,
	      { "{'id':'g','plugins':{'limit-count':{'count':1,'time_window':1}}}", NULL },
	      { "{'id':'g'}", "" });
	CASES("services", "s", NULL,
	      { "{'id':'s','hosts':['a'],'upstream_id':'u','plugins':{'key-auth':{}}}", NULL },
	      { "{'id':'s','upstream':{'nodes':{}},'uri':'/a'}", "uri" },
	      { "{'id':'s','upstream':{}}", "upstream" });
	CASES("consumers", "jack", NULL,
	      { "{'username':'jack','plugins':{'key-auth':{'key':'a'}}}", NULL },
	      { "{'username':'jill'}", "username" },
	      { "{'plugins':{}}", "" },
	      { "{'username':'jack','plugins':{'key-auth':{}}}", "plugins.key-auth" },
	      { "{'username':'jack','plugins':{'cors':{}},'group_id':'g'}", NULL },
	      { "{'username':'jack','plugins':{'basic-auth':{'username':'a','password':'b'}}}", NULL },
	      { "{'username':'jack','plugins':{'basic-auth':{'username':'a'}}}", "plugins.basic-auth" },
	      { "{'username':'jack','plugins':{'hmac-auth':{'key_id':'a','secret_key':''}}}",
		"plugins.hmac-auth.secret_key" });
	CASES("consumers", "jack", "{'username':'jack','plugins':{'jwt-auth':%s}}",
	      { "{'key':'a','secret':'b'}", NULL },
	      { "{'key':'a','secret':'$env://B'}", NULL },
	      { "{'key':'a'}", "plugins.jwt-auth" },
	      { "{'key':'a','algorithm':'RS256'}", "plugins.jwt-auth" },
	      { "{'key':'a','algorithm':'RS256','public_key':'x'}", NULL },
	      { "{'key':'a','algorithm':'none','secret':'b'}", "plugins.jwt-auth.algorithm" },
	      { "{'key':'a','secret':'b','base64_secret':true}", "plugins.jwt-auth.secret" },
	      { "{'key':'a','secret':'YmM=','base64_secret':true}", NULL });
	CASES("consumers", "jack/credentials/c", NULL,
	      { "{'id':'c','plugins':{'key-auth':{'key':'a'}}}", NULL },
	      { "{'id':'d','plugins':{}}", "id" },
	      { "{'id':'c','plugins':{'key-auth':{'key':'a'},'cors':{}}}", "plugins" });
}

static void leftovers(void **state)
{
	(void)state;
	CASES("protos", "p", NULL, { "{'id':'p','content':'x'}", NULL }, { "{'id':'p'}", "" });
	CASES("secrets", "vault/1", NULL,
	      { "{'id':'vault/1','uri':'http://a','prefix':'kv','token':'x'}", NULL },
	      { "{'uri':'http://a','prefix':'kv','token':'x'}", "" },
	      { "{'id':'vault/1','uri':'a','prefix':'kv','token':'x'}", "uri" });
	CASES("secrets", "aws/1", NULL,
	      { "{'id':'aws/1','access_key_id':'a','secret_access_key':'b'}", NULL },
	      { "{'id':'aws/1','access_key_id':'a'}", "" });
	CASES("secrets", "gcp/1", NULL,
	      { "{'id':'gcp/1','auth_file':'a'}", NULL },
	      { "{'id':'gcp/1'}", "" });
	CASES("secrets", "disk/1", NULL, { "{'id':'disk/1'}", "" });
	CASES("dogs", "1", NULL, { "{}", "" });
	CASES("plugin_metadata", "file-logger", NULL,
	      { "{'id':'file-logger','path':'/x','log_format':{'a':'$b'}}", NULL },
	      { "{'id':'file-logger','path':1}", "path" });
	CASES("plugin_metadata", "limit-req", NULL, { "{'id':'limit-req'}", "" });
	CASES("plugin_metadata", "datadog", NULL, { "{'id':'datadog','host':'x'}", NULL });
	CASES("plugin_metadata", "opentelemetry", NULL, { "{'id':'opentelemetry'}", "" });
	CASES("plugin_metadata", "nobody-knows", NULL, { "{}", "" });
}

static void only_json(void **state)
{
	(void)state;
	CASES("routes", "r", NULL,
	      { "", "" }, { "1", "" }, { "[]", "" }, { "[1]", "" }, { "{", "" }, { "{'id'", "" },
	      { "{'id':", "" }, { "{'id':'r'", "" }, { "{'id':'r',}", "" }, { "{'id':'r'}x", "" },
	      { "{'id':'r','uri':'/a','upstream_id':'u'} ", NULL },
	      { " { 'id' : 'r' ,\n'uri' :\t'/a', 'upstream_id':'u'}", NULL },
	      { "{'id':'r','id':'r','uri':'/a','upstream_id':'u'}", "id" });
	CASES("routes", "r", ROUTE,
	      { "'desc':'\\x'", "desc" }, { "'desc':'\\u12'", "desc" }, { "'desc':'\\ud800'", "desc" },
	      { "'desc':'\\ud800\\udc00'", NULL }, { "'desc':'\\udc00'", "desc" }, { "'desc':'a\nb'", "desc" },
	      { "'desc':'\xff'", "desc" }, { "'desc':'\xc3\xa9'", NULL }, { "'desc':'open", "desc" },
	      { "'priority':01", "priority" }, { "'priority':-", "priority" }, { "'priority':1.", "priority" },
	      { "'priority':1e3", NULL }, { "'priority':1e", "priority" }, { "'priority':1e999", "priority" },
	      { "'priority':123456789012345678", NULL }, { "'priority':tru", "priority" },
	      { "'vars':[,]", "vars[0]" }, { "'vars':[[]", "vars" }, { "'desc':null", "desc" });
}

static void depth(void **state)
{
	char json[600] = "{\"id\":\"r\",\"vars\":";
	struct apisix *apisix;
	struct apisix_error error;

	(void)state;
	assert_int_equal(apisix_new(NULL, &apisix), 0);
	for (int i = 0; i < 200; i++)
		strcat(json, "[");
	assert_int_equal(apisix_check(apisix, "routes", "r", (uint8_t *)json, strlen(json), &error), 1);
	assert_non_null(strstr(error.reason, "deep"));
	apisix_free(apisix);
}

static char *pem(const char *label, const char *body)
{
	char *text = NULL;

	assert_true(asprintf(&text, "-----BEGIN %s-----\\n%s\\n-----END %s-----\\n", label, body, label) > 0);
	return text;
}

static int ssl_check(const char *cert, const char *key, const char *rest)
{
	struct apisix *apisix;
	struct apisix_error error;
	char *json = NULL;
	int r;

	assert_int_equal(apisix_new(NULL, &apisix), 0);
	assert_true(asprintf(&json, "{\"id\":\"s\",\"cert\":\"%s\",\"key\":\"%s\"%s}", cert, key, rest) > 0);
	r = apisix_check(apisix, "ssls", "s", (uint8_t *)json, strlen(json), &error);
	free(json);
	apisix_free(apisix);
	return r;
}

/* DER: a SEQUENCE of two SEQUENCEs and a BIT STRING; a SEQUENCE of a version and an OCTET STRING. */
static void ssls(void **state)
{
	static const char cert_der[] =
		"MGwwPgQ8Y2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2Nj"
		"Y2NjY2NjY2NjY2NjY2NjY2NjMAADKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
		"AAAAAAAAAAAAAAAAAAA=";
	static const char cert_der_more[] =
		"MGwwPgQ8Y2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2Nj"
		"Y2NjY2NjY2NjY2NjY2NjY2NjMAADKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
		"AAAAAAAAAAAAAAAAAAAA";
	static const char key_der[] =
		"MDUCAQEEMGtra2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2tr"
		"a2tra2traw==";
	char *cert = pem("CERTIFICATE", cert_der), *key = pem("EC PRIVATE KEY", key_der);
	char *cut = pem("CERTIFICATE", cert_der + 4), *more = pem("CERTIFICATE", cert_der_more);
	char *csr = pem("CERTIFICATE REQUEST", cert_der);
	char *locked = pem("ENCRYPTED PRIVATE KEY", key_der);

	(void)state;
	assert_int_equal(ssl_check(cert, key, ",\"sni\":\"*\""), 0);
	assert_int_equal(ssl_check(cert, key, ",\"snis\":[\"a.b\",\"*.c\"]"), 0);
	assert_int_equal(ssl_check(cert, key, ",\"type\":\"client\""), 0);
	assert_int_equal(ssl_check(cert, key, ",\"sni\":\"a\",\"ssl_protocols\":[\"TLSv1.3\"]"), 0);
	assert_int_equal(ssl_check("$secret://vault/1/c", "$secret://vault/1/k", ",\"sni\":\"a\""), 0);
	assert_int_equal(ssl_check(cert, key, ""), 1);
	assert_int_equal(ssl_check(cert, key, ",\"sni\":\"a\",\"snis\":[\"b\"]"), 1);
	assert_int_equal(ssl_check(cert, key, ",\"snis\":[]"), 1);
	assert_int_equal(ssl_check(cert, key, ",\"sni\":\"a\",\"ssl_protocols\":[\"SSLv3\"]"), 1);
	assert_int_equal(ssl_check(cert, key, ",\"sni\":\"a\",\"certs\":[]"), 0);
	assert_int_equal(ssl_check(cert, key, ",\"sni\":\"a\",\"client\":{}"), 1);
	assert_int_equal(ssl_check(cut, key, ",\"sni\":\"a\""), 1);
	assert_int_equal(ssl_check(more, key, ",\"sni\":\"a\""), 1);
	assert_int_equal(ssl_check(csr, key, ",\"sni\":\"a\""), 1);
	assert_int_equal(ssl_check(cert, cert, ",\"sni\":\"a\""), 1);
	assert_int_equal(ssl_check(cert, locked, ",\"sni\":\"a\""), 1);
	free(cert);
	free(key);
	free(cut);
	free(more);
	free(csr);
	free(locked);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(route_members), cmocka_unit_test(route_text_bounds),
		cmocka_unit_test(known_values),
		cmocka_unit_test(known_values_at_their_depth),
		cmocka_unit_test(known_values_of_many_rows),
		cmocka_unit_test(expressions),	 cmocka_unit_test(upstreams),
		cmocka_unit_test(stream_routes), cmocka_unit_test(plugin_holders),
		cmocka_unit_test(leftovers),	 cmocka_unit_test(only_json),
		cmocka_unit_test(depth),	 cmocka_unit_test(ssls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
