"""Asking a webhook: one POST of JSON over TLS, to a URL or to a Service of the cluster, within its time.

A Service's pods are reached as `reaching` reaches them; its certificate has to name NAME.NAMESPACE.svc.  A host name needs the
webhook's own `caBundle`, or an authority that this machine trusts.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from kube.errors import ApiError
from kube.upgrades import Ends
from master.api.contract import Object
from master.api.forwarding import Opened
from master.api.reaching import Address, Reach

HTTPS = 443
LARGEST = 8 << 20
"""Bytes of an answer that are read."""
HEADERS = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "wherry-admission"}


class CallError(Exception):
    """The webhook gave no answer: why, in words."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a clientConfig means: `server_name` is whom the certificate has to name; `service` is NAMESPACE, NAME, PORT."""

    url: str
    server_name: str
    host: str = ""
    port: int = HTTPS
    service: tuple[str, str, str] | None = None


def target_of(client: Object) -> Target:
    service = client.get("service")
    if service:
        name = f"{service['name']}.{service['namespace']}.svc"
        port = int(service.get("port") or HTTPS)
        path = "/" + str(service.get("path") or "").lstrip("/")
        found = (str(service["namespace"]), str(service["name"]), str(port))
        return Target(f"https://{name}:{port}{path}", name, service=found)
    parts = urlsplit(client["url"])
    host = parts.hostname or ""
    return Target(client["url"], host, host, parts.port or HTTPS)


@lru_cache(maxsize=64)
def trust(bundle: str) -> ssl.SSLContext:
    """A context that believes the bundle (PEM in base64) alone, or, without one, what the machine believes."""
    if not bundle:
        return ssl.create_default_context()
    return ssl.create_default_context(cadata=base64.b64decode(bundle).decode("ascii"))


@dataclass(frozen=True, slots=True)
class Poster:
    reach: Reach

    async def post(self, client: Object, body: bytes, seconds: float) -> bytes:
        """The answer's body; CallError when there is none, or it is no success."""
        target = target_of(client)
        asked = f"{target.url}{'&' if '?' in target.url else '?'}timeout={round(seconds)}s"
        try:
            async with asyncio.timeout(seconds):
                return await self._ask(client, target, asked, body)
        except TimeoutError as error:
            raise CallError(f'Post "{asked}": context deadline exceeded') from error
        except (ApiError, OSError, ValueError, aiohttp.ClientError) as error:
            said = error.message if isinstance(error, ApiError) else str(error)
            raise CallError(f'Post "{asked}": {said}') from error

    async def _ask(self, client: Object, target: Target, asked: str, body: bytes) -> bytes:
        async def connect() -> Ends:
            return await self._connect(target, trust(client.get("caBundle") or ""))

        # The connection is encrypted already when aiohttp gets it.
        url = URL("http" + asked.removeprefix("https"), encoded=True)
        host = urlsplit(asked).netloc
        async with (
            aiohttp.ClientSession(connector=Opened(connect)) as session,
            session.post(url, data=body, headers={**HEADERS, "Host": host}, allow_redirects=False) as answer,
        ):
            content = await answer.content.read(LARGEST)
            while not answer.content.at_eof() and len(content) < LARGEST:
                content += await answer.content.read(LARGEST - len(content))
            if answer.status >= 300:
                said: Any = content[:200].decode("utf-8", "replace").strip()
                raise ValueError(f"the server answered {answer.status}: {said}")
            return content

    async def _connect(self, target: Target, tls: ssl.SSLContext) -> Ends:
        if target.service is not None:
            address = self.reach.service(*target.service)
            return await self.reach.connect(address, tls, target.server_name)
        return await self.reach.connect(Address(target.host, target.port), tls, target.server_name)
