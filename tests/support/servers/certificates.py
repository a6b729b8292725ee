"""An authority of a test's own, and certificates that it signs.

>>> authority = Authority(tmp_path)
>>> server = authority.sign("redis")         # server.certificate, server.key, server.both
>>> context = authority.context()            # of a client that trusts it
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFETIME = dt.timedelta(days=2)


class Signed(msgspec.Struct, frozen=True):
    """Files in PEM; ``both`` has certificate and key, as HAProxy wants them."""

    certificate: Path
    key: Path
    both: Path


class Authority:
    """Its files lie in ``folder``; ``certificate`` is what clients and servers trust."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"a test's {name}")])
        made = _builder(self._name, self._name, self._key.public_key())
        is_authority = x509.BasicConstraints(ca=True, path_length=0)
        made = made.add_extension(is_authority, critical=True)
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        made = made.add_extension(usage, critical=True)
        self.certificate = folder / f"{name}.pem"
        signed = made.sign(self._key, hashes.SHA256())
        self.certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))

    def sign(self, name: str) -> Signed:
        """A certificate of localhost, 127.0.0.1 and of a client, with its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        made = _builder(subject, self._name, key.public_key())
        places = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        made = made.add_extension(x509.SubjectAlternativeName(places), critical=False)
        uses = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        made = made.add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        certificate = made.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        secret = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        contents = {"cert": certificate, "key": secret, "both": certificate + secret}
        found = {kind: self._folder / f"{name}-{kind}.pem" for kind in contents}
        for kind, path in found.items():
            path.write_bytes(contents[kind])
        return Signed(found["cert"], found["key"], found["both"])

    def context(self) -> ssl.SSLContext:
        """Of a client that trusts this authority alone."""
        return ssl.create_default_context(cafile=str(self.certificate))


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    built = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    built = built.serial_number(x509.random_serial_number())
    built = built.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    return built.not_valid_before(now - LIFETIME).not_valid_after(now + LIFETIME)
