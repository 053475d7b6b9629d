"""Certificates for tests of TLS, made by openssl: an authority, and a certificate of it for this machine."""

import subprocess
from pathlib import Path


def make_certificates(folder: Path) -> Path:
    """Write ca.pem, own.pem and own.key into a folder, and return it."""
    folder.mkdir(exist_ok=True)
    authority = ("-subj", f"/CN=Authority {folder.name}", "-keyout", "ca.key", "-out", "ca.pem")
    _openssl(folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *authority)
    request = ("-subj", "/CN=localhost", "-keyout", "own.key", "-out", "own.csr")
    _openssl(folder, "req", "-newkey", "rsa:2048", "-nodes", *request)
    (folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1")
    signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names")
    _openssl(folder, "x509", "-req", "-in", "own.csr", *signed, "-out", "own.pem")
    return folder


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)
