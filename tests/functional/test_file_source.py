# SPDX-License-Identifier: Apache-2.0
"""The file source as an operator uses it: editors, renames, mistakes."""

import os

import pytest

from lib.wait import wait_for

CLUSTER = """\
resources:
- "@type": type.googleapis.com/envoy.config.cluster.v3.Cluster
  name: {name}
  type: STATIC
  load_assignment:
    cluster_name: {name}
    endpoints:
    - lb_endpoints:
      - endpoint: {{address: {{socket_address: {{address: {address}, port_value: 80}}}}}}
"""


def values(meshd):
    return [value for value, _, _, _ in meshd.objects().values()]


def test_every_way_to_change_a_file(meshd, mesh):
    def shows(text):
        wait_for(lambda: any(text in v for v in values(meshd)), f"an object with {text}")

    def gone(text):
        wait_for(lambda: not any(text in v for v in values(meshd)), f"no object with {text}")

    path = mesh / "extra.yaml"
    path.write_text(CLUSTER.format(name="extra", address="192.0.2.1"))          # a new file
    shows("192.0.2.1")
    path.write_text(CLUSTER.format(name="extra", address="192.0.2.2"))          # in place
    shows("192.0.2.2")
    beside = mesh / "extra.yaml.tmp"
    beside.write_text(CLUSTER.format(name="extra", address="192.0.2.3"))        # write beside, rename
    beside.rename(path)
    shows("192.0.2.3")
    folder = mesh / "later" / "deep"                                            # a folder that appears later
    folder.mkdir(parents=True)
    (folder / "more.json").write_text(
        '{"@type":"type.googleapis.com/envoy.config.cluster.v3.Cluster","name":"more","type":"STATIC",'
        '"loadAssignment":{"clusterName":"more","endpoints":[{"lbEndpoints":[{"endpoint":{"address":'
        '{"socketAddress":{"address":"192.0.2.9","portValue":80}}}}]}]}}')
    shows("192.0.2.9")
    path.unlink()                                                               # deleted
    gone("192.0.2.3")
    shows("192.0.2.9")


def test_a_broken_file_keeps_its_last_good_content(meshd, mesh):
    before = meshd.objects()
    path = mesh / "4-endpoints.yaml"
    good = path.read_text()
    path.write_text(good.replace("resources:", "resources: [}\n", 1))
    report = wait_for(lambda: [row for row in meshd.ctl_json("report")["report"] if str(path) in str(row)],
                      "the broken file in the report")
    assert any(row["severity"] == "error" for row in report)
    assert any(ch.isdigit() for ch in str(report[0]["field"]) + report[0]["reason"])
    # the other files go on
    clusters = mesh / "3-clusters.yaml"
    clusters.write_text(clusters.read_text().replace("connect_timeout: 1s", "connect_timeout: 3s"))
    wait_for(lambda: meshd.objects() != before, "the change of another file")
    assert any("10.1.0.21" in v for v in values(meshd))
    path.write_text(good.replace("10.1.0.21", "10.1.0.22"))
    wait_for(lambda: any("10.1.0.22" in v for v in values(meshd)), "the mended file")
    wait_for(lambda: not [row for row in meshd.ctl_json("report")["report"] if "4-endpoints" in str(row)
                          and row["severity"] == "error"], "the report without it")


def test_the_same_content_again_is_no_event(meshd, mesh):
    before, revision = meshd.objects(), meshd.etcd.revision()
    watch = meshd.etcd.watch(revision + 1)
    for path in sorted(mesh.iterdir()):
        text = path.read_text()
        path.write_text("# written again\n" + text)
    # something that does change tells when all of it has been read
    (mesh / "z.yaml").write_text(CLUSTER.format(name="last", address="192.0.2.5"))
    events = watch.wait_events(1)
    assert {key for _, _, key, _, _ in events} <= set(meshd.objects()) - set(before)
    watch.close()


@pytest.mark.parametrize("content, words", [
    (b"resources: [\xff\xfe]\n", "UTF-8"),
    (b"[" * 5000, "deep"),
    (b"a: &a [x,x,x,x,x,x,x,x,x,x]\n" + b"".join(
        b"%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n" % ((c + 1,) * 2 + (c,) * 10) for c in range(97, 110)),
     "alias"),
    (b"resources:\n- {name: a, name: b}\n", "name"),
    (b'resources:\n- "@type": type.googleapis.com/no.such.Type\n  name: x\n', "no.such.Type"),
    (b'resources:\n- "@type": type.googleapis.com/envoy.config.cluster.v3.Cluster\n  name: x\n  bogus_field: 1\n',
     "bogus_field"),
])
def test_bad_content_is_one_clear_line_and_the_rest_goes_on(meshd, mesh, content, words):
    before = meshd.objects()
    (mesh / "bad.yaml").write_bytes(content)
    wait_for(lambda: [row for row in meshd.ctl_json("report")["report"] if words in str(row)],
             f"a finding that says {words!r}")
    after = meshd.objects()
    assert {k: v for k, v in after.items() if k in before} == before
    assert len(meshd.log().splitlines()) < 200


def test_things_that_are_not_files(meshd, mesh):
    before = meshd.objects()
    os.mkfifo(mesh / "pipe.yaml")
    (mesh / "folder.yaml").mkdir()
    big = mesh / "big.yaml"
    with open(big, "wb") as f:
        f.truncate(1 << 30)
    report = wait_for(lambda: [r for r in meshd.ctl_json("report")["report"] if "big.yaml" in str(r)], "big.yaml")
    assert report
    wait_for(lambda: [r for r in meshd.ctl_json("report")["report"] if "pipe.yaml" in str(r)], "pipe.yaml")
    assert meshd.objects() == before


def test_duplicates_and_unknown_clusters(meshd, mesh):
    (mesh / "0-first.yaml").write_text(CLUSTER.format(name="twice", address="192.0.2.1"))
    (mesh / "9-second.yaml").write_text(CLUSTER.format(name="twice", address="192.0.2.2"))
    wait_for(lambda: [r for r in meshd.ctl_json("report")["report"]
                      if "twice" in str(r) and "9-second" in str(r)], "a finding about the duplicate")
    wait_for(lambda: any("192.0.2.1" in v for v in values(meshd)), "the first one's object")
    assert not any("192.0.2.2" in v for v in values(meshd))
    routes = mesh / "2-routes.yaml"
    routes.write_text(routes.read_text().replace("cluster: catalog", "cluster: nowhere"))
    wait_for(lambda: [r for r in meshd.ctl_json("report")["report"] if "nowhere" in str(r)],
             "a finding about the unknown cluster")
