/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Short names for the generated xDS types that the translation reads, and readers for the wrapper
 * types whose absence differs from zero.  Every file of the translation includes it; it has no code
 * of its own that could fail.
 */
#ifndef MESHD_TRANSLATION_XDS_H
#define MESHD_TRANSLATION_XDS_H

#include <stdbool.h>
#include <stdint.h>

#include "envoy/config_accesslog_v3.pb-c.h"
#include "envoy/config_cluster_v3.pb-c.h"
#include "envoy/config_core_v3.pb-c.h"
#include "envoy/config_endpoint_v3.pb-c.h"
#include "envoy/config_listener_v3.pb-c.h"
#include "envoy/config_route_v3.pb-c.h"
#include "envoy/config_trace_v3.pb-c.h"
#include "envoy/extensions_filters_network_http_connection_manager_v3.pb-c.h"
#include "envoy/extensions_filters_network_tcp_proxy_v3.pb-c.h"
#include "envoy/type_matcher_v3.pb-c.h"
#include "google/protobuf.pb-c.h"

typedef Google__Protobuf__Any pb_any;
typedef Google__Protobuf__Duration pb_duration;
typedef Google__Protobuf__BoolValue pb_bool;
typedef Google__Protobuf__UInt32Value pb_uint32;

typedef Envoy__Config__Listener__V3__Listener xds_listener;
typedef Envoy__Config__Listener__V3__FilterChain xds_chain;
typedef Envoy__Config__Core__V3__SocketAddress xds_socket_address;
typedef Envoy__Extensions__Filters__Network__HttpConnectionManager__V3__HttpConnectionManager xds_hcm;
typedef Envoy__Extensions__Filters__Network__HttpConnectionManager__V3__HttpFilter xds_http_filter;
typedef Envoy__Extensions__Filters__Network__TcpProxy__V3__TcpProxy xds_tcp_proxy;

typedef Envoy__Config__Route__V3__RouteConfiguration xds_route_config;
typedef Envoy__Config__Route__V3__VirtualHost xds_vhost;
typedef Envoy__Config__Route__V3__Route xds_route;
typedef Envoy__Config__Route__V3__RouteMatch xds_route_match;
typedef Envoy__Config__Route__V3__RouteAction xds_route_action;
typedef Envoy__Config__Route__V3__RedirectAction xds_redirect;
typedef Envoy__Config__Route__V3__DirectResponseAction xds_direct;
typedef Envoy__Config__Route__V3__WeightedCluster xds_weighted;
typedef Envoy__Config__Route__V3__WeightedCluster__ClusterWeight xds_weight;
typedef Envoy__Config__Route__V3__RetryPolicy xds_retry;
typedef Envoy__Config__Route__V3__HeaderMatcher xds_header_matcher;
typedef Envoy__Type__Matcher__V3__StringMatcher xds_string_matcher;
typedef Envoy__Type__Matcher__V3__RegexMatcher xds_regex;
typedef Envoy__Type__Matcher__V3__RegexMatchAndSubstitute xds_regex_rewrite;
typedef Envoy__Config__Core__V3__HeaderValueOption xds_header_option;
typedef Envoy__Config__Core__V3__RuntimeFractionalPercent xds_fraction;
typedef Envoy__Config__Core__V3__DataSource xds_data_source;
typedef Envoy__Config__Core__V3__SubstitutionFormatString xds_format;
typedef Envoy__Config__Core__V3__Address xds_address;

typedef Envoy__Config__Cluster__V3__Cluster xds_cluster;
typedef Envoy__Config__Cluster__V3__LoadBalancingPolicy xds_lb_policy;
typedef Envoy__Config__Endpoint__V3__ClusterLoadAssignment xds_cla;
typedef Envoy__Config__Endpoint__V3__LocalityLbEndpoints xds_locality;
typedef Envoy__Config__Endpoint__V3__LbEndpoint xds_endpoint;

/* Enumerators, without the package in front: XDS_ROUTE(ROUTE__ACTION_ROUTE). */
#define XDS_CORE(name) ENVOY__CONFIG__CORE__V3__##name
#define XDS_ROUTE(name) ENVOY__CONFIG__ROUTE__V3__##name
#define XDS_CLUSTER(name) ENVOY__CONFIG__CLUSTER__V3__CLUSTER__##name
#define XDS_MATCHER(name) ENVOY__TYPE__MATCHER__V3__##name
#define XDS_TYPE(name) ENVOY__TYPE__V3__##name
#define XDS_HCM(name) ENVOY__EXTENSIONS__FILTERS__NETWORK__HTTP_CONNECTION_MANAGER__V3__##name
#define XDS_TCP(name) ENVOY__EXTENSIONS__FILTERS__NETWORK__TCP_PROXY__V3__TCP_PROXY__##name
#define XDS_UPSTREAM_HTTP(name) ENVOY__EXTENSIONS__UPSTREAMS__HTTP__V3__HTTP_PROTOCOL_OPTIONS__##name
#define XDS_LB_COMMON(name) ENVOY__EXTENSIONS__LOAD_BALANCING_POLICIES__COMMON__V3__##name

/* Descriptors of the two filters that end a chain. */
#define XDS_HCM_DESCRIPTOR \
	(&envoy__extensions__filters__network__http_connection_manager__v3__http_connection_manager__descriptor)
#define XDS_TCP_DESCRIPTOR (&envoy__extensions__filters__network__tcp_proxy__v3__tcp_proxy__descriptor)

/* Milliseconds, rounded up so that a positive duration stays positive; `absent` when there is none. */
static inline int64_t duration_ms(const pb_duration *d, int64_t absent)
{
	if (d == NULL)
		return absent;
	if (d->seconds < 0 || d->nanos < 0)
		return 0;
	if (d->seconds > INT64_C(315576000000))
		return INT64_C(315576000000) * 1000;
	return d->seconds * 1000 + ((int64_t)d->nanos + 999999) / 1000000;
}

static inline bool bool_of(const pb_bool *b, bool absent)
{
	return b != NULL ? b->value != 0 : absent;
}

static inline uint32_t uint32_of(const pb_uint32 *v, uint32_t absent)
{
	return v != NULL ? v->value : absent;
}

#endif
