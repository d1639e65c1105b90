# SPDX-License-Identifier: Apache-2.0
"""A rotation that fails: the certificate that worked goes on being served, and the operator is told."""

import json
import os

import pytest

from lib.tls_mesh import TLS, by_name, certificate, cluster, listener, pair
from lib.wait import wait_for


class Mesh:
    """A listener and a cluster whose certificates come from secrets."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(mode=0o755)

    def write(self, server, client):
        resources = [listener("named", 443, by_name("server")), cluster("named", by_name("client")),
                     {"@type": TLS + "Secret", "name": "server", "tls_certificate": server},
                     {"@type": TLS + "Secret", "name": "client", "tls_certificate": client}]
        beside = self.folder / ".new"
        beside.write_text(json.dumps({"resources": resources}))
        os.rename(beside, self.folder / "mesh.json")


def ssls(daemon):
    return {key: value for key, (value, *_) in daemon.objects().items() if "/ssls/" in key and not key.endswith("/")}


def served(daemon, cert):
    return any(json.loads(value)["cert"].strip() == cert.strip() for value in ssls(daemon).values())


def refused(daemon):
    """What the report says of refused secrets, by name."""
    rows = daemon.ctl_json("report")["report"]
    return {row["name"]: row["reason"] for row in rows if row["behaviour"] == "nack"}


@pytest.mark.parametrize("how,why", [
    ("garbage", "certificate_chain: holds no certificate in PEM"),
    ("cut", "private_key: holds no unencrypted private key in PEM"),
    ("other", "the private_key belongs to another certificate"),
])
def test_a_bad_rotation_changes_nothing(daemons, work, how, why):
    (work / "keys").mkdir()
    old, new, other = (certificate(work / "keys", number) for number in range(3))
    bad = {"garbage": ["not a certificate", new[1]], "cut": [new[0], new[1][:100]], "other": [new[0], other[1]]}[how]
    mesh = Mesh(work / "mesh.d")
    mesh.write(pair(*old), pair(*old))
    daemon = daemons(paths=[mesh.folder])
    daemon.start()
    wait_for(lambda: len(ssls(daemon)) == 2 and served(daemon, old[0]), "both certificates", 60)
    before = ssls(daemon)

    mesh.write(pair(*bad), pair(*bad))
    wait_for(lambda: set(refused(daemon)) == {"server", "client"}, "both to be refused", 60)
    assert all(why in reason for reason in refused(daemon).values()), refused(daemon)
    assert ssls(daemon) == before
    states = {row["name"]: row["state"] for row in daemon.ctl_json("resources", "secret")["resources"]}
    assert states == {"server": "active, newer version refused", "client": "active, newer version refused"}
    daemon.wait_log(why)
    told = (daemon.log() + daemon.ctl("report").stdout).replace("\\n", "\n")
    assert not [line for line in (new[1] + other[1]).splitlines() if len(line) > 30 and line in told]

    mesh.write(pair(*new), pair(*old))
    wait_for(lambda: served(daemon, new[0]) and refused(daemon) == {}, "the good rotation", 60)
    assert len(ssls(daemon)) == 2
