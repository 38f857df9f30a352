"""Ways through to a node: logs, exec, attach and port-forward of a pod, passed on to the agent that runs it.

How it works.  The agent speaks every protocol of kubectl's (`agent.api`); the master finds the pod's node, asks it over
TLS with its own certificate, and passes the upgraded connection on byte by byte.  What the agent refuses is the answer.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

import aiohttp
from aiohttp import web

from kube.errors import ApiError, bad_request, not_found
from kube.upgrades import dial
from master.api import log_options
from master.api.authn.bearer import passed_on
from master.api.calls import Call, respond
from master.api.contract import Object, Reader
from master.api.forwarding import ending_with, hand_over
from master.api.passing import admit_connection
from master.api.reaching import NODE, POD, agent_address, refusal, refusal_of
from master.api.verbs import Rooms, Verb

PASSED_ON = (
    "Upgrade",
    "Connection",
    "Sec-WebSocket-Key",
    "Sec-WebSocket-Version",
    "X-Stream-Protocol-Version",
)
PASSED_BACK = ("upgrade", "connection", "sec-websocket-accept", "sec-websocket-protocol", "x-stream-protocol-version")
PATHS = {"exec": "exec", "attach": "attach", "portforward": "portForward", "log": "containerLogs"}


@dataclass(frozen=True, slots=True)
class Nodes:
    """`reader` knows pods and nodes; `tls` shows the master's certificate to agents and verifies theirs."""

    reader: Reader
    tls: ssl.SSLContext | None

    def ways(self) -> Mapping[tuple[str, str, str], Verb]:
        """The subresources that are served here: (group, plural, subresource) → verb."""
        return {("", "pods", "log"): self.log} | {
            ("", "pods", name): self.connect for name in ("exec", "attach", "portforward")
        }

    async def log(self, _rooms: Rooms, call: Call) -> web.StreamResponse:
        log_options.check(call.info.name, call.query)
        pod = self._known(call)
        container = container_of(pod, call.query.get("container", ""))
        if not pod["spec"].get("nodeName"):
            return respond(b"", 204)  # it has said nothing yet
        url = self._url(pod, "log", container, call)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
        async with aiohttp.ClientSession(timeout=timeout, auto_decompress=False) as session, ending_with(call.request):
            try:
                answer = await session.get(url, ssl=self.tls or True)
            except (aiohttp.ClientError, TimeoutError) as error:
                raise _unreachable(pod, error) from error
            if answer.status != 200:
                raise refusal(answer.status, await answer.read())
            return await _stream(call.request, answer)

    async def connect(self, rooms: Rooms, call: Call) -> web.StreamResponse:
        """exec, attach, port-forward."""
        await admit_connection(rooms, call)
        if "Upgrade" not in call.request.headers:
            raise bad_request("Upgrade request required")
        pod, way = self._pod(call), call.info.subresource
        container = "" if way == "portforward" else container_of(pod, call.query.get("container", ""))
        given = call.request.headers
        headers = [(name, value) for name in PASSED_ON for value in given.getall(name, [])]
        headers += passed_on(given).items()
        url = self._url(pod, way, container, call)
        try:
            answer = await dial(call.request.method, url, [*headers, ("Content-Length", "0")], self.tls)
        except (OSError, TimeoutError) as error:
            raise _unreachable(pod, error) from error
        if answer.status != 101:
            raise await refusal_of(answer)
        return await hand_over(call.request, answer, {k: v for k, v in answer.headers.items() if k in PASSED_BACK})

    def _known(self, call: Call) -> Object:
        pod = self.reader.get(POD, call.namespace, call.info.name)
        if pod is None:
            raise not_found("pods", call.info.name)
        return pod

    def _pod(self, call: Call) -> Object:
        pod = self._known(call)
        if not pod["spec"].get("nodeName"):
            raise bad_request(f"pod {call.info.name} does not have a host assigned")
        return pod

    def _url(self, pod: Object, way: str, container: str, call: Call) -> str:
        node = self.reader.get(NODE, "", pod["spec"]["nodeName"])
        if node is None:
            raise not_found("nodes", pod["spec"]["nodeName"])
        meta = pod["metadata"]
        parts = [PATHS[way], meta["namespace"], meta["name"], *([container] if container else [])]
        query = call.request.raw_path.partition("?")[2]
        return f"https://{agent_address(node)}/{'/'.join(quote(part, safe='') for part in parts)}" + (
            f"?{query}" if query else ""
        )


def container_of(pod: Object, asked: str) -> str:
    """The container meant: the one asked for, or the only one.  ApiError 400 names the choices."""
    spec, name = pod["spec"], pod["metadata"]["name"]
    containers = [c["name"] for c in spec.get("containers") or ()]
    others = [c["name"] for key in ("initContainers", "ephemeralContainers") for c in spec.get(key) or ()]
    if asked:
        if asked not in containers + others:
            raise bad_request(f"container {asked} is not valid for pod {name}")
        return str(asked)
    if len(containers) == 1:
        return str(containers[0])
    choices = f"choose one of: [{' '.join(containers)}]"
    init = [c["name"] for c in spec.get("initContainers") or ()]
    if init:
        choices += f" or one of the init containers: [{' '.join(init)}]"
    raise bad_request(f"a container name must be specified for pod {name}, {choices}")


async def _stream(request: web.BaseRequest, answer: aiohttp.ClientResponse) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/plain; charset=utf-8"})
    response.enable_chunked_encoding()
    await response.prepare(request)
    try:
        async for block in answer.content.iter_any():
            await response.write(block)
    except aiohttp.ClientError:
        return response  # the node went away in the middle; so does the stream
    await response.write_eof()
    return response


def _unreachable(pod: Object, error: BaseException) -> ApiError:
    said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return ApiError(503, "ServiceUnavailable", f"node {pod['spec']['nodeName']} cannot be reached: {said}")
