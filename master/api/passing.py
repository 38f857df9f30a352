"""What goes past the registry and is put to admission all the same: parts that are written and connections that are opened.

A binding or an eviction is a CREATE of that object under its pod's name; exec, attach, port-forward and the proxies are a
CONNECT whose object are the options of the connection, as its query gives them.
"""

from __future__ import annotations

from urllib.parse import parse_qs

from kube.kinds import Kind
from master.api.admission.plugin import admit
from master.api.calls import Call
from master.api.contract import Attributes, Object
from master.api.options import Writing
from master.api.routing import FALSE
from master.api.verbs import Rooms

STREAMS = ("stdin", "stdout", "stderr", "tty")
OPTIONS = {
    ("pods", "exec"): "PodExecOptions",
    ("pods", "attach"): "PodAttachOptions",
    ("pods", "portforward"): "PodPortForwardOptions",
    ("pods", "proxy"): "PodProxyOptions",
    ("services", "proxy"): "ServiceProxyOptions",
    ("nodes", "proxy"): "NodeProxyOptions",
}


async def admit_part(rooms: Rooms, call: Call, kind: Kind, body: Kind, obj: Object, writing: Writing) -> None:
    """The creation of `obj`, which is of kind `body`, as a part of an object of `kind`."""
    name = call.info.name or (obj.get("metadata") or {}).get("name") or ""
    attributes = Attributes(
        "CREATE", kind, call.info.subresource or "binding", call.namespace, name, obj, None, writing.user
    )
    attributes.dry_run, attributes.options, attributes.warn = writing.dry_run, writing.options, writing.warn
    attributes.body = body
    await admit(rooms.registry.admission, attributes)


async def admit_connection(rooms: Rooms, call: Call) -> None:
    """ApiError where somebody refuses that the connection is opened."""
    info = call.info
    body = Kind("", "v1", OPTIONS[info.resource, info.subresource], "", stored=False)
    options = connect_options(info.subresource, call.request.raw_path.partition("?")[2], call.route.rest)
    options = {"kind": body.kind, "apiVersion": "v1"} | options
    attributes = Attributes(
        "CONNECT", call.kind, info.subresource, call.namespace, info.name, options, None, call.user, warn=call.warn
    )
    attributes.body = body
    await admit(rooms.registry.admission, attributes)


def connect_options(way: str, query: str, rest: str = "") -> Object:
    """`stdin=true&command=ls&command=-l` as the object that admission is shown."""
    if way == "proxy":
        return {"path": f"/{rest}"} if rest else {}
    given = parse_qs(query, keep_blank_values=True)
    if way == "portforward":
        ports = [int(port) for text in given.get("ports", ()) for port in text.split(",") if port.isdigit()]
        return {"ports": ports} if ports else {}
    found: Object = {name: True for name in STREAMS if name in given and given[name][0].lower() not in FALSE}
    if given.get("container"):
        found["container"] = given["container"][0]
    if way == "exec" and given.get("command"):
        found["command"] = given["command"]
    return found
