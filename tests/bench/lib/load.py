# SPDX-License-Identifier: Apache-2.0
"""Load generators: wrk (HTTP/1.1), h2load (gRPC), bench_client (watches, start).

Each function returns one number for one run against one port.
"""

import base64
import pathlib
import re
import statistics
import subprocess

REPORT = """
done = function(summary, latency, requests)
    local e = summary.errors
    io.write(string.format("p50_us=%d requests=%d duration_us=%d bytes=%d errors=%d\\n", latency:percentile(50),
        summary.requests, summary.duration, summary.bytes, e.connect + e.read + e.write + e.status + e.timeout))
end
"""


def numbers(text):
    return {name: float(value) for name, value in re.findall(r"(\w+)=([\d.]+)", text)}


def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out) + bytes([value])


def field(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


class Load:
    """`keys` is how many keys a range of all must give, `size` how long one is with its value, on average."""

    def __init__(self, folder, client, one_key, keys, size):
        self.dir, self.client, self.keys, self.size = pathlib.Path(folder), client, keys, size
        self.dir.mkdir(mode=0o755)
        self._request("all", b"/apisix/routes/", b"/apisix/routes0")
        self._request("one", one_key.encode(), b"")
        (self.dir / "get.lua").write_text(REPORT)

    def _request(self, name, key, end):
        pairs = [("key", key)] + ([("range_end", end)] if end else [])
        body = "{%s}" % ",".join(f'"{n}":"{base64.b64encode(v).decode()}"' for n, v in pairs)
        (self.dir / f"{name}.lua").write_text(
            f"wrk.method = 'POST'\nwrk.body = '{body}'\nwrk.headers['Content-Type'] = 'application/json'\n" + REPORT)
        message = b"".join(field(i + 1, v) for i, (_, v) in enumerate(pairs))
        (self.dir / f"{name}.grpc").write_bytes(b"\0" + len(message).to_bytes(4, "big") + message)

    def _run(self, *argv, timeout=180):
        result = subprocess.run([str(a) for a in argv], capture_output=True, text=True, timeout=timeout)
        if result.returncode != 0:
            raise SystemExit(f"{' '.join(map(str, argv))}\n{result.stdout[-1000:]}{result.stderr[-1000:]}")
        return result.stdout

    # ---- HTTP/1.1 ----

    def _wrk(self, port, script, clients, seconds, path="/v3/kv/range", keys=None):
        for duration in (seconds, 10 * seconds):    # on a busy machine the first may end before the first answer
            out = numbers(self._run("wrk", f"-t{min(2, clients)}", f"-c{clients}", f"-d{duration}s", "--timeout", "30s",
                                    "-s", self.dir / f"{script}.lua", f"http://127.0.0.1:{port}{path}"))
            if out["requests"]:
                break
        # What is under way at the end counts as bytes, not as a request.
        if out["errors"] or not out["requests"] or out["bytes"] < out["requests"] * self._least(script, keys):
            raise SystemExit(f"wrk on port {port}: {out}")
        return out

    def _least(self, script, keys):
        """Bytes of an answer: a fast one that lacks something would be no achievement."""
        return self.size / 2 if script == "one" else self.size * (self.keys if keys is None else keys) * 0.98

    def http_p50(self, port, seconds, script="all", path="/v3/kv/range", keys=None):
        """Microseconds of one request, one client."""
        return self._wrk(port, script, 1, seconds, path, keys)["p50_us"]

    def http_rate(self, port, seconds, script="all"):
        """Requests per second of 16 clients."""
        out = self._wrk(port, script, 16, seconds)
        return out["requests"] / out["duration_us"] * 1e6

    # ---- gRPC ----

    def _h2load(self, port, script, clients, seconds, *more, keys=None):
        out = self._run("h2load", f"-t{min(2, clients)}", f"-c{clients}", "-m1", "-w30", "-W30", "-D", seconds,
                        "-d", self.dir / f"{script}.grpc", "-H", "content-type: application/grpc", "-H", "te: trailers",
                        *more, f"http://127.0.0.1:{port}/etcdserverpb.KV/Range")
        done = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored", out)
        data = re.search(r"\((\d+)\) data", out)
        count = int(done.group(1))
        if not count or int(done.group(3)) or int(data.group(1)) < count * self._least(script, keys):
            raise SystemExit(f"h2load on port {port}:\n{out}")
        return count / float(seconds)

    def grpc_p50(self, port, seconds, keys=None):
        log = self.dir / "h2load.log"
        log.unlink(missing_ok=True)         # it would be appended to
        self._h2load(port, "all", 1, seconds, f"--log-file={log}", keys=keys)
        return statistics.median(int(line.split("\t")[2]) for line in log.read_text().splitlines())

    def grpc_rate(self, port, seconds, script="all"):
        return self._h2load(port, script, 16, seconds)

    # ---- watches, start ----

    def last_us(self, port, form, watchers, seconds):
        """Microseconds from a put until the last watcher has its event."""
        return numbers(self._run(self.client, "last", port, form, watchers, seconds))["p50_us"]

    def events_rate(self, port, form, watchers, seconds):
        return numbers(self._run(self.client, "flood", port, form, watchers, seconds))["events_per_s"]

    def first_ms(self, port, size, command):
        """Milliseconds from the start of a server to the end of a range of `size` bytes or more."""
        return numbers(self._run(self.client, "first", port, size, *command))["ms"]

    def hold(self, port, form, watchers):
        """Watches that stay until the returned process is given to release()."""
        process = subprocess.Popen([str(self.client), "hold", str(port), form, str(watchers)],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if process.stdout.readline() != "ready\n":
            raise SystemExit(f"{watchers} {form} watches on port {port} were not created")
        return process


def release(process):
    process.stdin.close()
    process.wait(30)
    process.stdout.close()
