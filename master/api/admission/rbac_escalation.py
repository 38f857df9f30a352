"""Escalation: who writes a role must hold what it grants, or may `escalate`; who binds one likewise, or may `bind`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from kube.errors import not_found
from master.api.admission.plugin import Plugin, refusal
from master.api.authz import Authorization
from master.api.authz.rbac import MASTERS
from master.api.authz.rules import Rule, compile_rules, describe, uncovered
from master.api.contract import Attributes, Object, RequestInfo
from master.api.rows import CLUSTER_ROLE, CLUSTER_ROLE_BINDING, ROLE, ROLE_BINDING

GROUP = "rbac.authorization.k8s.io"
ROLES = (ROLE, CLUSTER_ROLE)
BINDINGS = (ROLE_BINDING, CLUSTER_ROLE_BINDING)
EVERYTHING = (
    Rule(frozenset("*"), frozenset("*"), frozenset("*")),
    Rule(frozenset("*"), paths=("*",)),
)
"""What a role that aggregates may come to grant."""


class RbacEscalation(Plugin):
    name = "RBACEscalation"
    kinds = frozenset({*ROLES, *BINDINGS})

    def __init__(self, access: Authorization) -> None:
        self._access = access

    async def validate(self, attributes: Attributes) -> None:
        kind, new = attributes.kind, attributes.object
        if new is None or attributes.subresource or MASTERS in attributes.user.groups:
            return
        if kind in ROLES:
            self._check_role(attributes, new)
        elif kind in BINDINGS:
            self._check_binding(attributes, new)

    def _check_role(self, attributes: Attributes, new: Object) -> None:
        old = attributes.old or {}
        if all(new.get(field) == old.get(field) for field in ("rules", "aggregationRule")):
            return
        if self._may(attributes, "escalate", attributes.kind.plural, attributes.name):
            return
        wanted: Sequence[Rule] = compile_rules(new.get("rules"))
        if new.get("aggregationRule"):
            wanted = (*wanted, *EVERYTHING)
        self._compare(attributes, wanted)

    def _check_binding(self, attributes: Attributes, new: Object) -> None:
        old = attributes.old or {}
        if all(new.get(field) == old.get(field) for field in ("subjects", "roleRef")):
            return
        reference = new["roleRef"]
        plural = "clusterroles" if reference["kind"] == "ClusterRole" else "roles"
        if self._may(attributes, "bind", plural, reference["name"]):
            return
        role = self._access.rbac.roles.role(
            ("" if plural == "clusterroles" else attributes.namespace, reference["name"])
        )
        if role is None:
            raise not_found(plural, reference["name"], GROUP)
        self._compare(attributes, role.rules)

    def _may(self, attributes: Attributes, verb: str, plural: str, name: str) -> bool:
        asked = RequestInfo(verb, "", True, GROUP, "v1", plural, "", attributes.namespace, name)
        return self._access.authorize(attributes.user, asked).allowed

    def _compare(self, attributes: Attributes, wanted: Iterable[Rule]) -> None:
        """403 with what the caller would gain."""
        owned = self._access.rbac.rules_of(attributes.user, attributes.namespace)
        gained = uncovered(owned, wanted)
        if not gained:
            return
        user = f'user "{attributes.user.name}" (groups={json.dumps(list(attributes.user.groups))})'
        listing = "\n".join(map(describe, merge(gained)))
        raise refusal(attributes, f"{user} is attempting to grant RBAC permissions not currently held:\n{listing}")


def merge(singles: Iterable[Rule]) -> list[Rule]:
    """Single permissions of one thing become one rule with all their verbs."""
    found: dict[Rule, set[str]] = {}
    for single in singles:
        thing = Rule(frozenset(), single.groups, single.resources, single.names, single.paths)
        found.setdefault(thing, set()).update(single.verbs)
    return [
        Rule(frozenset(verbs), thing.groups, thing.resources, thing.names, thing.paths)
        for thing, verbs in found.items()
    ]
