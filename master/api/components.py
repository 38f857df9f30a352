"""ComponentStatuses: how the parts of the control plane are, made when somebody asks; upstream deprecates them.

A part is well when its check says nothing.  They are named as upstream names them, for who looks for those names.
"""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from kube.errors import not_found
from master.api import views
from master.api.calls import Call
from master.api.contract import Object
from master.api.health import Check
from master.api.options import read_listing
from master.api.tables import table
from master.api.verbs import Rooms, Verb

DEPRECATED = "v1 ComponentStatus is deprecated in v1.19+"


def component(name: str, trouble: str) -> Object:
    healthy: Object = {"type": "Healthy", "status": "False" if trouble else "True"}
    said = {"message": trouble, "error": trouble} if trouble else {"message": "ok"}
    meta = {"kind": "ComponentStatus", "apiVersion": "v1", "metadata": {"name": name}}
    return meta | {"conditions": [healthy | said]}


def components(checks: Mapping[str, Check]) -> Verb:
    """What answers get and list of `checks`, by the names of the parts."""

    async def answer(_rooms: Rooms, call: Call) -> web.StreamResponse:
        call.warn(DEPRECATED)
        found = [component(name, check()) for name, check in sorted(checks.items())]
        if call.info.verb == "get":
            one = [obj for obj in found if obj["metadata"]["name"] == call.info.name]
            if not one:
                raise not_found(call.kind.plural, call.info.name)
            return _answered(call, one, one[0])
        read_listing(call.kind, "", call.query)
        listed = {
            "kind": call.kind.list_kind,
            "apiVersion": "v1",
            "metadata": {},
            "items": [_untyped(o) for o in found],
        }
        return _answered(call, found, listed)

    return answer


def _untyped(obj: Object) -> Object:
    return {"metadata": obj["metadata"], "conditions": obj["conditions"]}


def _answered(call: Call, found: list[Object], plain: Object) -> web.StreamResponse:
    if call.form.view == "Table":
        return call.answer(views.encode(table(call.kind, found, {}, call.include), call.form))
    return call.shown(plain)
