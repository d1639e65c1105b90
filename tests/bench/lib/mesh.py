# SPDX-License-Identifier: Apache-2.0
"""Mesh files that become a given number of APISIX routes of about 570 bytes."""

import json

TYPE = "type.googleapis.com/envoy."
PER_HOST = 100          # objects of one virtual host: its routes and the one that answers 404


def _header(name, value):
    return {"name": name, "string_match": {"exact": value}}


def _route(number):
    return {
        "name": f"route-{number:06d}",
        "match": {"prefix": f"/api/v1/service-{number:06d}/resources/",
                  "headers": [_header("x-tenant", f"tenant-{number % 97:03d}"),
                              _header("x-region", f"region-{number % 7}")]},
        "route": {"cluster": f"service-{number % 10}", "prefix_rewrite": "/v1/", "timeout": "15s"},
    }


def _routes(first, count):
    name = f"mesh-{first // PER_HOST:04d}"
    return {"@type": TYPE + "config.route.v3.RouteConfiguration", "name": name, "virtual_hosts": [{
        "name": "all", "domains": [f"{name}.services.production.example.com"],
        "routes": [_route(first + i) for i in range(count - 1)]}]}


def _listener(number):
    name = f"mesh-{number:04d}"
    manager = {
        "@type": TYPE + "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": name,
        "rds": {"route_config_name": name, "config_source": {"ads": {}, "resource_api_version": "V3"}},
        "http_filters": [{"name": "router", "typed_config": {
            "@type": TYPE + "extensions.filters.http.router.v3.Router"}}]}
    return {"@type": TYPE + "config.listener.v3.Listener", "name": name,
            "address": {"socket_address": {"address": "0.0.0.0", "port_value": 10000 + number}},
            "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}]}


def _cluster(number):
    return {"@type": TYPE + "config.cluster.v3.Cluster", "name": f"service-{number}", "type": "STATIC",
            "connect_timeout": "0.25s", "load_assignment": {"cluster_name": f"service-{number}", "endpoints": [
                {"lb_endpoints": [{"endpoint": {"address": {"socket_address": {
                    "address": f"10.1.0.{number + 1}", "port_value": 8080}}}}]}]}}


def write(folder, objects):
    """Files in `folder` that give `objects` routes; none for 0, but the same clusters."""
    folder.mkdir(mode=0o755)
    hosts = range(0, max(objects - 1, 0), PER_HOST)     # one object is that of unknown hosts
    files = {
        "clusters": [_cluster(i) for i in range(10)],
        "routes": [_routes(first, min(PER_HOST, objects - 1 - first)) for first in hosts],
        "listeners": [_listener(i) for i in range(len(hosts))],
    }
    for name, resources in files.items():
        (folder / f"{name}.json").write_text(json.dumps({"version_info": "1", "resources": resources}))
        (folder / f"{name}.json").chmod(0o644)
