"""The Node authorizer: a node reads what its own pods name, and writes its own Node, Lease and pods' status.

What it may write is looked at again, object in hand, by the NodeRestriction admission.  What this authorizer refuses, RBAC
may still allow.  `READ` and `RULES` are the whole policy (Kubernetes' documentation, "Using Node Authorization").
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from kube.selectors import parse_fields
from master.api.authz.graph import Graph
from master.api.authz.rules import compile_rules
from master.api.contract import Decision, RequestInfo, UserInfo

PREFIX = "system:node:"
GROUP = "system:nodes"
NO_OPINION = Decision(False)
ALLOWED = Decision(True)
LEASES = "kube-node-lease"

NAMED_READS: dict[tuple[str, str], tuple[tuple[str, ...], bool]] = {
    ("", "secrets"): (("get", "list", "watch"), True),
    ("", "configmaps"): (("get", "list", "watch"), True),
    ("", "persistentvolumeclaims"): (("get",), True),
    ("", "persistentvolumes"): (("get",), False),
    ("resource.k8s.io", "resourceclaims"): (("get",), True),
}
"""(group, resource) → (verbs, namespaced): readable one by one, where a pod of the node names them."""


def node_of(user: UserInfo) -> str:
    """The node that this user is, or nothing."""
    return user.name.removeprefix(PREFIX) if user.name.startswith(PREFIX) and GROUP in user.groups else ""


class NodeAuthorizer:
    def __init__(self, graph: Graph, rules: Iterable[dict[str, Any]]) -> None:
        """`rules`: those of the ClusterRole system:node, for all that needs no look at the graph."""
        self.graph = graph
        self._rules = compile_rules(rules)
        self._special: dict[tuple[str, str], Callable[[str, RequestInfo], Decision]] = {
            ("", "pods"): self._pods,
            ("", "nodes"): self._nodes,
            ("", "serviceaccounts"): self._service_accounts,
            ("coordination.k8s.io", "leases"): self._leases,
            ("storage.k8s.io", "csinodes"): self._csi_nodes,
        }

    def authorize(self, user: UserInfo, request: RequestInfo) -> Decision:
        node = node_of(user)
        if not node:
            return NO_OPINION
        resource = (request.group, request.resource)
        if request.is_resource and resource in NAMED_READS:
            return self._named_read(node, request, *NAMED_READS[resource])
        if request.is_resource and resource in self._special:
            return self._special[resource](node, request)
        return self._by_rules(request)

    def _by_rules(self, request: RequestInfo) -> Decision:
        return ALLOWED if any(rule.matches(request) for rule in self._rules) else NO_OPINION

    def _named_read(self, node: str, request: RequestInfo, verbs: tuple[str, ...], namespaced: bool) -> Decision:
        if request.verb not in verbs:
            return Decision(False, f"can only {'/'.join(verbs)} resources of this type")
        if request.subresource:
            return Decision(False, "cannot read subresource")
        if namespaced and not request.namespace:
            return Decision(False, "can only read namespaced object of this type")
        return self._related(node, request)

    def _related(self, node: str, request: RequestInfo) -> Decision:
        if not request.name:
            return Decision(False, "No Object name found")
        if self.graph.needs(node, request.resource, request.namespace, request.name):
            return ALLOWED
        return Decision(False, f"no relationship found between node '{node}' and this object")

    def _pods(self, node: str, request: RequestInfo) -> Decision:
        if request.subresource or request.verb not in ("get", "list", "watch"):
            return self._by_rules(request)
        if request.verb == "get" or request.name:
            return self._related(node, request)
        if _selects(request, "spec.nodeName", node):
            return ALLOWED
        return Decision(False, "can only list/watch pods with spec.nodeName field selector")

    def _nodes(self, node: str, request: RequestInfo) -> Decision:
        if request.subresource or request.verb not in ("get", "list", "watch"):
            return self._by_rules(request)
        if request.name == node or _selects(request, "metadata.name", node):
            return ALLOWED
        return Decision(False, f"node '{node}' cannot read all nodes, only its own Node object")

    def _service_accounts(self, node: str, request: RequestInfo) -> Decision:
        """An account of its pods: to read it, and to make tokens for it."""
        if (request.verb, request.subresource) in (("get", ""), ("create", "token")):
            return self._related(node, request)
        return Decision(False, "can only get individual service accounts, and create tokens for them")

    def _leases(self, node: str, request: RequestInfo) -> Decision:
        if request.verb not in ("get", "create", "update", "patch", "delete"):
            return Decision(False, "can only get, create, update, patch, or delete a node lease")
        if request.namespace != LEASES:
            return Decision(False, f'can only access leases in the "{LEASES}" system namespace')
        if request.verb != "create" and request.name != node:
            return Decision(False, "can only access node lease with the same name as the requesting node")
        return ALLOWED

    def _csi_nodes(self, node: str, request: RequestInfo) -> Decision:
        if request.verb not in ("get", "create", "update", "patch", "delete"):
            return Decision(False, "can only get, create, update, patch, or delete a CSINode")
        if request.verb != "create" and request.name != node:
            return Decision(False, "can only access CSINode with the same name as the requesting node")
        return ALLOWED


def _selects(request: RequestInfo, field: str, value: str) -> bool:
    """Whether the request's field selector holds the listing to `field == value`."""
    if not request.field_selector:
        return False
    return any(term.field == field and term.op in ("=", "==") and term.value == value for term in _terms(request))


def _terms(request: RequestInfo) -> list[Any]:
    return list(parse_fields(request.field_selector))
