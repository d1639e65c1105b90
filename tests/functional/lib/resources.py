# SPDX-License-Identifier: Apache-2.0
"""xDS resources as the official definitions (xds-protos) have them, from YAML or dictionaries."""

import importlib
import pathlib
import pkgutil

import yaml
from google.protobuf import any_pb2, json_format

PREFIX = "type.googleapis.com/"
CDS = PREFIX + "envoy.config.cluster.v3.Cluster"
EDS = PREFIX + "envoy.config.endpoint.v3.ClusterLoadAssignment"
LDS = PREFIX + "envoy.config.listener.v3.Listener"
RDS = PREFIX + "envoy.config.route.v3.RouteConfiguration"
SDS = PREFIX + "envoy.extensions.transport_sockets.tls.v3.Secret"
ORDER = (CDS, EDS, LDS, RDS, SDS)      # in which control planes send


def load_types(value):
    """Imports the definitions of every "@type" within."""
    if isinstance(value, list):
        for item in value:
            load_types(item)
    elif isinstance(value, dict):
        if "@type" in value:
            load_type(value["@type"])
        for item in value.values():
            load_types(item)


def load_type(url, _known=set()):
    package = url.rsplit("/", 1)[-1].rsplit(".", 1)[0]
    if package in _known or package.startswith("google.protobuf"):
        return
    _known.add(package)
    for module in pkgutil.iter_modules(importlib.import_module(package).__path__, package + "."):
        if module.name.endswith("_pb2"):
            importlib.import_module(module.name)


def any_of(resource):
    """The Any of a resource that is written as a dictionary with "@type"."""
    load_types(resource)
    return json_format.ParseDict(resource, any_pb2.Any())


def name_of(resource):
    return resource.get("name") or resource.get("cluster_name") or resource.get("clusterName") or ""


def read(*paths):
    """The resources of YAML files or folders of them, as dictionaries."""
    files = [f for p in map(pathlib.Path, paths) for f in (sorted(p.glob("*.yaml")) if p.is_dir() else [p])]
    return [r for f in files for r in yaml.safe_load(f.read_text())["resources"]]


# ---- small ones for tests ----

def cluster(name, **more):
    """A cluster whose endpoints are asked for by its name."""
    return {"@type": CDS, "name": name, "type": "EDS",
            "eds_cluster_config": {"eds_config": {"ads": {}, "resource_api_version": "V3"}}, **more}


def static(name, *hosts, **more):
    """A cluster that has its endpoints with it."""
    assignment = endpoints(name, *hosts)
    del assignment["@type"]
    return {"@type": CDS, "name": name, "type": "STATIC", "load_assignment": assignment, **more}


def endpoints(name, *hosts, port=80):
    return {"@type": EDS, "cluster_name": name, "endpoints": [{"lb_endpoints": [
        {"endpoint": {"address": {"socket_address": {"address": host, "port_value": port}}}} for host in hosts]}]}


def listener(name, port, routes):
    """An HTTP listener whose routes are asked for by name."""
    manager = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
    router = {"name": "router", "typed_config": {"@type": PREFIX + "envoy.extensions.filters.http.router.v3.Router"}}
    return {"@type": LDS, "name": name, "address": {"socket_address": {"address": "0.0.0.0", "port_value": port}},
            "filter_chains": [{"filters": [{"name": "http", "typed_config": {
                "@type": PREFIX + manager, "stat_prefix": name, "http_filters": [router],
                "rds": {"route_config_name": routes,
                        "config_source": {"ads": {}, "resource_api_version": "V3"}}}}]}]}


def routes(name, **clusters):
    """Routes /KEY -> cluster VALUE for every domain."""
    return {"@type": RDS, "name": name, "virtual_hosts": [{"name": "v", "domains": ["*"], "routes": [
        {"name": path, "match": {"prefix": f"/{path}"}, "route": {"cluster": target}}
        for path, target in clusters.items()]}]}
