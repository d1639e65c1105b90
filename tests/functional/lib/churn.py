# SPDX-License-Identifier: Apache-2.0
"""A mesh that changes all the time, in a way that tells from the objects alone what was written when.

A group is the content of one file: members that all carry the step in which the file was written.  So
after every revision each group must show one whole step that was written, and steps only grow.  Only
where there are routes, whose changes are held for a moment, deletions may be held with them.
"""

import os
import re

HEAD = "resources:\n"
STATIC = """- "@type": type.googleapis.com/envoy.config.cluster.v3.Cluster
  name: {name}
  type: STATIC
  load_assignment: {{cluster_name: {name}, endpoints: [{endpoint}]}}
"""
ENDPOINT = "{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: {host}, port_value: 80}}}}}}}}]}}"
EDS_CLUSTER = """- "@type": type.googleapis.com/envoy.config.cluster.v3.Cluster
  name: {name}
  type: EDS
  eds_cluster_config: {{eds_config: {{ads: {{}}, resource_api_version: V3}}}}
"""
ASSIGNMENT = """- "@type": type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment
  cluster_name: {name}
  endpoints: [{endpoint}]
"""
LISTENER = """- "@type": type.googleapis.com/envoy.config.listener.v3.Listener
  name: {name}
  address: {{socket_address: {{address: 0.0.0.0, port_value: 9080}}}}
  filter_chains:
  - filters:
    - name: http
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
        stat_prefix: s
        rds: {{route_config_name: {name}, config_source: {{ads: {{}}, resource_api_version: V3}}}}
        http_filters:
        - name: router
          typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
"""
ROUTES = """- "@type": type.googleapis.com/envoy.config.route.v3.RouteConfiguration
  name: {name}
  virtual_hosts:
  - name: v
    domains: ["*"]
    routes:
"""
ROUTE = """    - {{name: {name}, match: {{path: /{name}}},
       direct_response: {{status: 200, body: {{inline_string: "step {step}"}}}}}}
"""

NAME = re.compile(r'"name":"(?:[^"/]*/v/)?(s|e|r)(\d+)-(\d+)"')
STEP = re.compile(r'"host":"10\.\d+\.(\d+)\.(\d+)"|"body":"step (\d+)"')


def member_of(value):
    """((kind, group), member, step) that an object's value tells, or None."""
    name = NAME.search(value)
    step = STEP.search(value)
    if not name or not step:
        return None
    number = int(step[3]) if step[3] else int(step[1]) * 250 + int(step[2])
    return name[1] + name[2], int(name[3]), number


class Churn:
    """Writes groups of three kinds: s (static clusters), e (endpoints of fixed clusters), r (routes)."""

    def __init__(self, folder, random_, groups=("s0", "s1", "s2", "e0", "r0"), size=12):
        self.folder, self.random, self.groups, self.size = folder, random_, groups, size
        self.step = {group: 0 for group in groups}
        self.written = {group: {} for group in groups}      # group -> step -> its members
        self.seen = {group: 0 for group in groups}          # by check(): the newest step in the history
        for group in groups:
            if group[0] == "e":
                self._put(f"{group}-clusters", "".join(EDS_CLUSTER.format(name=f"{group}-{i}") for i in range(size)))
            if group[0] == "r":
                self._put(f"{group}-listener", LISTENER.format(name=group))
            self.change(group)

    def _put(self, name, text):
        beside = self.folder / f".{name}.new"
        beside.write_text(HEAD + text)
        os.rename(beside, self.folder / f"{name}.yaml")

    def change(self, group):
        """The next step of a group, in one rename."""
        step = self.step[group] + 1
        keep = 1.0 if group[0] == "e" else self.random.choice((1.0, 0.8, 0.8, 0.3))
        members = [i for i in range(self.size) if self.random.random() < keep] or [0]
        self.written[group][step] = frozenset(members)
        self.step[group] = step
        self._put(group, self._text(group, step, members))

    def _text(self, group, step, members):
        kind, number = group[0], int(group[1:])
        if kind == "r":
            return ROUTES.format(name=group) + "".join(ROUTE.format(name=f"{group}-{i}", step=step) for i in members)
        endpoint = ENDPOINT.format(host=f"10.{number}.{step // 250}.{step % 250}")
        form = STATIC if kind == "s" else ASSIGNMENT
        return "".join(form.format(name=f"{group}-{i}", endpoint=endpoint) for i in members)

    def change_some(self):
        """One file or several at once."""
        count = min(self.random.choice((1, 1, 1, 2, 9)), len(self.groups))
        for group in self.random.sample(self.groups, count):
            self.change(group)

    # ---- what objects show ----

    def shown(self, values):
        """group -> {step: members} that these values tell."""
        found = {}
        for value in values:
            member = member_of(value)
            if member:
                found.setdefault(member[0], {}).setdefault(member[2], set()).add(member[1])
        return found

    def arrived(self, values):
        """Is the newest step of every group there, and nothing else?"""
        return self.shown(values) == {group: {step: self.written[group][step]} for group, step in self.step.items()}

    def _brief(self, group, steps):
        texts = []
        for step, members in sorted(steps.items()):
            written = self.written[group].get(step, frozenset())
            texts.append(f"{len(members & written)} of {len(written)} members of step {step} and "
                         f"{len(members - written)} others")
        return "; ".join(texts) or "empty"

    def check(self, truth):
        """For Truth.settle(): every state is one that was written, and time does not run backwards."""
        held = any(group[0] == "r" for group in self.groups)

        def on_state(revision, changes, state):
            touched = {member[0] for event in changes.values() for old in [event.prev]
                       for value in [event.value, old.value if old else None] if value
                       for member in [member_of(value)] if member}
            shown = self.shown(kv.value for kv in state.values())
            for group in touched:
                steps = shown.get(group, {})
                newest = max(steps, default=0)
                if steps.get(newest) != self.written[group].get(newest) or (len(steps) > 1 and not held):
                    truth.complain("atomic", f"revision {revision} shows group {group} as {self._brief(group, steps)}")
                if newest < self.seen[group]:
                    truth.complain("ordered", f"revision {revision} takes group {group} back to step {newest}")
                self.seen[group] = max(self.seen[group], newest)
        return on_state
