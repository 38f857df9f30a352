"""Field managers: who wrote which field, and server-side apply by them.

The rules are kube.apply's; here is where a write meets them.
"""

from __future__ import annotations

import importlib.util

from kube.errors import ApiError
from kube.kinds import Kind
from master.api.contract import Object

if importlib.util.find_spec("kube.apply") is not None:
    from kube.apply import server_side_apply, track_update
else:

    def track_update(kind: Kind, old: Object | None, new: Object, manager: str, subresource: str, now: str) -> None:
        """Nobody keeps the fields yet."""

    def server_side_apply(
        kind: Kind, live: Object | None, applied: Object, manager: str, force: bool, now: str
    ) -> Object:
        raise ApiError(501, "NotImplemented", "server-side apply is not served")


__all__ = ["server_side_apply", "track_update"]
