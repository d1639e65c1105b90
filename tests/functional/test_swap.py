# SPDX-License-Identifier: Apache-2.0
"""A reload of source or translator swaps both as a pair, or changes nothing."""

import contextlib
import os
import shutil
import signal
import subprocess
import threading

import pytest

from lib.daemon import MESHCTL, ROOT, alive
from lib.etcd import unb64
from lib.wait import wait_for

PAIR = ("source", "translator")
NEXT = ("source (next)", "translator (next)")


def build(project, work, name):
    """A plugin from tests/plugins, against the installed header."""
    out = work / f"{name}.so"
    subprocess.run(["cc", "-std=gnu17", "-shared", "-fPIC", f"-I{ROOT}/usr/include",
                    str(project / "tests" / "plugins" / f"{name}.c"), "-o", str(out)], check=True)
    os.chmod(out, 0o755)
    return out


def copy_of(mesh, name="other.d", old=None, new=None):
    other = mesh.parent / name
    shutil.copytree(mesh, other)
    for path in other.iterdir():
        if old is not None:
            path.write_text(path.read_text().replace(old, new))
    return other


def pids(daemon, roles=PAIR):
    return {role: w["pid"] for role, w in daemon.workers().items() if role in roles}


def use(daemon, *paths, **more):
    daemon.config["source"]["options"]["paths"] = [str(p) for p in paths]
    daemon.config.update(more)
    daemon.write_config()


class Reload:
    """`meshctl reload` under way."""

    def __init__(self, daemon):
        self.process = subprocess.Popen([MESHCTL, "--socket", daemon.socket, "reload"], stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True)

    def end(self):
        output = self.process.communicate(timeout=60)[0]
        return self.process.returncode, output


@pytest.fixture
def silent(meshd, project, work):
    """The configuration of meshd names a source that never answers."""
    plugin = build(project, work, "silent_source")
    meshd.config["reload_timeout"] = "2s"
    meshd.config["source"] = {"plugin": str(plugin)}
    meshd.write_config()
    return meshd


def test_the_same_content_is_no_event(meshd, mesh):
    before, revision, old = meshd.objects(), meshd.etcd.revision(), pids(meshd)
    watch = meshd.etcd.watch(revision + 1)
    use(meshd, copy_of(mesh))
    result = meshd.ctl("reload")
    assert result.returncode == 0, result.stderr
    new = pids(meshd)
    assert not set(new.values()) & set(old.values()) and not any(alive(pid) for pid in old.values())
    assert (meshd.objects(), meshd.etcd.revision()) == (before, revision)
    meshd.kill_worker("translator")
    meshd.kill_worker("source")
    assert (meshd.objects(), meshd.etcd.revision()) == (before, revision)
    assert watch.events() == [] and not watch.closed.is_set()
    watch.close()


def test_another_mesh_is_one_transaction_with_the_difference(meshd, mesh):
    before = meshd.objects()
    watch = meshd.etcd.watch(meshd.etcd.revision() + 1)
    other = copy_of(mesh, old="10.1.0.21", new="10.9.9.9")
    use(meshd, other)
    assert meshd.ctl("reload").returncode == 0
    events = watch.wait_events(1)
    assert len({mod for _, _, _, _, mod in events}) == 1
    changed = {k for k, v in meshd.objects().items() if before.get(k) != v}
    assert changed == {key for _, _, key, _, _ in events} and all("/upstreams/" in k for k in changed)
    # the new pair follows its own files, the old ones are nobody's
    path = other / "4-endpoints.yaml"
    path.write_text(path.read_text().replace("10.9.9.9", "10.9.9.8"))
    wait_for(lambda: any("10.9.9.8" in v for v, _, _, _ in meshd.objects().values()), "a change of the new files")
    watch.close()


def test_an_option_of_the_translator_swaps_too(meshd):
    before, revision, old = meshd.objects(), meshd.etcd.revision(), pids(meshd)
    meshd.config["translator"] = {"debounce": "50ms"}
    meshd.write_config()
    assert meshd.ctl("reload").returncode == 0
    assert not set(pids(meshd).values()) & set(old.values())
    assert (meshd.objects(), meshd.etcd.revision()) == (before, revision)


