# SPDX-License-Identifier: Apache-2.0
"""A meshd that is told its mesh by the test control plane, and what tests ask about the two."""

import contextlib
import itertools
import re

from .daemon import Daemon
from .resources import cluster, endpoints, listener, routes
from .wait import wait_for

APIS = ("sotw", "delta")
# Two services behind one listener, and what they become.
SHOP = [cluster("blue"), cluster("green"), endpoints("blue", "10.1.0.1"), endpoints("green", "10.1.0.2"),
        listener("shop", 9080, "shop"), routes("shop", blue="blue", green="green")]


class XdsDaemon(Daemon):
    """`node`, `options` of the plugin and further sections of the file; its server is `plane` unless told."""

    def __init__(self, work, plane, number=0, options=None, **config):
        self.plane, self.marks = plane, itertools.count(1)
        options = {"server": plane.url, **(options or {})}
        super().__init__(work, number=number, config={
            "node": {"id": "node-1", "cluster": "shop", "metadata": {"team": "blue"}},
            "source": {"plugin": "xds", "options": options}, **config})

    def hosts(self):
        """Every address of an endpoint that APISIX would use."""
        return {host for value, *_ in self.objects().values() for host in re.findall(r"\"host\":\"([^\"]+)\"", value)}

    def wait_hosts(self, *hosts, deadline=30):
        try:
            wait_for(lambda: self.hosts() == set(hosts), f"the endpoints {hosts}", deadline)
        except AssertionError as error:
            raise AssertionError(f"{error}; now {self.hosts()}; {self.state()}") from None

    def serve_shop(self):
        """Starts, and waits until all of SHOP is there."""
        self.start()
        self.wait_hosts("10.1.0.1", "10.1.0.2")
        wait_for(lambda: sum("/routes/shop" in key for key in self.objects()) == 3, "the routes of the shop")
        return self

    @contextlib.contextmanager
    def untouched(self):
        """Nothing changes within; after it the next change of the control plane arrives, and nothing else does."""
        before, watch = self.objects(), self.etcd.watch(self.etcd.revision() + 1)
        yield
        assert self.objects() == before
        host = f"10.77.0.{next(self.marks)}"
        self.plane.put(endpoints("blue", host))
        events = watch.wait_events(1)
        self.wait_hosts(host, *self.hosts() - {host, "10.1.0.1"})
        watch.close()
        assert len(events) == 1 and host in events[0][3] and "/upstreams/blue-" in events[0][2], events

    def connection(self):
        return self.counters("connection")

    def state(self):
        return self.connection().get("state", "")

    def wait_state(self, text, deadline=30):
        return wait_for(lambda: text in self.state() and self.state(), f"a state with {text!r}: {self.state()}",
                        deadline)

    def types(self):
        return {row["type"]: row for row in self.ctl_json("status").get("subscriptions", [])}

    def wait_trouble(self, pattern, deadline=20):
        """Until the log and `meshctl status` tell of it."""
        try:
            self.wait_log(f"WARN .*{pattern}", deadline)
            wait_for(lambda: re.search(pattern, self.connection().get("last_error", "")), pattern, deadline)
        except AssertionError as error:
            raise AssertionError(f"{error}; {self.connection()}; {self.log()[-3000:]}") from None
