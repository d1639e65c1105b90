# SPDX-License-Identifier: Apache-2.0
"""Resources of a mesh that speaks TLS, and certificates for it."""

import subprocess

TYPE = "type.googleapis.com/envoy."
TLS = TYPE + "extensions.transport_sockets.tls.v3."


def certificate(folder, number):
    """(certificate, key) as PEM."""
    paths = folder / f"{number}.pem", folder / f"{number}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                    "2", "-subj", f"/CN={number}", "-keyout", paths[1], "-out", paths[0]], check=True,
                   capture_output=True, timeout=60)
    return [path.read_text() for path in paths]


def pair(cert, key):
    return {"certificate_chain": {"inline_string": cert}, "private_key": {"inline_string": key}}


def by_name(name):
    return {"tls_certificate_sds_secret_configs": [{"name": name, "sds_config": {"ads": {}}}]}


def listener(name, port, context, filters=()):
    manager = {"@type": TYPE + "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
               "stat_prefix": name, "route_config": {"name": name, "virtual_hosts": [
                   {"name": "v", "domains": [f"{name}.example"], "routes": [
                       {"match": {"prefix": "/"}, "route": {"cluster": "named"}}]}]},
               "http_filters": [*filters, {"name": "router", "typed_config": {
                   "@type": TYPE + "extensions.filters.http.router.v3.Router"}}]}
    return {"@type": TYPE + "config.listener.v3.Listener", "name": name, "traffic_direction": "INBOUND",
            "address": {"socket_address": {"address": "192.168.0.2", "port_value": port}},
            "filter_chains": [{"filter_chain_match": {"server_names": [f"{name}.example"]},
                               "transport_socket": {"name": "tls", "typed_config": {
                                   "@type": TLS + "DownstreamTlsContext", "common_tls_context": context}},
                               "filters": [{"name": "http", "typed_config": manager}]}]}


def cluster(name, context):
    return {"@type": TYPE + "config.cluster.v3.Cluster", "name": name, "type": "STATIC",
            "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [{"endpoint": {
                "address": {"socket_address": {"address": "10.0.0.1", "port_value": 80}}}}]}]},
            "transport_socket": {"name": "tls", "typed_config": {
                "@type": TLS + "UpstreamTlsContext", "common_tls_context": context}}}
