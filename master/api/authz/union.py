"""Authorizers in order: one that allows is enough; when none does, their reasons are told together."""

from __future__ import annotations

from collections.abc import Sequence

from master.api.contract import Authorizer, Decision, RequestInfo, UserInfo


class Union:
    def __init__(self, authorizers: Sequence[Authorizer]) -> None:
        self._authorizers = authorizers

    def authorize(self, user: UserInfo, request: RequestInfo) -> Decision:
        reasons = []
        for authorizer in self._authorizers:
            decision = authorizer.authorize(user, request)
            if decision.allowed:
                return decision
            if decision.reason:
                reasons.append(decision.reason)
        return Decision(False, "\n".join(reasons))
