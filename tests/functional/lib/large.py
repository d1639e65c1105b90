# SPDX-License-Identifier: Apache-2.0
"""A mesh of 10,000 routes, whose endpoints change all at once."""

import json
import os

MANY = 10000


def resource(kind, **fields):
    return {"@type": f"type.googleapis.com/envoy.config.{kind}", **fields}


def write_endpoints(folder, address):
    """All of them in one file: one transaction."""
    resources = [resource("endpoint.v3.ClusterLoadAssignment", cluster_name=f"c{i}", endpoints=[{"lb_endpoints": [
        {"endpoint": {"address": {"socket_address": {"address": address, "port_value": 1 + i}}}}]}])
        for i in range(MANY)]
    temporary = folder / "endpoints.tmp"
    temporary.write_text(json.dumps({"resources": resources}))
    os.rename(temporary, folder / "endpoints.json")


def write_large_mesh(folder):
    eds = {"eds_config": {"ads": {}, "resource_api_version": "V3"}}
    router = {"name": "router", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}
    hcm = {"@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3."
                    "HttpConnectionManager", "stat_prefix": "all", "http_filters": [router],
           "rds": {"route_config_name": "all", "config_source": {"ads": {}, "resource_api_version": "V3"}}}
    listener = resource("listener.v3.Listener", name="all", address={
        "socket_address": {"address": "0.0.0.0", "port_value": 9080}},
        filter_chains=[{"filters": [{"name": "http", "typed_config": hcm}]}])
    routes = resource("route.v3.RouteConfiguration", name="all", virtual_hosts=[
        {"name": f"v{i}", "domains": [f"h{i}.example"], "routes": [
            {"match": {"prefix": "/"}, "route": {"cluster": f"c{i}"}}]} for i in range(MANY)])
    clusters = [resource("cluster.v3.Cluster", name=f"c{i}", type="EDS", eds_cluster_config=eds) for i in range(MANY)]
    (folder / "all.json").write_text(json.dumps({"resources": [listener, routes] + clusters}))
    write_endpoints(folder, "10.0.0.1")
