# SPDX-License-Identifier: Apache-2.0
"""A small client of the etcd JSON gateway: what APISIX's own client does, and a watch in a thread."""

import base64
import http.client
import json
import socket
import threading

from .wait import wait_for


def b64(text):
    return base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


def unb64(text):
    return base64.b64decode(text or "")


class Etcd:
    def __init__(self, port, host="127.0.0.1"):
        self.host, self.port = host, port

    def request(self, method, path, body=None, raw=None):
        """(status, decoded answer); the body is JSON unless `raw` bytes are given."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        try:
            data = raw if raw is not None else (json.dumps(body) if body is not None else None)
            connection.request(method, path, data)
            answer = connection.getresponse()
            text = answer.read()
            try:
                return answer.status, json.loads(text)
            except ValueError:
                return answer.status, text.decode(errors="replace")
        finally:
            connection.close()

    def range(self, key="/apisix/", end="/apisix0", **more):
        body = {"key": b64(key), **more}
        if end is not None:
            body["range_end"] = b64(end)
        status, answer = self.request("POST", "/v3/kv/range", body)
        assert status == 200, answer
        return answer

    def revision(self):
        return int(self.range(limit=1)["header"]["revision"])

    def all(self):
        """key -> (value, create_revision, mod_revision, version); empty if it cannot be reached."""
        try:
            answer = self.range()
        except (OSError, http.client.HTTPException):
            return {}
        return {unb64(kv["key"]).decode(): (unb64(kv.get("value")).decode(), int(kv["create_revision"]),
                                            int(kv["mod_revision"]), int(kv["version"]))
                for kv in answer.get("kvs", [])}

    def watch(self, start_revision=0, **kwargs):
        return Watch(self.host, self.port, start_revision, **kwargs)


class Watch:
    """A watch like APISIX's: one HTTP/1.1 request, one JSON line per message."""

    def __init__(self, host, port, start_revision=0, key="/apisix/", end="/apisix0"):
        request = {"create_request": {"key": b64(key), "range_end": b64(end)}}
        if start_revision:
            request["create_request"]["start_revision"] = start_revision
        self.messages, self.closed, self.error = [], threading.Event(), None
        body = json.dumps(request)
        self.socket = socket.create_connection((host, port), timeout=30)
        self.socket.sendall((f"POST /v3/watch HTTP/1.1\r\nHost: {host}:{port}\r\n"
                             f"Content-Length: {len(body)}\r\n\r\n{body}").encode())
        self.socket.settimeout(None)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()
        wait_for(lambda: self.messages or self.closed.is_set(), "the watch's first message")

    def _read(self):
        try:
            response = http.client.HTTPResponse(self.socket)
            response.begin()
            if response.status != 200:
                self.error = response.read()
                return
            while line := response.readline():
                self.messages.append(json.loads(line))
        except (OSError, ValueError, http.client.HTTPException) as error:
            self.error = error
        finally:
            self.closed.set()

    def results(self):
        return [m["result"] for m in list(self.messages) if "result" in m]

    def events(self):
        """(revision of the message, type, key, value, mod_revision) of everything so far."""
        out = []
        for result in self.results():
            for event in result.get("events", []):
                kv = event["kv"]
                out.append((int(result["header"]["revision"]), event.get("type", "PUT"), unb64(kv["key"]).decode(),
                            unb64(kv.get("value")).decode(), int(kv["mod_revision"])))
        return out

    def wait_events(self, count):
        return wait_for(lambda: len(self.events()) >= count and self.events(), f"{count} watch events")

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.thread.join(10)
        self.socket.close()
