# SPDX-License-Identifier: Apache-2.0
"""The cases of the corpus that have goldens: files and folders under ../shared/corpus; a path with + is one of ours."""

from typing import NamedTuple


class Case(NamedTuple):
    paths: tuple
    capture: bool = False


def one(*paths):
    return Case(paths)


def captured(*paths):
    return Case(paths, True)


EG, KUMA, KUMA3 = "envoy-gateway/", "kuma-2.14/", "kuma-3-master/"
RBAC = "istio/rbac-1/"
PERMISSIVE = KUMA + "tls-permissive/permissive-with-permissive-mtls."

CASES = {
    "envoy-cors": one("envoy-examples/cors/envoy.yaml"),
    "envoy-fault-off": one("envoy-examples/fault-injection"),
    "envoy-gzip": captured("envoy-examples/gzip"),
    "envoy-local-ratelimit": captured("envoy-examples/local-ratelimit"),
    "envoy-opentelemetry": one("envoy-examples/opentelemetry/envoy-front-proxy.yaml"),
    "envoy-rbac": one("envoy-examples/rbac"),
    "envoy-tls-inspector": one("envoy-examples/tls-inspector"),
    "envoy-tls": one("envoy-examples/tls"),
    "envoy-udp": one("envoy-examples/udp"),
    "envoy-websocket": one("envoy-examples/websocket/envoy-ws-route.yaml"),
    "envoy-zipkin": one("envoy-examples/zipkin/envoy-front-proxy.yaml"),
    "gateway-access-log": one(EG + "accesslog"),
    "gateway-circuit-breaker": one(EG + "circuit-breaker"),
    "gateway-client-cidr": one(EG + "authorization-client-cidr"),
    "gateway-compression": one(EG + "compression"),
    "gateway-cors-refused": one(EG + "cors"),
    "gateway-csrf": one(EG + "csrf"),
    "gateway-direct-response": one(EG + "http-route-direct-response"),
    "gateway-ext-auth": one(EG + "ext-auth"),
    "gateway-fault": one(EG + "fault-injection"),
    "gateway-health-check": one(EG + "health-check"),
    "gateway-jwt": one(EG + "jwt-single-route-single-match"),
    "gateway-lb": one(EG + "load-balancer"),
    "gateway-matches": one(EG + "http-route-multiple-matches"),
    "gateway-mutual-tls": one(EG + "mutual-tls-san"),
    "gateway-ratelimit": one(EG + "ratelimit-sourceip"),
    "gateway-redirect": one(EG + "http-route-redirect"),
    "gateway-request-headers": one(EG + "http-route-request-headers"),
    "gateway-retry": one(EG + "retry"),
    "gateway-rewrite-host": one(EG + "http-route-rewrite-url-host"),
    "gateway-rewrite-regex": one(EG + "http-route-rewrite-url-regex"),
    "gateway-timeout": captured(EG + "http-route-timeout"),
    "gateway-tls-passthrough": captured(EG + "tls-route-passthrough"),
    "gateway-tracing": one(EG + "tracing"),
    "istio-authz-http": one(RBAC + "custom-http-provider-out2.yaml", "+discovered.yaml"),
    "istio-describe": one("istio/describe-http"),
    "istio-rbac-allow": one(RBAC + "allow-path-out.yaml", "+discovered.yaml"),
    "istio-rbac-deny-spiffe": one(RBAC + "deny-and-allow-out1.yaml", "+discovered.yaml"),
    "istio-rbac-allow-spiffe": one(RBAC + "deny-and-allow-out2.yaml", "+discovered.yaml"),
    "kgateway-routeoptions": one("kgateway/routeoptions"),
    "kuma-circuit-breaker": one(KUMA + "circuitbreaker-outbound/"
                                "outbound_split_cluster_0_connection_limits_outlier_detection.golden.yaml"),
    "kuma-fault": one(KUMA + "faultinjection-inbound"),
    "kuma-headers-match": one(KUMA + "httproute-headers-match"),
    "kuma-headers-match-captured": captured(KUMA + "httproute-headers-match"),
    "kuma-header-modifiers": one(KUMA + "httproute-request-header-modifiers"),
    "kuma-lb": captured(KUMA + "loadbalancingstrategy-basic"),
    "kuma-locality": one(KUMA + "loadbalancingstrategy-split"),
    "kuma-mirror": one(KUMA + "httproute-request-mirror"),
    "kuma-passthrough-captured": captured(KUMA + "passthrough-mysql"),
    "kuma-permissive-captured": captured(PERMISSIVE + "clusters.golden.yaml", PERMISSIVE + "listeners.golden.yaml"),
    "kuma-ratelimit": one(KUMA + "ratelimit-inbound/basic_listener_1.golden.yaml",
                          KUMA + "ratelimit-inbound/basic_listener_2.golden.yaml"),
    "kuma-tcp-split": one(KUMA + "tcproute-split"),
    "kuma-tcp-split-captured": captured(KUMA + "tcproute-split"),
    "kuma-tcp-timeout": one(KUMA + "timeout-tcp"),
    "kuma-transparent-captured": captured(KUMA + "gen-transparent/02.envoy.golden.yaml"),
    "kuma-url-rewrite": one(KUMA + "httproute-url-rewrite"),
    "kuma3-lb": one(KUMA3 + "loadbalancingstrategy-zone-proxy"),
    "kuma3-match-priority": captured(KUMA3 + "httproute-match-priority"),
    "sample-bootstrap": one("go-control-plane/sample-bootstraps/bootstrap-xds.yaml"),
    "mesh-agent": one("mesh-agent/file-provisioner"),
}
