/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plugins that APISIX 3.18 enables by itself and whose configuration is not looked into here: it only
 * must be an object.  Rows move from here to the other plugins_*.c when somebody needs them.  Found
 * through plugins.c; nothing here can fail.
 */
#include "plugins.h"

#define UNREAD(n) { .name = n, .by_default = true }

const struct plugin_row plugins_unread[] = {
	UNREAD("acl"), UNREAD("ai"), UNREAD("ai-aliyun-content-moderation"),
	UNREAD("ai-aws-content-moderation"), UNREAD("ai-cache"), UNREAD("ai-lakera-guard"),
	UNREAD("ai-prompt-decorator"), UNREAD("ai-prompt-guard"), UNREAD("ai-prompt-template"),
	UNREAD("ai-proxy"), UNREAD("ai-proxy-multi"), UNREAD("ai-rag"), UNREAD("ai-rate-limiting"),
	UNREAD("ai-request-rewrite"), UNREAD("authz-casbin"), UNREAD("authz-casdoor"),
	UNREAD("aws-lambda"), UNREAD("azure-functions"), UNREAD("cas-auth"), UNREAD("chaitin-waf"),
	UNREAD("data-mask"), UNREAD("datadog"), UNREAD("degraphql"), UNREAD("dingtalk-auth"),
	UNREAD("example-plugin"), UNREAD("feishu-auth"), UNREAD("google-cloud-logging"),
	UNREAD("graphql-limit-count"), UNREAD("graphql-proxy-cache"), UNREAD("http-dubbo"),
	UNREAD("inspect"), UNREAD("jwe-decrypt"), UNREAD("kafka-proxy"), UNREAD("lago"),
	UNREAD("ldap-auth"), UNREAD("ldap-auth-advanced"), UNREAD("loggly"), UNREAD("mcp-bridge"),
	UNREAD("oas-validator"), UNREAD("openfunction"), UNREAD("openwhisk"), UNREAD("proxy-cache"),
	UNREAD("rocketmq-logger"), UNREAD("saml-auth"), UNREAD("sls-logger"),
	UNREAD("tencent-cloud-cls"), UNREAD("traffic-label"), { 0 },
};
