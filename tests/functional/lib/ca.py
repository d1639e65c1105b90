# SPDX-License-Identifier: Apache-2.0
"""A certificate authority for one test, made with the openssl program."""

import os
import subprocess


def openssl(*argv):
    subprocess.run(["openssl", *[str(a) for a in argv]], check=True, capture_output=True, timeout=60)


class Ca:
    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        folder.mkdir(exist_ok=True)
        os.chmod(folder, 0o755)
        self.cert, self.key = folder / f"{name}.pem", folder / f"{name}.key"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                "-subj", f"/CN={name}", "-keyout", self.key, "-out", self.cert)

    def issue(self, name, usage="serverAuth", san="DNS:localhost,IP:127.0.0.1", days=2):
        """(certificate, key) of a new leaf; both can be read by everyone, as the tests change the user. It has expired
        when `days` is below zero."""
        request, extensions = self.folder / f"{name}.csr", self.folder / f"{name}.ext"
        cert, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                "-keyout", key, "-out", request)
        extensions.write_text(f"subjectAltName={san}\nextendedKeyUsage={usage}\n")
        openssl("x509", "-req", "-in", request, "-CA", self.cert, "-CAkey", self.key, "-CAcreateserial",
                "-days", days, "-extfile", extensions, "-out", cert)
        os.chmod(key, 0o644)
        return cert, key
