/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration of each plugin that the checker has rows for: what is taken, and what is refused
 * where.
 */
#include "cases.h"

static void traffic(void **state)
{
	(void)state;
	PLUGIN_CASES("traffic-split",
		     { "{}", NULL },
		     { "{'rules':[{'weighted_upstreams':[{'upstream_id':'u','weight':0},"
		       "{'weight':2}]}]}", NULL },
		     { "{'rules':[{'match':[{'vars':[['a','==','b']]}],"
		       "'weighted_upstreams':[{'weight':1}]}]}", NULL },
		     { "{'rules':[{'match':[{}]}]}", "rules[0].match[0]" },
		     { "{'rules':[{'match':[{'vars':[['a']]}]}]}", "rules[0].match[0].vars" },
		     { "{'rules':[{'weighted_upstreams':[]}]}", "rules[0].weighted_upstreams" },
		     { "{'rules':[{'weighted_upstreams':[{'weight':-1}]}]}",
		       "rules[0].weighted_upstreams[0].weight" },
		     { "{'rules':[{'weighted_upstreams':[{'upstream_id':'a b'}]}]}",
		       "rules[0].weighted_upstreams[0].upstream_id" },
		     { "{'rules':[{'weighted_upstreams':[{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},"
		       "{},{},{},{}]}]}",
		       "rules[0].weighted_upstreams" },
		     { "{'rules':[{'weighted_upstreams':[{'upstream':{'nodes':{},'zzz':1}}]}]}",
		       "rules[0].weighted_upstreams[0].upstream.zzz" });
	PLUGIN_CASES("proxy-rewrite",
		     { "{'uri':'/x','host':'a.b:80','method':'GET'}", NULL },
		     { "{'regex_uri':['\\\\A\\\\Q/a\\\\E((?s).*)\\\\z','/b$1','^x','y$$${2}']}", NULL },
		     { "{'headers':{'add':{'a':'b','c':1,'d':['e',2]},'set':{'f':''},'remove':['g']}}", NULL },
		     { "{'headers':{'x-a':'b'}}", NULL },
		     { "{'headers':{'x a':'b'}}", "headers" },
		     { "{'uri':'x'}", "uri" },
		     { "{'regex_uri':['a']}", "regex_uri" },
		     { "{'regex_uri':['a','b','c']}", "regex_uri" },
		     { "{'regex_uri':['(','b']}", "regex_uri" },
		     { "{'regex_uri':['a','$x']}", "regex_uri" },
		     { "{'regex_uri':['a','${1']}", "regex_uri" },
		     { "{'host':'a_b'}", "host" },
		     { "{'host':'a:123456'}", "host" },
		     { "{'method':'CONNECT'}", "method" },
		     { "{'headers':{}}", "headers" },
		     { "{'headers':{'remove':['a:b']}}", "headers.remove[0]" });
	PLUGIN_CASES("response-rewrite",
		     { "{'headers':{'add':['a: b'],'set':{'c':'d'},'remove':['e']},'status_code':598}", NULL },
		     { "{'body':'','vars':[['status','==',200]]}", NULL },
		     { "{'filters':[{'regex':'a+','replace':'b','scope':'global','options':'jo'}]}", NULL },
		     { "{'body':'YQ==','body_base64':true}", NULL },
		     { "{'body':'a','body_base64':true}", "body" },
		     { "{'body_base64':true}", "body" },
		     { "{'body':'a','filters':[{'regex':'a','replace':'b'}]}", "response-rewrite" },
		     { "{'filters':[{'regex':'(','replace':'b'}]}", "filters[0].regex" },
		     { "{'filters':[{'regex':'a'}]}", "filters[0]" },
		     { "{'filters':[{'regex':'a','replace':'b','options':'z'}]}", "filters[0].options" },
		     { "{'headers':{'add':['a: b:c']}}", "headers.add[0]" },
		     { "{'status_code':599}", "status_code" },
		     { "{'vars':[['status','=',200]]}", "vars" });
	PLUGIN_CASES("redirect",
		     { "{'uri':'/a$uri','ret_code':308,'append_query_string':true}", NULL },
		     { "{'regex_uri':['^/a(.*)','/b$1'],'encode_uri':true}", NULL },
		     { "{'http_to_https':true}", NULL },
		     { "{'http_to_https':true,'append_query_string':true}", "redirect" },
		     { "{'uri':'/a','http_to_https':true}", "redirect" },
		     { "{}", "redirect" },
		     { "{'uri':'/'}", "uri" },
		     { "{'uri':'\\\\\\\\'}", "uri" },
		     { "{'regex_uri':['a','b','c']}", "regex_uri" },
		     { "{'uri':'/a','ret_code':199}", "ret_code" });
	PLUGIN_CASES("fault-injection",
		     { "{'abort':{'http_status':200,'body':'','percentage':0,'headers':{'a':1}}}", NULL },
		     { "{'delay':{'duration':0.5,'percentage':100,'vars':[[['a','==','b']]]}}", NULL },
		     { "{}", "fault-injection" },
		     { "{'abort':{}}", "abort" },
		     { "{'abort':{'http_status':199}}", "abort.http_status" },
		     { "{'abort':{'http_status':200,'percentage':101}}", "abort.percentage" },
		     { "{'abort':{'http_status':200,'vars':[[['a']]]}}", "abort.vars" },
		     { "{'delay':{'duration':-1}}", "delay.duration" });
	PLUGIN_CASES("proxy-mirror",
		     { "{'host':'http://10.0.0.1:80','sample_ratio':0.00001,'path':'/x',"
		       "'path_concat_mode':'prefix'}", NULL },
		     { "{'host':'grpcs://[::1]'}", NULL },
		     { "{'host':'10.0.0.1'}", "host" },
		     { "{'host':'http://a/'}", "host" },
		     { "{'host':'http://a','sample_ratio':0}", "sample_ratio" },
		     { "{'host':'http://a','path':'/a?b'}", "path" },
		     { "{}", "proxy-mirror" });
	PLUGIN_CASES("cors",
		     { "{}", NULL },
		     { "{'allow_origins':'https://a.b,http://c:80','allow_credential':false,"
		       "'max_age':-1}", NULL },
		     { "{'allow_origins':'https://a','allow_methods':'GET','allow_headers':'x',"
		       "'allow_credential':true}", NULL },
		     { "{'allow_credential':true}", "cors" },
		     { "{'allow_origins':'https://a','allow_methods':'*','allow_headers':'x',"
		       "'allow_credential':true}", "cors" },
		     { "{'allow_origins':'a.b'}", "allow_origins" },
		     { "{'allow_origins_by_regex':['.*\\\\.a$']}", NULL },
		     { "{'allow_origins_by_regex':['(']}", "allow_origins_by_regex[0]" },
		     { "{'allow_origins_by_regex':['a','a']}", "allow_origins_by_regex" },
		     { "{'allow_origins_by_regex':[]}", "allow_origins_by_regex" },
		     { "{'max_age':1.5}", "max_age" });
	PLUGIN_CASES("workflow",
		     { "{'rules':[{'case':[['a','==','b']],'actions':[['return',{'code':403}]]}]}", NULL },
		     { "{'rules':[{'actions':[['limit-count',{'count':1,'time_window':1}]]}]}", NULL },
		     { "{'rules':[{'actions':[['limit-count',{'count':1}]]}]}", "actions[0]" },
		     { "{'rules':[{'actions':[['return',{'code':99}]]}]}", "actions[0].code" },
		     { "{'rules':[{'actions':[['jump',{}]]}]}", "actions[0]" },
		     { "{'rules':[{'actions':[['limit-count',{'count':1,'time_window':1,"
		       "'group':'g'}]]}]}", "actions[0]" },
		     { "{'rules':[{'case':[['a','=','b']],'actions':[]}]}", "rules[0].case" },
		     { "{'rules':[{}]}", "rules[0]" },
		     { "{}", "workflow" });
}

