# SPDX-License-Identifier: Apache-2.0
"""The certificate service of istiod (istio.v1.auth.IstioCertificateService) as a stand-in of grpcio.

Istio's definitions are not on PyPI, so the two messages are read and written here by hand, field by field as
istio/api's security/v1alpha1/ca.proto has them.  add() puts the service onto a server; attributes bend its manners:

  ttl      seconds that a certificate lives, whatever was asked for; None: what was asked for
  refuse   (grpc.StatusCode, text): signs nothing
  name     the SPIFFE id that it calls everybody; None: what the request asks for
  other    True: signs another key than the one it was asked for
  rooted   False: the answer has no root
"""

import datetime
import threading

import grpc

from .ca import Ca, openssl

METHOD = "/istio.v1.auth.IstioCertificateService/CreateCertificate"


def fields(data):
    """(number, value) of a message whose fields are varints and texts."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value
    while at < len(data):
        tag = varint()
        if tag & 7 == 0:
            yield tag >> 3, varint()
        else:
            assert tag & 7 == 2, "a varint or a text"
            size = varint()
            yield tag >> 3, data[at:at + size]
            at += size


def put_text(number, text):
    size, head = len(text), b""
    while size >= 0x80:
        head += bytes([size & 0x7F | 0x80])
        size >>= 7
    return bytes([number << 3 | 2]) + head + bytes([size]) + text


class MeshCa(grpc.GenericRpcHandler):
    def __init__(self, folder):
        self.ca, self.folder = Ca(folder, "mesh-root"), folder
        self.asked, self.issued, self.lock = [], [], threading.Lock()
        self.ttl, self.refuse, self.name, self.other, self.rooted, self.raw = None, None, None, False, True, None
        (folder / "index.txt").write_text("")
        (folder / "index.txt.attr").write_text("unique_subject = no\n")

    @property
    def root(self):
        return self.ca.cert.read_text()

    def service(self, details):
        if details.method != METHOD:
            return None
        return grpc.unary_unary_rpc_method_handler(self._create)

    def _create(self, request, context):
        with self.lock:
            got = dict(fields(request))
            csr, seconds = got[1].decode(), got.get(3, 0)
            self.asked.append({"csr": csr, "seconds": seconds, "metadata": dict(context.invocation_metadata())})
            if self.refuse is not None:
                context.abort(*self.refuse)
            if self.raw is not None:
                return self.raw
            leaf = self._sign(csr, self.ttl or seconds)
            self.issued.append(leaf)
            return b"".join(put_text(1, text.encode()) for text in ([leaf, self.root] if self.rooted else [leaf]))

    def names_in(self, csr):
        """The names that a request asks for, as openssl prints them; the request must be signed by its key."""
        (self.folder / "look.csr").write_text(csr)
        openssl("req", "-verify", "-noout", "-in", self.folder / "look.csr")
        openssl("req", "-noout", "-text", "-in", self.folder / "look.csr", "-out", self.folder / "look.txt")
        lines = (self.folder / "look.txt").read_text().splitlines()
        return [lines[i + 1].strip() for i, line in enumerate(lines) if "Subject Alternative Name" in line]

    def _sign(self, csr, seconds):
        number, f = len(self.issued) + 1, self.folder
        request, cert, config = f / f"{number}.csr", f / f"{number}.pem", f / "ca.cnf"
        request.write_text(csr)
        if self.other:
            openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=x",
                    "-keyout", f / "other.key", "-out", request)
        san = self.name or self.names_in(csr)[0].removeprefix("URI:")
        now = datetime.datetime.now(datetime.timezone.utc)
        stamp = [(now + datetime.timedelta(seconds=s)).strftime("%Y%m%d%H%M%SZ") for s in (-120, seconds)]
        config.write_text(f"[ca]\ndefault_ca = here\n[here]\ndatabase = {f}/index.txt\nnew_certs_dir = {f}\n"
                          f"rand_serial = yes\ndefault_md = sha256\npolicy = any\nx509_extensions = leaf\n"
                          f"[any]\ncommonName = optional\n"
                          f"[leaf]\nsubjectAltName = critical,URI:{san}\n"
                          f"extendedKeyUsage = serverAuth,clientAuth\n")
        openssl("ca", "-batch", "-notext", "-config", config, "-cert", self.ca.cert, "-keyfile", self.ca.key, "-in",
                request, "-out", cert, "-startdate", stamp[0], "-enddate", stamp[1], "-subj", "/")
        return cert.read_text()
