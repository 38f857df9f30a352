"""RBAC: whether some role that reaches the caller has a rule that matches.

How it works: for a caller, namespace, verb and resource the answer is a `Verdict` (always, or by name), computed once and
remembered until any role or binding changes; a decision is then one look into a dict.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from master.api.authz.roles import Roles
from master.api.authz.rules import Rule
from master.api.contract import Decision, RequestInfo, UserInfo

REMEMBERED = 20_000
MASTERS = "system:masters"

DENIED = Decision(False)

Question = tuple[str, tuple[str, ...], str, str, str, str, str]


@dataclass(slots=True)
class Verdict:
    """`always` where a rule allows every name; `by_name` for rules with resourceNames; `denied` for all else."""

    always: Decision | None = None
    by_name: dict[str, Decision] = field(default_factory=dict)
    denied: Decision = DENIED


class Rbac:
    def __init__(self, roles: Roles) -> None:
        self.roles = roles
        self._version = -1
        self._known: dict[Question, Verdict] = {}

    def authorize(self, user: UserInfo, request: RequestInfo) -> Decision:
        if MASTERS in user.groups:
            return Decision(True)
        if self._version != self.roles.version or len(self._known) > REMEMBERED:
            self._known.clear()
            self._version = self.roles.version
        question = (
            (
                user.name,
                user.groups,
                request.verb,
                request.group,
                request.resource,
                request.subresource,
                request.namespace,
            )
            if request.is_resource
            else (user.name, user.groups, request.verb, request.path, "", "", "/")
        )
        verdict = self._known.get(question)
        if verdict is None:
            verdict = self._known[question] = self._decide(user, request)
        return verdict.always or verdict.by_name.get(request.name) or verdict.denied

    def rules_of(self, user: UserInfo, namespace: str) -> Iterator[Rule]:
        for role, _ in self.roles.grants(user, namespace):
            yield from role.rules

    def _decide(self, user: UserInfo, request: RequestInfo) -> Verdict:
        verdict = Verdict()
        for role, reason in self.roles.grants(user, request.namespace):
            for rule in role.rules:
                if _matches_but_name(rule, request):
                    decision = Decision(True, reason)
                    if not rule.names:
                        return Verdict(always=decision)
                    for name in rule.names:
                        verdict.by_name.setdefault(name, decision)
        if missing := self.roles.missing(user, request.namespace):
            listing = missing[0] if len(missing) == 1 else "[" + ", ".join(missing) + "]"
            verdict.denied = Decision(False, f"RBAC: {listing}")
        return verdict


def _matches_but_name(rule: Rule, request: RequestInfo) -> bool:
    if not request.is_resource:
        return rule.matches_path(request.verb, request.path)
    return rule.matches_resource(request.verb, request.group, request.resource, request.subresource)