static void guards(void **state)
{
	(void)state;
	PLUGIN_CASES("key-auth", { "{'header':'x','query':'y','hide_credentials':true,'realm':'r'}", NULL },
		     { "{'realm':'a\\u0022b'}", "realm" },
		     { "{'anonymous_consumer':''}", "anonymous_consumer" },
		     { "{'hide_credentials':'no'}", "hide_credentials" });
	PLUGIN_CASES("basic-auth", { "{}", NULL }, { "{'realm':''}", "realm" });
	PLUGIN_CASES("jwt-auth", { "{'cookie':'c','claims_to_verify':['exp'],'store_in_ctx':true}", NULL },
		     { "{'claims_to_verify':['exp','exp']}", "claims_to_verify" },
		     { "{'claims_to_verify':['iat']}", "claims_to_verify[0]" });
	PLUGIN_CASES("hmac-auth",
		     { "{'clock_skew':1,'allowed_algorithms':['hmac-sha1'],'signed_headers':['a']}", NULL },
		     { "{'clock_skew':0}", "clock_skew" },
		     { "{'allowed_algorithms':[]}", "allowed_algorithms" },
		     { "{'signed_headers':['']}", "signed_headers[0]" });
	PLUGIN_CASES("multi-auth", { "{'auth_plugins':[{'key-auth':{}},{'basic-auth':{}}]}", NULL },
		     { "{'auth_plugins':[{'key-auth':{}}]}", "auth_plugins" },
		     { "{'auth_plugins':[{'key-auth':{}},{'cors':{}}]}", "auth_plugins[1]" },
		     { "{'auth_plugins':[{'key-auth':{'header':1}},{'basic-auth':{}}]}", "multi-auth.header" });
	PLUGIN_CASES("openid-connect",
		     { "{'client_id':'c','discovery':'https://a/d','client_secret':'s',"
		       "'session':{'secret':'0123456789abcdef'}}", NULL },
		     { "{'client_id':'c','discovery':'d','bearer_only':true,'public_key':'k'}", NULL },
		     { "{'client_id':'c','discovery':'d','bearer_only':true,'use_jwks':true,'timeout':1,"
		       "'proxy_opts':{'no_proxy':'x'}}", NULL },
		     { "{'client_id':'c','discovery':'d','bearer_only':true}", "openid-connect" },
		     { "{'client_id':'c','discovery':'d','client_secret':'s'}", "openid-connect" },
		     { "{'client_id':'c','discovery':'d','client_secret':'s',"
		       "'session':{'secret':'short'}}", "session.secret" },
		     { "{'client_id':'c','discovery':'d','client_secret':'s',"
		       "'session':{'secret':'0123456789abcdef','storage':'redis'}}", "session" },
		     { "{'client_id':'c','discovery':'d','bearer_only':true,'public_key':'k',"
		       "'use_dpop':true}", "use_dpop" },
		     { "{'client_id':'c','discovery':'d','bearer_only':true,'public_key':'k',"
		       "'unauth_action':'x'}", "unauth_action" });
	PLUGIN_CASES("forward-auth",
		     { "{'uri':'http://a','timeout':60000,'request_method':'POST','request_headers':['x'],"
		       "'extra_headers':{'a':'b'}}", NULL },
		     { "{}", "forward-auth" }, { "{'uri':'http://a','timeout':60001}", "timeout" },
		     { "{'uri':'http://a','status_on_error':199}", "status_on_error" },
		     { "{'uri':'http://a','extra_headers':{}}", "extra_headers" },
		     { "{'uri':'http://a','request_method':'PUT'}", "request_method" });
	PLUGIN_CASES("opa", { "{'host':'http://a','policy':'p','with_route':true,'timeout':1}", NULL },
		     { "{'host':'http://a'}", "opa" },
		     { "{'host':'h','policy':'p','send_headers_upstream':[]}", "send_headers_upstream" });
	PLUGIN_CASES("authz-keycloak",
		     { "{'client_id':'c','discovery':'d','permissions':['a'],'timeout':1000}", NULL },
		     { "{'client_id':'c'}", "authz-keycloak" },
		     { "{'client_id':'c','token_endpoint':'t','lazy_load_paths':true}", "authz-keycloak" },
		     { "{'client_id':'c','discovery':'d','timeout':999}", "timeout" },
		     { "{'client_id':'c','discovery':'d','permissions':['a','a']}", "permissions" });
	PLUGIN_CASES("wolf-rbac", { "{'server':'http://a','appid':'x'}", NULL }, { "{'server':1}", "server" });
	PLUGIN_CASES("csrf", { "{'key':'k','expires':1,'name':'n'}", NULL }, { "{}", "csrf" },
		     { "{'key':'k','expires':'1'}", "expires" });
	PLUGIN_CASES("consumer-restriction",
		     { "{'whitelist':['a'],'type':'route_id','rejected_code':200}", NULL },
		     { "{'allowed_by_methods':[{'user':'a','methods':['GET']}]}", NULL },
		     { "{}", "consumer-restriction" }, { "{'whitelist':[]}", "whitelist" },
		     { "{'allowed_by_methods':[{'methods':['get']}]}", "allowed_by_methods[0].methods[0]" });
	PLUGIN_CASES("attach-consumer-label", { "{'headers':{'a':'$b'}}", NULL },
		     { "{'headers':{'a':'b'}}", "headers.a" },
		     { "{'headers':{}}", "headers" });
	PLUGIN_CASES("ip-restriction",
		     { "{'whitelist':['10.0.0.0/8','::1','2001:db8::/32'],'message':'m',"
		       "'response_code':404}", NULL },
		     { "{'whitelist':['a']}", "whitelist[0]" },
		     { "{'blacklist':['1.1.1.1/33']}", "blacklist[0]" },
		     { "{'whitelist':['1.1.1.1'],'blacklist':['2.2.2.2']}", "ip-restriction" },
		     { "{}", "ip-restriction" },
		     { "{'whitelist':['1.1.1.1'],'response_code':401}", "response_code" });
	PLUGIN_CASES("ua-restriction", { "{'denylist':['bot.*'],'bypass_missing':true}", NULL },
		     { "{'denylist':['(']}", "denylist[0]" },
		     { "{'denylist':['a'],'allowlist':['b']}", "ua-restriction" },
		     { "{'denylist':['a'],'message':''}", "message" });
	PLUGIN_CASES("referer-restriction", { "{'whitelist':['*.a']}", NULL },
		     { "{'blacklist':['a/b']}", "blacklist[0]" },
		     { "{}", "referer-restriction" });
	PLUGIN_CASES("uri-blocker",
		     { "{'block_rules':['a.b','c'],'case_insensitive':true,'rejected_code':403}", NULL },
		     { "{'block_rules':['a','a']}", "block_rules" },
		     { "{'block_rules':['[']}", "block_rules[0]" },
		     { "{'block_rules':[''] }", "block_rules[0]" }, { "{}", "uri-blocker" });
}

