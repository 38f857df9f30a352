"""The HTTPS server on 10250: every request is admitted by `Access`, then goes to a container or the runtime.

Paths are the kubelet's (`/containerLogs/NS/POD/CONTAINER`, `/exec/...`, `/attach/...`, `/portForward/NS/POD`, `/pods`);
queries may use the API's names (stdin, stdout, stderr) or the kubelet's (input, output, error).
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

import orjson
from aiohttp import web

from agent.api import commands, dialing, volumes
from agent.api.access import ADMITTED, Access
from agent.api.logs import parse_options, read_log
from agent.api.views import PodViews
from agent.runtime.contract import RuntimeFailure, StreamRequest, Streams
from agent.streams.channels import PLAIN, PROTOCOLS, Channel
from agent.streams.channels import Protocol as ChannelProtocol
from agent.streams.forwarding import RUNTIME_PROTOCOL, TUNNEL, PortChannels, tunnel
from agent.streams.sessions import Remote, StreamFailure, connect, spdy_headers
from kube.errors import ApiError, bad_request
from kube.upgrades import Upgraded, dial, join, switching, take_over

log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
EXEC_PROTOCOL = "v4.channel.k8s.io"
PING_SECONDS = 30.0


class Images(Protocol):
    """Puts an OCI archive into the node's runtime and says which names it holds now."""

    async def import_image(self, archive: AsyncIterator[bytes]) -> list[str]: ...


