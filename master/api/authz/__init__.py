"""Authorization: may this caller do this?  One file an authorizer; from memory, without waiting.

Belongs here: RBAC, the Node authorizer, what they are asked by reviews, and the words of a refusal.
Does not: who the caller is (authn), and anything that looks at the object written (admission).

Reading order: rules, roles, rbac; references, graph, node; union; reviews.
"""

from __future__ import annotations

from dataclasses import dataclass

from master.api.authz.graph import Graph
from master.api.authz.messages import forbidden, refused
from master.api.authz.node import NodeAuthorizer
from master.api.authz.rbac import Rbac
from master.api.authz.roles import Roles
from master.api.authz.union import Union
from master.api.contract import Decision, RequestInfo, UserInfo
from master.api.default_objects import rules_of
from master.api.sources import Source

__all__ = ["Authorization", "build", "forbidden", "refused"]


@dataclass(frozen=True, slots=True)
class Authorization:
    """The authorizer of the API server; `rbac` is open to what must know the rules themselves (reviews, escalation)."""

    rbac: Rbac
    graph: Graph
    union: Union

    def authorize(self, user: UserInfo, request: RequestInfo) -> Decision:
        return self.union.authorize(user, request)

    def check(self, user: UserInfo, request: RequestInfo) -> None:
        """ApiError 403 in kube-apiserver's words when `user` may not."""
        decision = self.union.authorize(user, request)
        if not decision.allowed:
            raise forbidden(user, request, decision.reason)

    def reload(self) -> None:
        """After the reader was filled anew without telling each change."""
        self.rbac.roles.load()
        self.graph.load()


def build(reader: Source) -> Authorization:
    """From a filled reader; follows its changes from now on."""
    roles, graph = Roles(reader), Graph(reader)
    roles.watch(reader)
    graph.watch(reader)
    rbac = Rbac(roles)
    return Authorization(rbac, graph, Union([NodeAuthorizer(graph, rules_of("system:node")), rbac]))