static void limits(void **state)
{
	(void)state;
	PLUGIN_CASES("limit-count",
		     { "{'count':1,'time_window':1,'rejected_code':429,'rejected_msg':'m',"
		       "'key_type':'constant','key':'k','policy':'local','group':'g'}", NULL },
		     { "{'count':'$http_a','time_window':60}", NULL },
		     { "{'rules':[{'count':1,'time_window':1,'key':'a'},{'count':1,'time_window':1,"
		       "'key':'b'}]}", NULL },
		     { "{'count':1,'time_window':1,'policy':'redis','redis_host':'ab'}", NULL },
		     { "{'count':1,'time_window':9,'policy':'redis-cluster','redis_cluster_nodes':['a:1'],"
		       "'redis_cluster_name':'n','sync_interval':0.5}", NULL },
		     { "{'count':1,'time_window':1,'policy':'redis-sentinel',"
		       "'redis_sentinels':[{'host':'ab','port':1}],'redis_master_name':'m'}", NULL },
		     { "{'count':0,'time_window':1}", "count" },
		     { "{'count':1}", "limit-count" },
		     { "{'count':1,'time_window':1,'rules':[]}", "limit-count" },
		     { "{'rules':[{'count':1,'time_window':1,'key':'a'},{'count':1,'time_window':1,"
		       "'key':'a'}]}", "rules[1]" },
		     { "{'count':1,'time_window':1,'policy':'redis'}", "limit-count" },
		     { "{'count':1,'time_window':1,'policy':'redis','redis_host':'a'}", "redis_host" },
		     { "{'count':1,'time_window':1,'policy':'redis-cluster','redis_cluster_nodes':[],"
		       "'redis_cluster_name':'n'}", "redis_cluster_nodes" },
		     { "{'count':1,'time_window':1,'policy':'redis-sentinel',"
		       "'redis_sentinels':[{'host':'ab'}],'redis_master_name':'m'}", "redis_sentinels[0]" },
		     { "{'count':1,'time_window':1,'policy':'redis','redis_host':'ab',"
		       "'sync_interval':0.05}", "sync_interval" },
		     { "{'count':1,'time_window':1,'policy':'redis','redis_host':'ab',"
		       "'sync_interval':1}", "sync_interval" },
		     { "{'count':1,'time_window':1,'rejected_code':600}", "rejected_code" },
		     { "{'count':1,'time_window':1,'rejected_msg':''}", "rejected_msg" },
		     { "{'count':1,'time_window':1,'key_type':'x'}", "key_type" });
	PLUGIN_CASES("limit-req", { "{'rate':0.5,'burst':0,'key':'remote_addr','nodelay':true}", NULL },
		     { "{'rate':0,'burst':0,'key':'a'}", "rate" },
		     { "{'rate':1,'burst':-1,'key':'a'}", "burst" },
		     { "{'rate':1,'burst':0}", "limit-req" },
		     { "{'rate':1,'burst':0,'key':'a','policy':'redis'}", "limit-req" });
	PLUGIN_CASES("limit-conn",
		     { "{'conn':1,'burst':0,'default_conn_delay':0.1,'key':'remote_addr'}", NULL },
		     { "{'default_conn_delay':0.1,'rules':[{'conn':1,'burst':0,'key':'a'}]}", NULL },
		     { "{'conn':1,'burst':0,'key':'a'}", "limit-conn" },
		     { "{'conn':0,'burst':0,'default_conn_delay':1,'key':'a'}", "conn" },
		     { "{'conn':1,'burst':0,'default_conn_delay':0,'key':'a'}", "default_conn_delay" });
	PLUGIN_CASES("api-breaker",
		     { "{'break_response_code':502,'unhealthy':{'http_statuses':[500],'failures':1},"
		       "'healthy':{'successes':1}}", NULL },
		     { "{}", "api-breaker" },
		     { "{'break_response_code':502,"
		       "'unhealthy':{'http_statuses':[499]}}", "unhealthy.http_statuses[0]" },
		     { "{'break_response_code':502,'max_breaker_sec':2}", "max_breaker_sec" });
	PLUGIN_CASES("client-control", { "{'max_body_size':0}", NULL },
		     { "{'max_body_size':-1}", "max_body_size" });
	PLUGIN_CASES("request-validation", { "{'body_schema':{'type':'object'}}", NULL },
		     { "{}", "request-validation" },
		     { "{'header_schema':{},'rejected_code':199}", "rejected_code" });
	PLUGIN_CASES("request-id",
		     { "{'header_name':'x','include_in_response':false,'algorithm':'uuid'}", NULL },
		     { "{'algorithm':'x'}", "algorithm" }, { "{'range_id':{'length':5}}", "range_id.length" });
	PLUGIN_CASES("real-ip",
		     { "{'source':'http_x','trusted_addresses':['10.0.0.0/8'],'recursive':true}", NULL },
		     { "{}", "real-ip" },
		     { "{'source':'a','trusted_addresses':['x']}", "trusted_addresses[0]" });
}

