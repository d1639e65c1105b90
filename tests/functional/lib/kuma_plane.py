# SPDX-License-Identifier: Apache-2.0
"""The test control plane with the manners of Kuma's (kuma-cp 2.14.3, pkg/xds/server/callbacks and pkg/hds).

A Dataplane has one place: while a stream of it is open, and `linger` seconds after its end, no other is taken; then the
Dataplane that came by the stream is removed, and only then the place is free.  `registered` is what it holds now,
`removals` counts.  Health checks: `specifier` is sent to each stream of the discovery service, `reports` are what came.
"""

import json
import queue
import threading
import time

import grpc
from envoy.service.health.v3 import hds_pb2

from .controlplane import ControlPlane

OCCUPIED = "there is already an active stream from this node, try again later"
HDS = "/envoy.service.health.v3.HealthDiscoveryService/StreamHealthCheck"


class KumaPlane(ControlPlane):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.taken, self.linger, self.refused = False, 1.0, 0
        self.registered, self.removals = None, 0
        self.specifier, self.reports, self.hds = None, [], []
        self.more = [HealthService(self)]

    def _stream(self, api, requests, context):
        with self.lock:
            occupied, self.taken = self.taken, True
            self.refused += occupied
        if occupied:
            context.abort(grpc.StatusCode.UNKNOWN, OCCUPIED)
        try:
            yield from super()._stream(api, self.register(requests), context)
        finally:
            threading.Thread(target=self.deregister, daemon=True).start()

    def register(self, requests):
        for request in requests:
            if request.HasField("node"):
                resource = request.node.metadata.fields["dataplane.resource"].string_value
                self.registered = json.loads(resource) if resource else None
            yield request

    def deregister(self):
        time.sleep(self.linger)
        with self.lock:
            self.removals += self.registered is not None
            self.registered, self.taken = None, False


class HealthService(grpc.GenericRpcHandler):
    def __init__(self, plane):
        self.plane = plane

    def service(self, details):
        if details.method != HDS or self.plane.specifier is None:
            return None
        return grpc.stream_stream_rpc_method_handler(
            self.serve, hds_pb2.HealthCheckRequestOrEndpointHealthResponse.FromString,
            hds_pb2.HealthCheckSpecifier.SerializeToString)

    def serve(self, requests, context):
        out = queue.SimpleQueue()
        context.add_callback(lambda: out.put(None))
        threading.Thread(target=self.read, args=(requests, dict(context.invocation_metadata())), daemon=True).start()
        out.put(self.plane.specifier)
        while (message := out.get()) is not None:
            yield message

    def read(self, requests, metadata):
        try:
            for request in requests:
                if request.HasField("health_check_request"):
                    self.plane.hds.append((request.health_check_request, metadata))
                else:
                    self.plane.reports.append({
                        c.cluster_name: c.locality_endpoints_health[0].endpoints_health[0].health_status
                        for c in request.endpoint_health_response.cluster_endpoints_health})
        except grpc.RpcError:
            pass
