"""The words in which authorization refuses: scripts grep for them, so they are kube-apiserver's."""

from __future__ import annotations

from typing import Any

from kube.errors import ApiError
from master.api.contract import RequestInfo, UserInfo


def forbidden(user: UserInfo, request: RequestInfo, reason: str = "") -> ApiError:
    """403: `pods "x" is forbidden: User "ann" cannot get resource "pods" in API group "" in the namespace "acc"`."""
    because = f": {reason}" if reason else ""
    if not request.is_resource:
        said = f'forbidden: User "{user.name}" cannot {request.verb} path "{request.path}"{because}'
        return ApiError(403, "Forbidden", said)
    resource = f"{request.resource}/{request.subresource}" if request.subresource else request.resource
    where = f'in the namespace "{request.namespace}"' if request.namespace else "at the cluster scope"
    said = f'User "{user.name}" cannot {request.verb} resource "{resource}" in API group "{request.group}" {where}'
    return refused(request.group, request.resource, request.name, said + because)


def refused(group: str, resource: str, name: str, said: str) -> ApiError:
    """403 about one object (or, without a name, its kind): `nodes "n2" is forbidden: SAID`."""
    qualified = f"{resource}.{group}" if group else resource
    named = f'{qualified} "{name}"' if name else qualified
    details: dict[str, Any] = {"name": name} if name else {}
    details |= ({"group": group} if group else {}) | {"kind": resource}
    return ApiError(403, "Forbidden", f"{named} is forbidden: {said}", details=details)