static void encoders(void **state)
{
	(void)state;
	PLUGIN_CASES("gzip",
		     { "{'types':['a/b'],'min_length':1,'comp_level':9,'http_version':1.1,'vary':true}", NULL },
		     { "{'types':'*','buffers':{'number':1,'size':1}}", NULL }, { "{'types':'x'}", "types" },
		     { "{'comp_level':0}", "comp_level" }, { "{'http_version':2}", "http_version" });
	PLUGIN_CASES("brotli", { "{'comp_level':0,'mode':2,'lgwin':10,'lgblock':0}", NULL },
		     { "{'lgwin':9}", "lgwin" },
		     { "{'comp_level':12}", "comp_level" });
	PLUGIN_CASES("grpc-web", { "{'cors_allow_headers':'x'}", NULL },
		     { "{'cors_allow_headers':1}", "cors_allow_headers" });
	PLUGIN_CASES("grpc-transcode",
		     { "{'proto_id':'p','service':'s','method':'m','pb_option':['enable_hooks']}", NULL },
		     { "{'proto_id':'p','service':'s'}", "grpc-transcode" },
		     { "{'proto_id':'p','service':'s','method':'m','pb_option':['x']}", "pb_option[0]" });
	PLUGIN_CASES("body-transformer", { "{'request':{'template':'t','input_format':'xml'}}", NULL },
		     { "{}", "body-transformer" },
		     { "{'response':{}}", "response" },
		     { "{'request':{'template':'t','input_format':'x'}}", "request.input_format" });
	PLUGIN_CASES("mocking",
		     { "{'response_example':'x','content_type':'text/plain;a=b','response_status':100}", NULL },
		     { "{}", "mocking" }, { "{'response_example':'x','content_type':'a/b'}", "content_type" },
		     { "{'response_example':'x','response_headers':{}}", "response_headers" });
	PLUGIN_CASES("echo", { "{'body':'x'}", NULL }, { "{}", "echo" },
		     { "{'body':'x','headers':{}}", "headers" });
	PLUGIN_CASES("proxy-buffering", { "{'disable_proxy_buffering':true}", NULL },
		     { "{'disable_proxy_buffering':1}", "disable_proxy_buffering" });
	PLUGIN_CASES("proxy-control", { "{'request_buffering':false}", NULL },
		     { "{'request_buffering':1}", "request_buffering" });
	PLUGIN_CASES("public-api", { "{'uri':'/x'}", NULL }, { "{'uri':1}", "uri" });
	PLUGIN_CASES("ext-plugin-pre-req", { "{'conf':[{'name':'a','value':'b'}]}", NULL },
		     { "{'conf':[]}", "conf" }, { "{'conf':[{'name':'a'}]}", "conf[0]" });
	PLUGIN_CASES("ext-plugin-post-req", { "{}", NULL }, { "{'allow_degradation':1}", "allow_degradation" });
	PLUGIN_CASES("ext-plugin-post-resp", { "{}", NULL },
		     { "{'conf':[{'name':'','value':'b'}]}", "conf[0].name" });
	PLUGIN_CASES("serverless-pre-function",
		     { "{'phase':'rewrite','functions':['return function() end']}", NULL },
		     { "{}", "serverless-pre-function" },
		     { "{'functions':['x = 1']}", "functions[0]" },
		     { "{'phase':'x','functions':['return function() end']}", "phase" });
	PLUGIN_CASES("serverless-post-function", { "{'functions':['return function() end']}", NULL },
		     { "{'functions':[]}", "functions" });
	PLUGIN_CASES("datadog", { "{'anything':[1]}", NULL }, { "1", "datadog" });
	PLUGIN_CASES("cors",
		     { "{'_meta':{'disable':true,'priority':1,'filter':[['a','==','b']],"
		       "'error_response':{'a':1}}}", NULL },
		     { "{'_meta':{'x':1}}", "_meta.x" }, { "{'_meta':{'filter':[['a']]}}", "_meta.filter" },
		     { "{'_meta':1}", "_meta" },
		     { "{'_meta':{'pre_function':'x'}}", "_meta.pre_function" },
		     { "{'_meta':{'error_response':1}}", "_meta.error_response" });
}

