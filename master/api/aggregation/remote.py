"""An extension API server behind a Service: asked over TLS, as the front proxy, in the name of the caller.

The server believes the headers X-Remote-User, X-Remote-Group, X-Remote-Uid and X-Remote-Extra-* of whoever shows a
certificate of the front-proxy authority; both are told in kube-system/extension-apiserver-authentication.
Source: Kubernetes' documentation, "Configure the Aggregation Layer".
"""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import orjson
from aiohttp import web
from multidict import CIMultiDict

from kube.errors import ApiError, words_of
from kube.upgrades import Ends, ask
from master.api.contract import Object, UserInfo
from master.api.forwarding import Onward, forward
from master.api.reaching import Reach, unavailable
from master.api.routing import Query, Route

PORT = 443
CHECK_SECONDS = 5.0
MASTER = UserInfo("system:kube-aggregator", ("system:masters",))


class Remote:
    """`certificate` is the front proxy's, its key beside it."""

    def __init__(self, service: Object, reach: Reach, certificate: Path) -> None:
        self.spec: Object = service["spec"]
        self.resources: Sequence[Object] = ()
        self._reach = reach
        self._certificate = certificate
        self._tls: ssl.SSLContext | None = None

    @property
    def host(self) -> str:
        """The name its certificate must have."""
        service = self.spec["service"]
        return f"{service['name']}.{service['namespace']}.svc"

    async def serve(self, request: web.BaseRequest, _asked: Route, _query: Query, user: UserInfo) -> web.StreamResponse:
        return await forward(request, Onward(self._connect, self.host, request.raw_path, headers=identity(user)))

    async def look(self) -> Sequence[Object]:
        """Its resources, asked anew; ApiError when it cannot say."""
        path = f"/apis/{self.spec['group']}/{self.spec['version']}"
        headers = [("Host", self.host), ("Accept", "application/json"), ("Connection", "close")]
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                answer = await ask(await self._connect(), "GET", path, [*headers, *identity(MASTER).items()])
                try:
                    body = await answer.body()
                finally:
                    answer.writer.close()
        except (OSError, TimeoutError) as error:
            raise unavailable(words_of(error)) from error
        if answer.status != 200:
            raise ApiError(answer.status, "ServiceUnavailable", f"{path} answered {answer.status}")
        try:
            return list(orjson.loads(body)["resources"])
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise unavailable(f"{path} is no list of resources") from error

    async def _connect(self) -> Ends:
        service = self.spec["service"]
        address = self._reach.service(service["namespace"], service["name"], str(service.get("port") or PORT))
        return await self._reach.connect(address, self._context(), self.host)

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            bundle = base64.b64decode(self.spec.get("caBundle") or "")
            context = ssl.create_default_context(cadata=bundle.decode() or None)
            if self.spec.get("insecureSkipTLSVerify"):
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            context.load_cert_chain(self._certificate, self._certificate.with_suffix(".key"))
            self._tls = context
        return self._tls


def identity(user: UserInfo) -> CIMultiDict[str]:
    """The caller as an extension server reads it."""
    headers = CIMultiDict({"X-Remote-User": user.name})
    for group in user.groups:
        headers.add("X-Remote-Group", group)
    if user.uid:
        headers["X-Remote-Uid"] = user.uid
    for key, values in user.extra.items():
        for value in values:
            headers.add(f"X-Remote-Extra-{quote(key, safe='')}", value)
    return headers
