"""NodeRestriction: a node writes its own Node, Lease and pods' status, and asks tokens for its own pods alone.

How it works: `CHECKS` names a function for each resource and subresource that nodes may write; it returns what is wrong, or
nothing.  The Node authorizer has already decided what can be decided without the object.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from master.api.admission.node_labels import forbidden_labels
from master.api.admission.plugin import Plugin, refusal
from master.api.authz.node import LEASES, node_of
from master.api.authz.references import MIRROR, references
from master.api.contract import Attributes, Object
from master.api.rows import POD
from master.api.sources import Fresh, find

WORDS = {
    "secrets": "secrets",
    "configmaps": "configmaps",
    "persistentvolumeclaims": "persistentvolumeclaims",
    "resourceclaims": "resource claims",
    "serviceaccounts": "a service account",
}


class NodeRestriction(Plugin):
    name = "NodeRestriction"

    def __init__(self, reader: Fresh) -> None:
        self._reader = reader

    async def validate(self, attributes: Attributes) -> None:
        node = node_of(attributes.user)
        if not node:
            return
        key = (attributes.kind.group, attributes.kind.plural, attributes.subresource)
        if key == ("", "serviceaccounts", "token"):
            wrong = await self._token(node, attributes)
        elif key == ("", "pods", "eviction"):
            wrong = await self._eviction(node, attributes)
        else:
            check = CHECKS.get(key)
            wrong = check(node, attributes) if check else ""
        if wrong:
            raise refusal(attributes, wrong)

    async def _eviction(self, node: str, attributes: Attributes) -> str:
        pod = await find(self._reader, POD, attributes.namespace, attributes.name)
        if pod is None or pod["spec"].get("nodeName") == node:
            return ""
        return f"node {node} can only evict pods with spec.nodeName set to itself"

    async def _token(self, node: str, attributes: Attributes) -> str:
        bound = ((attributes.object or {}).get("spec") or {}).get("boundObjectRef") or {}
        if (bound.get("apiVersion"), bound.get("kind")) != ("v1", "Pod") or not bound.get("name"):
            return "node requested token not bound to a pod"
        if not bound.get("uid"):
            return "node requested token with a pod binding without a uid"
        pod = await find(self._reader, POD, attributes.namespace, bound["name"])
        if pod is None or pod["metadata"]["uid"] != bound["uid"]:
            return "the pod that the token is bound to does not exist"
        if pod["spec"].get("nodeName") != node:
            return "node requested token bound to a pod scheduled on a different node"
        return _audience(attributes, pod)


def _audience(attributes: Attributes, pod: Object) -> str:
    """A node asks for the tokens that its pod mounts, for no other audience."""
    asked = ((attributes.object or {}).get("spec") or {}).get("audiences") or [""]
    if len(asked) > 1:
        return "node may only request 0 or 1 audiences"
    mounted = {
        source["serviceAccountToken"].get("audience") or ""
        for volume in pod["spec"].get("volumes") or ()
        for source in (volume.get("projected") or {}).get("sources") or ()
        if source.get("serviceAccountToken")
    }
    if asked[0] in mounted:
        return ""
    said = f'audience "{asked[0]}" not found in pod spec volume'
    return f"{said}, {attributes.user.name} is not authorized to request tokens for this audience"


def _pods(node: str, attributes: Attributes) -> str:
    if attributes.operation == "CREATE" and attributes.object:
        return _mirror_pod(node, attributes.object)
    if attributes.operation == "DELETE" and attributes.old:
        own = attributes.old["spec"].get("nodeName") == node
        return "" if own else f'node "{node}" can only delete pods with spec.nodeName set to itself'
    return f"unexpected operation {attributes.operation}"


def _mirror_pod(node: str, pod: Object) -> str:
    if MIRROR not in (pod["metadata"].get("annotations") or {}):
        return f'pod does not have "{MIRROR}" annotation, node "{node}" can only create mirror pods'
    if pod["spec"].get("nodeName") != node:
        return f'node "{node}" can only create pods with spec.nodeName set to itself'
    owners = pod["metadata"].get("ownerReferences") or []
    if len(owners) > 1 or any((each.get("kind"), each.get("name")) != ("Node", node) for each in owners):
        return f'node "{node}" can only create pods with an owner reference set to itself'
    bare = pod | {"metadata": {"name": pod["metadata"].get("name", "")}}
    for resource, _ in sorted(references(bare)):
        return f'node "{node}" can not create pods that reference {WORDS[resource]}'
    return ""


def _pod_status(node: str, attributes: Attributes) -> str:
    old, new = attributes.old or {}, attributes.object or {}
    if attributes.operation != "UPDATE":
        return f"unexpected operation {attributes.operation}"
    if old["spec"].get("nodeName") != node:
        return f'node "{node}" can only update pod status for pods with spec.nodeName set to itself'
    if (old["metadata"].get("labels") or {}) != (new["metadata"].get("labels") or {}):
        return f'node "{node}" cannot update labels through pod status'
    return ""


def _nodes(node: str, attributes: Attributes) -> str:
    if attributes.name != node:
        return f'node "{node}" is not allowed to modify node "{attributes.name}"'
    new, old = attributes.object, attributes.old
    if attributes.operation == "CREATE" and new:
        wrong = forbidden_labels(_labels(new), {})
        return f"is not allowed to set the following labels: {', '.join(wrong)}" if wrong else ""
    if attributes.operation == "UPDATE" and new and old:
        return _node_update(node, new, old)
    return ""


def _node_update(node: str, new: Object, old: Object) -> str:
    if (new.get("spec") or {}).get("taints") != (old.get("spec") or {}).get("taints"):
        return f'node "{node}" is not allowed to modify taints'
    if new["metadata"].get("ownerReferences") != old["metadata"].get("ownerReferences"):
        return f'node "{node}" is not allowed to modify ownerReferences'
    wrong = forbidden_labels(_labels(new), _labels(old))
    return f"is not allowed to modify labels: {', '.join(wrong)}" if wrong else ""


def _leases(node: str, attributes: Attributes) -> str:
    if attributes.namespace != LEASES:
        return f'can only access leases in the "{LEASES}" system namespace'
    return "" if attributes.name == node else "can only access node lease with the same name as the requesting node"


def _csi_nodes(node: str, attributes: Attributes) -> str:
    return "" if attributes.name == node else "can only access CSINode with the same name as the requesting node"


def _labels(obj: Object) -> dict[str, Any]:
    return obj["metadata"].get("labels") or {}


CHECKS: dict[tuple[str, str, str], Callable[[str, Attributes], str]] = {
    ("", "pods", ""): _pods,
    ("", "pods", "status"): _pod_status,
    ("", "nodes", ""): _nodes,
    ("", "nodes", "status"): _nodes,
    ("coordination.k8s.io", "leases", ""): _leases,
    ("storage.k8s.io", "csinodes", ""): _csi_nodes,
}