static void observers(void **state)
{
	(void)state;
	PLUGIN_CASES("prometheus", { "{'prefer_name':true}", NULL }, { "{'prefer_name':'x'}", "prefer_name" });
	PLUGIN_CASES("zipkin",
		     { "{'endpoint':'http://a','sample_ratio':1,'server_addr':'1.2.3.4',"
		       "'span_version':1}", NULL },
		     { "{'endpoint':'http://a'}", "zipkin" },
		     { "{'endpoint':'http://a','sample_ratio':0}", "sample_ratio" },
		     { "{'endpoint':'http://a','sample_ratio':1,'server_addr':'a'}", "server_addr" },
		     { "{'endpoint':'http://a','sample_ratio':1,'span_version':3}", "span_version" });
	PLUGIN_CASES("skywalking", { "{'sample_ratio':0.00001}", NULL },
		     { "{'sample_ratio':2}", "sample_ratio" });
	PLUGIN_CASES("opentelemetry",
		     { "{'sampler':{'name':'parent_base','options':{'root':{'name':'always_on'}}},"
		       "'additional_attributes':['a']}", NULL },
		     { "{'sampler':{'name':'x'}}", "sampler.name" },
		     { "{'sampler':{'options':{'root':{'name':'parent_base'}}}}", "sampler.options.root.name" },
		     { "{'additional_attributes':['']}", "additional_attributes[0]" });
	PLUGIN_CASES("file-logger",
		     { "{'path':'/x','log_format':{'a':'$b'},'match':[['a','==','b']],"
		       "'include_req_body_expr':[['a','==','b']]}", NULL },
		     { "{}", "file-logger" }, { "{'path':'/x','match':[['a']]}", "match" },
		     { "{'path':'/x','log_format':'a'}", "log_format" },
		     { "{'path':'/x','max_req_body_bytes':0}", "max_req_body_bytes" });
	PLUGIN_CASES("http-logger",
		     { "{'uri':'http://a:80/x','concat_method':'json','batch_max_size':1,"
		       "'retry_delay':0}", NULL },
		     { "{'uri':'a'}", "uri" }, { "{'uri':'http://a','buffer_duration':0}", "buffer_duration" },
		     { "{}", "http-logger" },
		     { "{'uri':'http://a','include_resp_body_expr':[['a','~~',"
		       "'(']]}", "include_resp_body_expr" });
	PLUGIN_CASES("tcp-logger", { "{'host':'a','port':0,'tls':true}", NULL },
		     { "{'host':'a'}", "tcp-logger" }, { "{'host':'a','port':-1}", "port" });
	PLUGIN_CASES("udp-logger", { "{'host':'a','port':1}", NULL },
		     { "{'host':'a','port':1,'timeout':0}", "timeout" });
	PLUGIN_CASES("syslog", { "{'host':'a','port':1,'sock_type':'udp','pool_size':5}", NULL },
		     { "{'host':'a','port':1,'pool_size':4}", "pool_size" });
	PLUGIN_CASES("kafka-logger",
		     { "{'kafka_topic':'t','brokers':[{'host':'a','port':1}],'required_acks':-1}", NULL },
		     { "{'kafka_topic':'t','broker_list':{'a':1}}", NULL },
		     { "{'kafka_topic':'t'}", "kafka-logger" },
		     { "{'kafka_topic':'t','brokers':[{'host':'a','port':1},{'host':'a',"
		       "'port':1}]}", "brokers" },
		     { "{'kafka_topic':'t','broker_list':{'a':0}}", "broker_list.a" },
		     { "{'kafka_topic':'t','broker_list':{'a':1},'required_acks':0}", "required_acks" });
	PLUGIN_CASES("loki-logger",
		     { "{'endpoint_addrs':['http://a'],'log_labels':{'a':'b'},'timeout':60000}", NULL },
		     { "{'endpoint_addrs':[]}", "endpoint_addrs" },
		     { "{'endpoint_addrs':['http://a'],'log_labels':{'a':''}}", "log_labels.a" });
	PLUGIN_CASES("elasticsearch-logger",
		     { "{'endpoint_addr':'http://a','field':{'index':'i'},'auth':{'username':'a',"
		       "'password':'b'}}", NULL },
		     { "{'endpoint_addr':'http://a/','field':{'index':'i'}}", "endpoint_addr" },
		     { "{'field':{'index':'i'}}", "elasticsearch-logger" },
		     { "{'endpoint_addr':'a','field':{'index':'i'},'auth':{'username':'a'}}", "auth" });
	PLUGIN_CASES("skywalking-logger", { "{'endpoint_addr':'http://a','service_name':'s'}", NULL },
		     { "{'endpoint_addr':'a'}", "endpoint_addr" });
	PLUGIN_CASES("splunk-hec-logging", { "{'endpoint':{'uri':'http://a','token':'t'}}", NULL },
		     { "{'endpoint':{'uri':'http://a'}}", "endpoint" });
	PLUGIN_CASES("clickhouse-logger",
		     { "{'endpoint_addr':'http://a','user':'u','password':'p','database':'d',"
		       "'logtable':'l'}", NULL },
		     { "{'user':'u','password':'p','database':'d','logtable':'l'}", "clickhouse-logger" });
	CASES("plugin_metadata", "prometheus", NULL,
	      { "{'disabled_labels':{'http_status':['route','llm_model']}}", NULL },
	      { "{'disabled_labels':{'bandwidth':['route_id']}}", "disabled_labels.bandwidth[0]" },
	      { "{'disabled_labels':{'x':[]}}", "disabled_labels.x" });
	CASES("plugin_metadata", "http-logger", NULL, { "{'max_pending_entries':1}", NULL },
	      { "{'max_pending_entries':0}", "max_pending_entries" });
	CASES("plugin_metadata", "cors", NULL, { "{'allow_origins':{'a':'https://b'}}", NULL },
	      { "{'allow_origins':{'a':'b'}}", "allow_origins.a" });
	CASES("plugin_metadata", "limit-count", NULL, { "{'limit_header':'x'}", NULL },
	      { "{'limit_header':1}", "limit_header" });
}