@dataclass
class NodeApi:
    """`app()` is what listens on 10250."""

    access: Access
    views: PodViews
    streams: Streams
    images: Images
    images_changed: Callable[[], None]
    numbers: Mapping[str, Handler] = field(default_factory=dict)
    """Path → what tells the node's numbers and settings there."""

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._admit], client_max_size=1 << 20)
        app.router.add_get("/healthz", _healthy)
        app.router.add_get("/pods", self._pods)
        for path, tell in self.numbers.items():
            app.router.add_get(path, tell)
        app.router.add_get("/containerLogs/{namespace}/{pod}/{container}", self._logs)
        for way in ("exec", "attach"):
            handler = self._exec if way == "exec" else self._attach
            for path in (
                f"/{way}/{{namespace}}/{{pod}}/{{container}}",
                f"/{way}/{{namespace}}/{{pod}}/{{uid}}/{{container}}",
            ):
                app.router.add_route("*", path, handler)
        app.router.add_route("*", "/portForward/{namespace}/{pod}", self._port_forward)
        app.router.add_post("/dial/{namespace}/{pod}/{port}", self._dial)
        app.router.add_post("/images", self._import_image)
        app.router.add_delete("/volumes/{name}", volumes.remove)
        app.router.add_post("/commands", commands.run)
        return app

    @web.middleware
    async def _admit(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        transport = request.transport
        certificate = transport.get_extra_info("peercert") if transport else None
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        try:
            request[ADMITTED] = await self.access.admit(
                request.method, request.path, certificate, token if scheme.lower() == "bearer" else ""
            )
            return await handler(request)
        except ApiError as error:
            return _refuse(error)
        except (RuntimeFailure, StreamFailure) as error:
            return _refuse(ApiError(500, "InternalError", f"container runtime: {error}"))

    async def _pods(self, _request: web.Request) -> web.StreamResponse:
        body = {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": self.views.pods()}
        return web.Response(body=orjson.dumps(body), content_type="application/json")

    async def _logs(self, request: web.Request) -> web.StreamResponse:
        try:
            options = parse_options(request.query, datetime.now(UTC))
        except ValueError as error:
            raise bad_request(str(error)) from error
        names = _names(request)
        path = self.views.log_path(*names, previous=options.previous)
        answer = web.StreamResponse(headers={"Content-Type": "text/plain; charset=utf-8"})
        answer.enable_chunked_encoding()
        await answer.prepare(request)
        blocks = read_log(path, options, lambda: not options.previous and self._running(names))
        try:
            async with aclosing(blocks):
                async for block in blocks:
                    await answer.write(block)
        except ConnectionError:
            return answer  # the client had enough
        await answer.write_eof()
        return answer

    def _running(self, names: tuple[str, str, str]) -> bool:
        try:
            return bool(self.views.container_id(*names))
        except ApiError:
            return False  # it has ended, or its pod is gone

    async def _exec(self, request: web.Request) -> web.StreamResponse:
        asked = _asked(request)
        command = request.query.getall("command", [])
        if not command:
            raise bad_request("you must specify at least 1 command for the container")
        url = await self.streams.exec_url(self.views.container_id(*_names(request)), command, asked)
        return await self._stream(request, url, asked)

    async def _attach(self, request: web.Request) -> web.StreamResponse:
        asked = _asked(request)
        url = await self.streams.attach_url(self.views.container_id(*_names(request)), asked)
        return await self._stream(request, url, asked)

    async def _stream(self, request: web.Request, url: str, asked: StreamRequest) -> web.StreamResponse:
        """exec and attach: SPDY clients are passed through, WebSocket clients are translated."""
        if not _is_websocket(request):
            return await _pass_through(request, url)
        protocol = _chosen(request)
        connection = await connect(url, EXEC_PROTOCOL)  # before the answer, so that a refusal is still one
        socket = await _accept(request, protocol.name)
        await Remote(socket, protocol, connection, _wanted(asked)).run()
        return socket

    async def _port_forward(self, request: web.Request) -> web.StreamResponse:
        sandbox = self.views.sandbox_id(request.match_info["namespace"], request.match_info["pod"])
        url = await self.streams.port_forward_url(sandbox)
        if not _is_websocket(request):
            return await _pass_through(request, url)
        if TUNNEL in request.headers.get("Sec-WebSocket-Protocol", ""):
            runtime = await _runtime(url, [RUNTIME_PROTOCOL])
            socket = await _accept(request, TUNNEL)
            await tunnel(socket, runtime)
            return socket
        ports, protocol = _ports(request), _chosen(request)
        connection = await connect(url, RUNTIME_PROTOCOL)
        socket = await _accept(request, protocol.name)
        await PortChannels(socket, protocol, connection, ports).run()
        return socket

    async def _dial(self, request: web.Request) -> web.StreamResponse:
        return await dialing.serve(request, self.views.pods())

    async def _import_image(self, request: web.Request) -> web.StreamResponse:
        names = await self.images.import_image(request.content.iter_any())
        self.images_changed()
        log.info("image archive loaded: %s", " ".join(names))
        return web.Response(body=orjson.dumps({"images": names}), content_type="application/json")


async def _healthy(_request: web.Request) -> web.StreamResponse:
    return web.Response(text="ok")


def _names(request: web.Request) -> tuple[str, str, str]:
    where = request.match_info
    return where["namespace"], where["pod"], where["container"]


def _refuse(error: ApiError) -> web.Response:
    return web.Response(status=error.status, body=orjson.dumps(error.to_status()), content_type="application/json")


def _flag(request: web.Request, *names: str) -> bool:
    return any(request.query.get(name, "").lower() in ("1", "true", "t") for name in names)


def _asked(request: web.Request) -> StreamRequest:
    tty = _flag(request, "tty")
    asked = StreamRequest(
        stdin=_flag(request, "stdin", "input"),
        stdout=_flag(request, "stdout", "output"),
        stderr=_flag(request, "stderr", "error") and not tty,
        tty=tty,
    )
    if not (asked.stdin or asked.stdout or asked.stderr):
        raise bad_request("you must specify at least 1 of stdin, stdout, stderr")
    return asked


def _wanted(asked: StreamRequest) -> frozenset[Channel]:
    flags = {
        Channel.STDIN: asked.stdin,
        Channel.STDOUT: asked.stdout,
        Channel.STDERR: asked.stderr,
        Channel.RESIZE: asked.tty,
    }
    return frozenset(channel for channel, on in flags.items() if on)


def _ports(request: web.Request) -> tuple[int, ...]:
    texts = [port for text in request.query.getall("ports", []) for port in text.split(",")]
    if not texts or not all(text.isdigit() and 0 < int(text) < 65536 for text in texts):
        raise bad_request("ports: must name at least one port between 1 and 65535")
    return tuple(int(text) for text in texts)


def _is_websocket(request: web.Request) -> bool:
    return request.headers.get("Upgrade", "").lower() == "websocket"


def _chosen(request: web.Request) -> ChannelProtocol:
    """The newest of the channel protocols that the client offers; ApiError 400 when we speak none of them."""
    offered = [word.strip() for word in request.headers.get("Sec-WebSocket-Protocol", "").split(",") if word.strip()]
    chosen = next((protocol for name, protocol in PROTOCOLS.items() if name in offered), None)
    if offered and chosen is None:
        raise bad_request(
            f"no WebSocket protocol of {', '.join(offered)} is spoken here; known are {', '.join(PROTOCOLS)}"
        )
    return chosen or PLAIN


async def _accept(request: web.Request, protocol: str) -> web.WebSocketResponse:
    protocols = (protocol,) if protocol else ()
    socket = web.WebSocketResponse(protocols=protocols, compress=False, heartbeat=PING_SECONDS, max_msg_size=0)
    await socket.prepare(request)
    return socket


async def _runtime(url: str, versions: Iterable[str]) -> Upgraded:
    """SPDY to the runtime's streaming server, as a connection of bytes."""
    runtime = await dial("POST", url, spdy_headers(versions))
    if runtime.status != 101:
        words = (await runtime.body()).decode("utf-8", "replace")
        runtime.writer.close()
        raise StreamFailure(words or f"streaming server answered {runtime.status}")
    return runtime


async def _pass_through(request: web.Request, url: str) -> web.StreamResponse:
    """A SPDY client and the runtime, joined byte by byte."""
    if not request.headers.get("Upgrade", "").lower().startswith("spdy/"):
        raise bad_request("Upgrade request required")
    runtime = await _runtime(url, request.headers.getall("X-Stream-Protocol-Version", []))
    assert request.transport is not None
    reader, writer = take_over(request.transport)
    chosen = runtime.headers.get("x-stream-protocol-version", "")
    writer.write(switching({"Connection": "Upgrade", "Upgrade": "SPDY/3.1", "X-Stream-Protocol-Version": chosen}))
    await join((reader, writer), (runtime.reader, runtime.writer))
    return web.Response()


async def serve(app: web.Application, address: str, port: int, tls: ssl.SSLContext | None) -> web.AppRunner:
    """Listens until `cleanup()` of what it returns."""
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, address, port, ssl_context=tls, reuse_address=True).start()
    return runner


def tls_context(certificate: str, key: str, authority: str) -> ssl.SSLContext:
    """TLS 1.2 and newer; a client's certificate is asked for, and verified when it is shown."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_cert_chain(certificate, key)
    return context


def health_app(healthy: Callable[[], str]) -> web.Application:
    """What listens in clear on 10256: 200 while `healthy` says nothing, 503 with its words otherwise."""

    async def answer(_request: web.Request) -> web.StreamResponse:
        problem = healthy()
        return web.Response(status=503 if problem else 200, text=problem or "ok")

    app = web.Application()
    app.router.add_get("/healthz", answer)
    return app