def test_a_source_that_does_not_answer_is_refused(silent):
    before, revision, old = silent.objects(), silent.etcd.revision(), pids(silent)
    reload = Reload(silent)
    wait_for(lambda: set(NEXT) <= set(silent.workers()), "the new pair beside the old one")
    assert silent.objects() == before
    second = silent.ctl("reload")
    assert second.returncode == 1 and "under way" in second.stderr
    status, output = reload.end()
    assert status == 1 and "reload_timeout" in output and "cannot connect to 192.0.2.1:15010" in output, output
    assert pids(silent) == old and (silent.objects(), silent.etcd.revision()) == (before, revision)
    wait_for(lambda: not set(NEXT) & set(silent.workers()), "the end of the new pair")


def test_after_a_refusal_the_old_ones_still_follow_and_reload(silent, mesh):
    assert silent.ctl("reload").returncode == 1
    path = mesh / "4-endpoints.yaml"
    path.write_text(path.read_text().replace("10.1.0.21", "10.1.0.78"))
    wait_for(lambda: any("10.1.0.78" in v for v, _, _, _ in silent.objects().values()), "a change")
    silent.config["source"] = {"plugin": "file", "options": {"paths": [str(copy_of(mesh))]}}
    silent.write_config()
    wait_for(lambda: silent.ctl("reload").returncode == 0, "a reload that works")


@pytest.mark.parametrize("role", PAIR)
def test_a_new_one_that_dies_is_a_refusal(silent, role):
    before, old = silent.objects(), pids(silent)
    reload = Reload(silent)
    fresh = wait_for(lambda: pids(silent, NEXT).get(f"{role} (next)"), "the new pair")
    os.kill(fresh, signal.SIGKILL)
    status, output = reload.end()
    assert status == 1 and f"new {role} ended by signal 9" in output, output
    assert pids(silent) == old and silent.objects() == before


@pytest.mark.parametrize("role", PAIR)
def test_an_old_one_that_dies_meanwhile_is_started_again(silent, role):
    before, revision = silent.objects(), silent.etcd.revision()
    reload = Reload(silent)
    wait_for(lambda: set(NEXT) <= set(silent.workers()), "the new pair")
    silent.kill_worker(role)
    assert reload.end()[0] == 1
    assert (silent.objects(), silent.etcd.revision()) == (before, revision)


def test_sigterm_meanwhile(silent):
    reload = Reload(silent)
    fresh = wait_for(lambda: len(pids(silent, NEXT)) == 2 and pids(silent, NEXT), "the new pair")
    old = pids(silent)
    assert silent.stop() == 0
    assert reload.end()[0] != 0
    assert not any(alive(pid) for pid in [*fresh.values(), *old.values()])


def test_kills_at_any_moment_of_a_swap(meshd, mesh):
    """Whoever is killed when: the end is one of the two meshes, whole, and the next reload brings the wanted one."""
    meshes = [mesh, copy_of(mesh, old="10.1.0.21", new="10.9.9.9")]
    address = ["10.1.0.21", "10.9.9.9"]
    for number in range(12):
        wanted = 1 - number % 2
        use(meshd, meshes[wanted])
        reload = Reload(meshd)
        stop = threading.Event()
        killer = threading.Thread(target=kill_one, args=(meshd, number, stop))
        killer.start()
        reload.end()
        stop.set()
        killer.join()
        wait_for(lambda: meshd.ctl("reload").returncode == 0, "a reload that works")
        wait_for(lambda w=wanted: any(address[w] in v for v, _, _, _ in meshd.objects().values()), "the mesh")
        assert not any(address[1 - wanted] in v for v, _, _, _ in meshd.objects().values())


def kill_one(daemon, number, stop):
    """One process of the swap: old or new, source or translator, sooner or later."""
    role = (*PAIR, *NEXT)[number % 4]
    while not stop.is_set():
        workers = daemon.workers()
        if set(NEXT) & set(workers) and workers.get(role, {}).get("pid", 0) > 0:
            with contextlib.suppress(ProcessLookupError):
                os.kill(workers[role]["pid"], signal.SIGKILL)
            return