/* A reference to a secret stands for a text, whatever its form. */
static void references(void **state)
{
	(void)state;
	PLUGIN_CASES("http-logger", { "{'uri':'$secret://vault/1/x'}", NULL }, { "{'uri':'$ENV://X'}", NULL },
		     { "{'uri':'$env:/X'}", "uri" },
		     { "{'uri':'http://a','timeout':'$env://X'}", "timeout" });
	CASES("routes", "r", "{'id':'r','upstream_id':'u',%s}", { "'uri':'/a','host':'$env://X'", "host" });
}

static void enabled(void **state)
{
	static const char *const names[] = { "cors", "my-own", NULL };
	static const char own[] = "{\"id\":\"r\",\"uri\":\"/a\",\"plugins\":{\"my-own\":{\"a\":[]}}}";
	static const char gzip[] = "{\"id\":\"r\",\"uri\":\"/a\",\"plugins\":{\"gzip\":{}}}";
	struct apisix *few, *all;
	struct apisix_error error;

	(void)state;
	assert_int_equal(apisix_new(names, &few), 0);
	assert_int_equal(apisix_new(NULL, &all), 0);
	assert_int_equal(apisix_check(few, "routes", "r", (const uint8_t *)own, sizeof own - 1, &error), 0);
	assert_int_equal(apisix_check(all, "routes", "r", (const uint8_t *)own, sizeof own - 1, &error), 1);
	assert_int_equal(apisix_check(few, "routes", "r", (const uint8_t *)gzip, sizeof gzip - 1, &error), 1);
	assert_int_equal(apisix_check(all, "routes", "r", (const uint8_t *)gzip, sizeof gzip - 1, &error), 0);
	assert_true(apisix_plugin_enabled(all, "zipkin", 0) && !apisix_plugin_enabled(all, "skywalking", 0));
	assert_true(apisix_plugin_enabled(few, "mqtt-proxy", 1) && !apisix_plugin_enabled(few, "mqtt-proxy", 0));
	apisix_free(few);
	apisix_free(all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(traffic),  cmocka_unit_test(guards),	 cmocka_unit_test(limits),
		cmocka_unit_test(encoders), cmocka_unit_test(observers), cmocka_unit_test(references),
		cmocka_unit_test(enabled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
