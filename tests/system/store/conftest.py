"""etcd's API over a store, with certificates of a CA made for the test, and Debian's etcdctl against it."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from master.store.etcd_api.serving import EtcdServer, TlsFiles, serve
from master.store.sqlite import SqliteStore

Etcdctl = Callable[..., Awaitable[str]]
DAY = datetime.timedelta(days=1)


class Authority:
    """A CA that signs certificates for 127.0.0.1 with both usages."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        constraints = x509.BasicConstraints(ca=True, path_length=0)
        certificate = self._builder(self._name, self._key).add_extension(constraints, critical=True)
        self.ca = self._write(f"{name}.crt", certificate)

    def issue(self, name: str) -> tuple[Path, Path]:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        usages = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
        builder = self._builder(subject, key).add_extension(names, False).add_extension(usages, False)
        key_path = self.folder / f"{name}.key"
        key_path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.TraditionalOpenSSL,
                serialization.NoEncryption(),
            )
        )
        return self._write(f"{name}.crt", builder), key_path

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return x509.CertificateBuilder(
            self._name, subject, key.public_key(), x509.random_serial_number(), now - DAY, now + DAY
        )

    def _write(self, name: str, builder: x509.CertificateBuilder) -> Path:
        path = self.folder / name
        path.write_bytes(builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        return path


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "ca")


@pytest.fixture
def tls(authority: Authority) -> TlsFiles:
    return TlsFiles(authority.ca, *authority.issue("server"))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = SqliteStore.open(tmp_path / "store.db")
    yield opened
    await opened.close()


@pytest.fixture
async def server(store: SqliteStore, tls: TlsFiles) -> AsyncIterator[EtcdServer]:
    running = await serve(store, "127.0.0.1", 0, tls)
    yield running
    await running.close()


@pytest.fixture
def command(server: EtcdServer, tls: TlsFiles) -> list[str]:
    return [
        *("etcdctl", f"--endpoints=127.0.0.1:{server.port}", "--command-timeout=10s"),
        *("--cacert", str(tls.ca), "--cert", str(tls.cert), "--key", str(tls.key)),
    ]


@pytest.fixture
def start_etcdctl(command: list[str]) -> Callable[..., Awaitable[asyncio.subprocess.Process]]:
    async def start(*arguments: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *command,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={"ETCDCTL_API": "3", "PATH": os.environ["PATH"]},
        )

    return start


@pytest.fixture
def etcdctl(start_etcdctl: Callable[..., Awaitable[asyncio.subprocess.Process]]) -> Etcdctl:
    """What etcdctl prints, errors included."""

    async def run(*arguments: str, stdin: str = "") -> str:
        process = await start_etcdctl(*arguments)
        output, _ = await asyncio.wait_for(process.communicate(stdin.encode()), 20)
        return output.decode()

    return run