def test_the_store_is_the_new_pairs_right_after_the_swap(meshd, mesh):
    use(meshd, copy_of(mesh, old="10.1.0.21", new="10.9.9.9"))
    assert meshd.ctl("reload").returncode == 0
    wait_for(lambda: any("10.9.9.9" in v for v, _, _, _ in meshd.objects().values()), "the other mesh")
    def values():
        return {key: value for key, (value, _, _, _) in meshd.objects().items()}
    before = values()
    meshd.kill_everything()
    shutil.move(mesh.parent / "other.d", mesh.parent / "gone.d")
    meshd.start(wait=False)
    assert wait_for(lambda: (meshd.workers() or {}).get("frontend") and values(), "objects") == before
    wait_for(lambda: meshd.workers().get("translator", {}).get("state") == "ready", "the translator")
    assert values() == before


def test_a_broken_file_does_not_stop_an_option_of_the_translator(meshd, mesh):
    (mesh / "9-broken.yaml").write_text("resources: [")
    wait_for(lambda: "9-broken.yaml" in meshd.ctl("report").stdout, "a finding")
    before, revision = meshd.objects(), meshd.etcd.revision()
    meshd.config["translator"] = {"debounce": "50ms"}
    meshd.write_config()
    assert meshd.ctl("reload").returncode == 0
    assert (meshd.objects(), meshd.etcd.revision()) == (before, revision)


def test_sighup_swaps_and_says_so_in_the_log(silent):
    silent.process.send_signal(signal.SIGHUP)
    silent.wait_log("the reload was given up")


def test_options_of_the_frontend_swap_it_and_keep_the_sockets(meshd):
    before, revision, old = meshd.objects(), meshd.etcd.revision(), pids(meshd, ("source", "translator", "frontend"))
    meshd.config["frontend"]["options"]["history"] = {"time": "5m"}
    meshd.write_config()
    asked, stop = [], threading.Event()

    def ask():
        while not stop.is_set():
            with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                asked.append(meshd.etcd.revision())
    asker = threading.Thread(target=ask)
    asker.start()
    assert meshd.ctl("reload").returncode == 0
    stop.set()
    asker.join()
    new = pids(meshd, ("source", "translator", "frontend"))
    assert {role for role in new if new[role] != old[role]} == {"frontend"}
    assert (meshd.objects(), meshd.etcd.revision()) == (before, revision) and set(asked) == {revision}


def test_a_frontend_that_cannot_open_is_refused(meshd, project, work):
    plugin = build(project, work, "refusing_frontend")
    before, revision, old = meshd.objects(), meshd.etcd.revision(), pids(meshd, ("frontend",))
    watch = meshd.etcd.watch(revision + 1)
    meshd.config["frontend"]["plugin"] = str(plugin)
    meshd.config["frontend"]["options"] = {}
    meshd.write_config()
    result = meshd.ctl("reload")
    assert result.returncode == 1 and "new frontend ended" in result.stderr, result.stderr
    assert pids(meshd, ("frontend",)) == old and (meshd.objects(), meshd.etcd.revision()) == (before, revision)
    assert not watch.closed.is_set()
    watch.close()


def test_all_of_it_at_once(meshd, mesh):
    """Another prefix concerns translator and frontend, another mesh the source."""
    old = pids(meshd, ("source", "translator", "frontend"))
    meshd.config["frontend"]["options"]["prefix"] = "/other"
    use(meshd, copy_of(mesh, old="10.1.0.21", new="10.9.9.9"))
    assert meshd.ctl("reload").returncode == 0
    new = pids(meshd, ("source", "translator", "frontend"))
    assert not set(new.values()) & set(old.values())

    def values():
        return [unb64(kv["value"]).decode() for kv in meshd.etcd.range("/other/", "/other0").get("kvs", [])]
    wait_for(lambda: any("10.9.9.9" in value for value in values()), "the new objects")
