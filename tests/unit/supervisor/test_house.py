#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The supervisor with tiny roles: what it does when workers die, hang and lie.

Run by meson with the path of the `house` program. Every wait is for a condition with a deadline. Cases that
look at ids and capabilities need root and are skipped without.
"""
import fcntl
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

HOUSE = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else "house"
ROLES = ("source", "translator", "frontend")
PAIR = ("source", "translator")
DEADLINE = 30
ROOT = os.geteuid() == 0


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait(condition, what):
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        threading.Event().wait(0.02)
    raise AssertionError("waited in vain for " + what)


def status(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


class House:
    """One running supervisor; its log is collected line by line."""

    def __init__(self, folder, **environment):
        self.dir = folder
        os.chmod(folder, 0o755)
        self.path = os.path.join(folder, "conf")
        os.mkdir(os.path.join(folder, "do"))
        self.values = {
            "user": "nobody",
            "state_dir": os.path.join(folder, "state"),
            "control.socket": os.path.join(folder, "run/control.sock"),
            "frontend.options.listen[0]": f"127.0.0.1:{free_port()}",
            "log.dir": os.path.join(folder, "do"),
            "log.word": "one",
        }
        self.environment = dict(os.environ, **environment)
        self.lines = []
        self.process = None
        self.reader = None

    def write(self, **changes):
        for key, value in changes.items():
            self.values[key.replace("__", ".")] = value
        with open(self.path, "w", encoding="utf-8") as f:
            f.writelines(f"{k} {v}\n" for k, v in self.values.items() if v is not None)

    def start(self, **options):
        self.process = subprocess.Popen([HOUSE, self.path], env=self.environment, stderr=subprocess.PIPE, text=True,
                                        **options)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        return self

    def read(self):
        with self.process.stderr as stream:
            for line in stream:
                self.lines.append(line.rstrip("\n"))

    def count(self, pattern):
        return sum(1 for line in list(self.lines) if re.search(pattern, line))

    def wait_line(self, pattern, times=1):
        try:
            return wait(lambda: self.count(pattern) >= times, f"{times} x /{pattern}/")
        except AssertionError as e:
            raise AssertionError(str(e) + "\n" + "\n".join(self.lines[-60:])) from None

    def ready(self, **options):
        self.write()
        self.start(**options)
        self.wait_line("all workers are ready")
        return self

    def pid(self, role):
        found = [line for line in self.lines if re.search(rf"supervisor: (the new )?{role} is ready \(pid ", line)]
        return int(re.search(r"pid (\d+)", found[-1]).group(1))

    def do(self, role, word):
        path = os.path.join(self.dir, "do", role + ".do")
        if word is None:
            os.unlink(path)
            return
        with open(path + ".tmp", "w", encoding="ascii") as f:
            f.write(word)
        os.chmod(path + ".tmp", 0o666)
        os.rename(path + ".tmp", path)

    def end(self):
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(DEADLINE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                raise
        self.process.wait()
        self.reader.join(DEADLINE)


class Case(unittest.TestCase):
    def house(self, **environment):
        folder = tempfile.TemporaryDirectory(prefix="house.")
        self.addCleanup(folder.cleanup)
        house = House(folder.name, **environment)
        self.addCleanup(house.end)
        return house


class Life(Case):
    def test_ends_in_order(self):
        h = self.house().ready()
        h.process.send_signal(signal.SIGTERM)
        self.assertEqual(h.process.wait(5), 0)
        order = [line.split()[1] for line in h.lines if line.endswith(": stop")]
        self.assertEqual(order, [r + "/house:" for r in ROLES])
        self.assertFalse(os.path.exists(h.values["control.socket"]))
        self.assertEqual(h.count("Sanitizer"), 0)

    def test_hung_worker_does_not_hold_the_end(self):
        h = self.house().ready()
        os.kill(h.pid("translator"), signal.SIGSTOP)
        begin = time.monotonic()
        h.process.send_signal(signal.SIGTERM)
        self.assertEqual(h.process.wait(DEADLINE), 0)
        self.assertLess(time.monotonic() - begin, 5)
        h.wait_line("frontend/house: stop")

    def test_workers_end_with_the_supervisor(self):
        h = self.house().ready()
        pids = [h.pid(r) for r in ROLES]
        os.kill(pids[1], signal.SIGSTOP)  # cannot see the end of its pipes: only the kernel ends it
        h.process.kill()
        wait(lambda: not any(os.path.exists(f"/proc/{p}") for p in pids), "the end of the workers")

    def test_killed_workers_come_back(self):
        h = self.house().ready()
        for n, role in enumerate(ROLES, 2):
            before = {r: h.pid(r) for r in ROLES}
            lost = h.count("translator/house: pipe lost")
            opened = h.count("translator/house: pipe .* open")
            os.kill(before[role], signal.SIGKILL)
            h.wait_line(f"{role} ended by signal 9")
            h.wait_line(f"supervisor: {role} is ready", 2)
            self.assertEqual([r for r in ROLES if h.pid(r) != before[r]], [role])
            if role != "translator":
                h.wait_line("translator/house: pipe .* open", opened + 1)
                self.assertEqual(h.count("translator/house: pipe lost"), lost + 1)
        h.wait_line("translator/house: life 2 in memory")
        h.wait_line("frontend/house: life 2 in memory")
        h.wait_line("frontend/house: socket", 2)

    def test_wedged_worker_is_killed(self):
        h = self.house(HOUSE_BEAT_MS="100").ready()
        os.kill(h.pid("translator"), signal.SIGSTOP)
        h.wait_line("translator .* wedged")
        h.wait_line("translator is ready", 2)

    def test_crash_loop_backs_off_and_fails_loudly(self):
        h = self.house().ready()
        h.do("source", "exit")
        h.wait_line("source has FAILED: 5 deaths in a row, the last by exit status 3")
        for ms in (100, 200, 400, 800):
            self.assertEqual(h.count(f"source ended by exit status 3 before it was stable; next try in {ms} ms"), 1)
        self.assertEqual(h.count("(translator|frontend) ended"), 0)


class Lies(Case):
    def test_garbage_between_workers(self):
        h = self.house().ready()
        translator = h.pid("translator")
        h.do("frontend", "garbage")
        h.wait_line("translator closed its pipe to frontend")
        h.wait_line("frontend sent bad bytes to translator three times in a minute")
        h.do("frontend", None)
        h.wait_line("frontend is ready", 2)
        self.assertEqual(h.pid("translator"), translator)

    def test_late_blame_is_ignored(self):
        h = self.house().ready()
        opened = h.wait_line("pipe .* open", 4) and h.count("pipe .* open")
        h.do("frontend", "late")
        h.wait_line("said it late", 4)
        self.assertEqual(h.count("closed its pipe|bad bytes|ended by"), 0)
        self.assertEqual(h.count("pipe .* open"), opened)

    def test_garbage_to_the_supervisor(self):
        h = self.house().ready()
        h.do("source", "trouble")
        h.wait_line("closing the control pipe of source")
        h.do("source", None)
        h.wait_line("source is ready", 2)
        self.assertIsNone(h.process.poll())


class Power(Case):
    def test_descriptors(self):
        with open("/etc/hostname", "rb") as extra:
            high = fcntl.fcntl(extra, fcntl.F_DUPFD, 50)
        self.addCleanup(os.close, high)
        h = self.house().ready(pass_fds=(high,))
        h.wait_line("pipe .* open", 4)
        for role, peers in (("source", 1), ("translator", 2), ("frontend", 1)):
            found = {}
            for fd in os.listdir(f"/proc/{h.pid(role)}/fd"):
                found[int(fd)] = os.readlink(f"/proc/{h.pid(role)}/fd/{fd}")
            sockets = [fd for fd, to in found.items() if fd > 2 and to.startswith("socket:")]
            own_loop = 2  # the loop's socket pair for signals, if it has one
            listens = 1 if role == "frontend" else 0
            self.assertIn(len(sockets), range(2 + peers + listens, 2 + peers + listens + own_loop + 1), found)
            others = [to for fd, to in found.items() if fd > 2 and not to.startswith(("socket:", "anon_inode:"))]
            # The loop's own pipe for signals has both its ends here.
            self.assertTrue(all(to.startswith("pipe:") and others.count(to) == 2 for to in others), found)
            self.assertEqual(found[0], "/dev/null")

    def test_no_new_privs_and_seccomp(self):
        h = self.house().ready()
        for role in ROLES:
            s = status(h.pid(role))
            self.assertEqual(s["NoNewPrivs"], "1")
            self.assertEqual(s["Seccomp"], "2")

    @unittest.skipUnless(ROOT, "needs root")
    def test_ids_and_capabilities(self):
        h = self.house().ready(extra_groups=[0, 4])
        for role in ROLES:
            s = status(h.pid(role))
            self.assertEqual(set(s["Uid"].split()), {"65534"})
            self.assertEqual(set(s["Gid"].split()), {"65534"})
            self.assertEqual(set(s["Groups"].split()), {"65534"})
            for sets in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
                self.assertEqual(int(s[sets], 16), 0, sets)
        state = os.stat(h.values["state_dir"])
        self.assertEqual((state.st_uid, state.st_mode & 0o777), (65534, 0o700))
        self.assertEqual(os.stat(h.values["control.socket"]).st_mode & 0o777, 0o660)

    @unittest.skipUnless(ROOT, "needs root")
    def test_user_root_stays_root_without_capabilities(self):
        h = self.house()
        h.write(user="root")
        h.ready()
        h.wait_line("WARN.*'user: root'")
        s = status(h.pid("source"))
        self.assertEqual(s["Uid"].split()[0], "0")
        self.assertEqual(int(s["CapEff"], 16), 0)

    def test_a_worker_cannot_signal(self):
        h = self.house().ready()
        h.do("source", "kill")
        wait(lambda: h.count("source/house: kill gave -1") or h.count("source ended by signal 31"), "a refusal")
        self.assertIsNone(h.process.poll())
        self.assertEqual(h.count("stopping"), 0)

    def test_a_worker_reads_only_what_it_needs(self):
        h = self.house().ready()
        if h.count("no Landlock"):
            self.skipTest("this kernel has no Landlock")
        self.assertTrue(os.stat("/var/lib/dpkg/status").st_mode & 0o004)
        h.do("frontend", "read")
        h.wait_line("read gave -13")


class Reload(Case):
    def reload(self, h):
        h.process.send_signal(signal.SIGHUP)

    def test_changed_slice(self):
        h = self.house().ready()
        pids = {r: h.pid(r) for r in ROLES}
        h.write(log__word="two")
        self.reload(h)
        h.wait_line("has been read again")
        self.assertEqual(h.count("/house: word is two"), 3)
        self.assertEqual({r for r in ROLES if h.pid(r) == pids[r]}, set())

    def test_equal_slice_is_left_alone(self):
        h = self.house().ready()
        frontend = h.pid("frontend")
        h.write(source__new="1")
        self.reload(h)
        h.wait_line("has been read again")
        self.assertEqual(h.count("frontend/house: word is now"), 0)
        self.assertEqual(h.pid("frontend"), frontend)

    def test_worker_may_ask_for_a_new_process(self):
        h = self.house().ready()
        h.write(log__word="two", log__restart="yes")
        self.reload(h)
        for role in ROLES:
            h.wait_line(f"{role}/house: word is two")
        h.wait_line("is ready", 6)
        self.assertEqual(h.count("ERROR"), 0)

    def test_bad_file_keeps_the_old(self):
        h = self.house().ready()
        with open(h.path, "a", encoding="ascii") as f:
            f.write("log.word two\nbad\nworse\n")
        self.reload(h)
        h.wait_line(r"conf:\d+:1: bad: no value")
        h.wait_line(r"conf:\d+:1: worse: no value")
        h.write(log__word="three")
        self.reload(h)
        h.wait_line("has been read again")
        self.assertEqual(h.count("/house: word is three"), 3)
        self.assertEqual(h.count("/house: word is two"), 0)

    def test_other_address(self):
        h = self.house().ready()
        source, old = h.pid("source"), h.values["frontend.options.listen[0]"]
        new = f"127.0.0.1:{free_port()}"
        h.write(**{"frontend.options.listen[0]": new})
        self.reload(h)
        h.wait_line("has been read again")
        self.assertEqual(h.count("frontend/house: socket " + new), 1)
        self.assertEqual(h.pid("source"), source)
        with socket.socket() as s:
            self.assertNotEqual(s.connect_ex(("127.0.0.1", int(old.split(":")[1]))), 0)

    def test_taken_address_changes_nothing(self):
        h = self.house().ready()
        frontend = h.pid("frontend")
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            s.listen()
            h.write(**{"frontend.options.listen[0]": "127.0.0.1:%d" % s.getsockname()[1], "log__word": "two"})
            self.reload(h)
            h.wait_line("cannot listen on .*somebody else listens there")
        self.assertEqual(h.count("word is now"), 0)
        self.assertEqual(h.pid("frontend"), frontend)

    def test_what_needs_a_restart_says_so(self):
        h = self.house().ready()
        h.write(state_dir=h.dir + "/other", user="daemon")
        self.reload(h)
        h.wait_line("state_dir changes from .* needs a restart")
        h.wait_line("user changes from 'nobody' to 'daemon'")


class Swap(Case):
    """New ones beside the old ones; in the phase of taking over the old ones have been asked to end."""

    def swap(self, h, **changes):
        h.write(log__word="two", **changes)
        h.process.send_signal(signal.SIGHUP)

    def taking(self, h):
        """A swap of the pair whose source takes its time to end; the pids of the new ones."""
        os.kill(h.pid("source"), signal.SIGSTOP)
        h.write(source__new="1")
        h.process.send_signal(signal.SIGHUP)
        h.wait_line("the old ones end")
        h.wait_line("translator/house: stop")
        return {role: h.pid(role) for role in PAIR}

    def assert_ends(self, h, pids):
        h.process.send_signal(signal.SIGTERM)
        self.assertEqual(h.process.wait(DEADLINE), 0)
        self.assertFalse([p for p in pids if os.path.exists(f"/proc/{p}")])
        self.assertEqual(h.count("Sanitizer"), 0)

    def test_memory_goes_to_the_new_ones(self):
        h = self.house().ready()
        old = [h.pid(r) for r in ROLES]
        self.swap(h)
        h.wait_line("translator/house: takes over, life 2 in memory")
        h.wait_line("frontend/house: takes over, life 2 in memory")
        os.kill(h.pid("frontend"), signal.SIGKILL)
        h.wait_line("frontend/house: life 3 in memory")
        self.assertFalse([p for p in old if os.path.exists(f"/proc/{p}")])

    def test_one_that_never_gets_ready(self):
        h = self.house().ready()
        pids = {r: h.pid(r) for r in ROLES}
        self.swap(h, log__beside="wait", reload_timeout="300")
        h.wait_line("given up.*not ready within 300 ms.*the new source waits: no reason at all")
        h.wait_line("house: stop", 3)
        self.assertEqual({r: h.pid(r) for r in ROLES}, pids)
        self.assertEqual(h.count("take"), 0)

    def test_sighups_meanwhile_are_one_more_reload(self):
        h = self.house().ready()
        self.swap(h, log__beside="wait", reload_timeout="1000")
        h.wait_line("starting new processes")
        for _ in range(50):
            h.process.send_signal(signal.SIGHUP)
        h.write(log__beside=None, log__word="three")
        h.wait_line("new processes serve")
        self.assertEqual(h.count("reloading, by SIGHUP"), 2)
        self.assertEqual(h.count("given up"), 1)
        for role in ROLES:
            self.assertEqual(h.count(f"{role}/house: word is three"), 1)

    def test_new_ones_that_hang(self):
        h = self.house(HOUSE_BEAT_MS="100").ready()
        pids = {r: h.pid(r) for r in ROLES}
        self.swap(h, log__beside="wait", reload_timeout="20000")
        h.wait_line("/house: word is two", 3)
        fresh = int(re.search(r"\d+", subprocess.run(["pgrep", "-n", "-P", str(h.process.pid), "-f", "role source"],
                                                     stdout=subprocess.PIPE, text=True, check=True).stdout).group())
        self.assertNotEqual(fresh, pids["source"])
        os.kill(fresh, signal.SIGSTOP)
        h.wait_line("3 heartbeats without answer")
        h.wait_line("the new source ended by signal 9")
        self.assertEqual({r: h.pid(r) for r in ROLES}, pids)

    def test_new_ones_that_fail_to_take_over_are_started_again(self):
        for how in ("crash", "refuse", "again"):
            with self.subTest(how):
                h = self.house().ready()
                self.swap(h, log__over=how)
                for role in ROLES:
                    h.wait_line(f"supervisor: {role} is ready", 2)
                self.assertEqual(h.count("ERROR.* ended by") == 0, how == "again")
                h.wait_line(f"frontend/house: life {2 if how == 'crash' else 3} in memory")

    def test_new_ones_that_die_before_they_have_taken_over(self):
        h = self.house().ready()
        for pid in self.taking(h).values():
            os.kill(pid, signal.SIGKILL)
        h.wait_line("source does not end by itself")
        for role in PAIR:
            h.wait_line(f"supervisor: {role} is ready", 2)
        h.wait_line("translator/house: life 2 in memory")
        h.wait_line("translator/house: pipe . open", 2)

    def test_an_old_one_that_hangs_is_killed(self):
        h = self.house().ready()
        self.taking(h)
        h.wait_line("source does not end by itself")
        h.wait_line("takes over, life 2")
        h.wait_line("new processes serve: source translator$")
        self.assertEqual(h.count("starting it again"), 0)

    def test_the_end_in_the_phase_of_taking_over(self):
        h = self.house().ready()
        old = [h.pid(r) for r in ROLES]
        self.assert_ends(h, [*old, *self.taking(h).values()])
        self.assertEqual(h.count("new processes serve"), 0)
        self.assertEqual(h.count("takes over"), 0)
        self.assertEqual(h.count("ERROR"), 0)

    def test_the_end_takes_a_new_unix_socket_with_it(self):
        h = self.house().ready()
        os.mkdir(h.dir + "/s")
        path = h.dir + "/s/etcd"
        self.swap(h, log__beside="wait", **{"frontend.options.listen[1]": "unix:" + path})
        h.wait_line("/house: word is two", 3)
        self.assertTrue(os.path.exists(path))
        self.assert_ends(h, [])
        self.assertFalse(os.path.exists(path))
        self.assertEqual(h.count("given up"), 0)

    def test_a_unix_socket_that_stays(self):
        h = self.house()
        path = h.dir + "/etcd"
        h.write(**{"frontend.options.listen[1]": "unix:" + path})
        h.ready()
        inode = os.stat(path).st_ino
        for timeout in ("300", "20000"):  # given up, and taken over
            self.swap(h, reload_timeout=timeout, log__beside="wait" if timeout == "300" else None)
            h.wait_line("given up" if timeout == "300" else "new processes serve")
            self.assertEqual(os.stat(path).st_ino, inode)
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(path)

    def test_fifty_swaps_leave_nothing_behind(self):
        h = self.house().ready()

        def held():
            children = subprocess.run(["pgrep", "-P", str(h.process.pid)], stdout=subprocess.PIPE, text=True,
                                      check=True).stdout.split()
            return len(os.listdir(f"/proc/{h.process.pid}/fd")), len(children)
        before = held()
        for n in range(1, 51):
            h.write(log__word=f"w{n}")
            h.process.send_signal(signal.SIGHUP)
            h.wait_line("new processes serve", n)
        h.wait_line("takes over, life 51 in", 2)
        wait(lambda: held() == before, f"as many descriptors and children as before: {before}, now {held()}")
        self.assert_ends(h, [])


def field(number, text):
    return bytes([number << 3 | 2, len(text)]) + text.encode()


class Control(Case):
    """The control socket, spoken to byte by byte; a reply is looked at as bytes too."""

    def connect(self, h):
        s = socket.socket(socket.AF_UNIX)
        self.addCleanup(s.close)
        s.settimeout(DEADLINE)
        s.connect(h.values["control.socket"])
        return s

    def read_all(self, s):
        data = b""
        try:
            while part := s.recv(65536):
                data += part
        except ConnectionResetError:
            pass
        return data

    def ask(self, h, *argv, role=""):
        body = b"".join(field(1, a) for a in argv) + (field(2, role) if role else b"")
        s = self.connect(h)
        try:
            s.sendall(len(body).to_bytes(4, "little") + body)
        except BrokenPipeError:
            pass  # refused before it was said
        return self.read_all(s)

    def test_several_roles_are_asked_one_by_one(self):
        h = self.house().ready()
        reply = self.ask(h, "status")
        for role in (b"supervisor", *(r.encode() for r in ROLES)):
            self.assertIn(role, reply)
        self.assertNotIn(b"capture", reply)

    def test_own_part_of_status(self):
        h = self.house().ready()
        reply = self.ask(h, "status", role="supervisor")
        for part in (b"workers", b"restarts", b"translator", b"ready", h.path.encode(), b"nobody" if ROOT else b""):
            self.assertIn(part, reply)

    def test_reload_tells_all_mistakes(self):
        h = self.house().ready()
        with open(h.path, "a", encoding="ascii") as f:
            f.write("bad\nworse\n")
        reply = self.ask(h, "reload")
        self.assertIn(b": bad: no value", reply)
        self.assertIn(b": worse: no value", reply)
        self.assertTrue(reply.endswith(b"\x30\x01\x38\x01"), reply)
        h.write(log__word="two")
        self.assertIn(b"read again", self.ask(h, "reload"))

    def test_a_role_that_is_down_or_off(self):
        h = self.house().ready()
        h.do("source", "exit")
        h.wait_line("source has FAILED")
        self.assertIn(b"source is failed; its last life ended by exit status 3", self.ask(h, "status", role="source"))

    def test_wrong_commands(self):
        h = self.house().ready()
        self.assertIn(b"unknown command 'stats'", self.ask(h, "stats"))
        self.assertIn(b"names no command", self.ask(h))
        self.assertIn(b"'frontend' does not answer 'reload'", self.ask(h, "reload", role="frontend"))
        self.assertIn(b"'nobody' does not answer 'status'", self.ask(h, "status", role="nobody"))

    def test_garbage(self):
        h = self.house().ready()
        for data in (b"GET / HTTP/1.1\r\n\r\n", b"\x05\0\0\0\xff\xff\xff\xff\xff", b"\xff\xff\xff\xff"):
            s = self.connect(h)
            s.sendall(data)
            self.read_all(s)
        self.assertIn(b"supervisor", self.ask(h, "status"))
        h.wait_line("announced")
        h.wait_line("is no request")

    def test_silence_ends_after_five_seconds(self):
        h = self.house().ready()
        s = self.connect(h)
        s.sendall(b"\x05\0")
        self.assertEqual(self.read_all(s), b"")
        h.wait_line("no request within 5 s")

    def test_too_many(self):
        h = self.house().ready()
        crowd = [self.connect(h) for _ in range(32)]
        self.assertIn(b"supervisor", self.ask(h, "status"))
        self.assertIn(b"too many control connections", self.read_all(crowd[0]))
        self.assertIn(b"supervisor", self.ask(h, "status"))
        for s in crowd[2:]:
            s.setblocking(False)
            self.assertRaises(BlockingIOError, s.recv, 1)
            s.close()

    @unittest.skipUnless(ROOT, "needs root")
    def test_other_users_are_refused(self):
        h = self.house().ready()
        os.chmod(h.values["control.socket"], 0o666)
        script = "import os,socket,sys; os.setgid(1); os.setuid(1); s = socket.socket(socket.AF_UNIX); " \
                 "s.connect(sys.argv[1]); print(s.recv(1000))"
        out = subprocess.run([sys.executable, "-c", script, h.values["control.socket"]], stdout=subprocess.PIPE,
                             check=True, timeout=DEADLINE).stdout
        self.assertIn(b"refused: only root", out)
        h.wait_line("refusing a control connection of uid 1")


class Refusal(Case):
    def refused(self, h, pattern):
        h.start()
        self.assertEqual(h.process.wait(DEADLINE), 1)
        h.wait_line(pattern)

    def test_mistakes_are_all_told(self):
        h = self.house()
        with open(h.path, "w", encoding="ascii") as f:
            f.write("one\ntwo\n")
        self.refused(h, r"conf:1:1: one: no value")
        h.wait_line(r"conf:2:1: two: no value")

    def test_no_such_file(self):
        self.refused(self.house(), "conf: No such file")

    def test_folder(self):
        h = self.house()
        os.mkdir(h.path)
        self.refused(h, "is a directory")

    def test_fifo(self):
        h = self.house()
        os.mkfifo(h.path)
        self.refused(h, "FIFO")

    def test_port_taken(self):
        h = self.house()
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            s.listen()
            h.write(**{"frontend.options.listen[0]": "127.0.0.1:%d" % s.getsockname()[1]})
            self.refused(h, "Address already in use; somebody else")

    def test_second_on_the_same_socket(self):
        first = self.house().ready()
        h = self.house()
        h.write(**{"control.socket": first.values["control.socket"]})
        self.refused(h, "another meshd answers")
        self.assertTrue(os.path.exists(first.values["control.socket"]))

    @unittest.skipUnless(ROOT, "needs root")
    def test_unknown_user(self):
        h = self.house()
        h.write(user="nobody-at-all")
        self.refused(h, "user 'nobody-at-all' does not exist .* name another with 'user:'")

    @unittest.skipUnless(ROOT, "needs root")
    def test_state_dir_of_another(self):
        h = self.house()
        os.mkdir(h.dir + "/state", 0o700)
        h.write()
        self.refused(h, "'nobody' cannot write to state_dir .*chown nobody")


if __name__ == "__main__":
    unittest.main(verbosity=2)
