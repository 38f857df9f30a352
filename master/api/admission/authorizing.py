"""The `authorizer` of expressions: may who asks, or a service account, do something else?

authorizer.group("apps").resource("deployments").subresource("scale").namespace("a").name("b").check("update").allowed()
authorizer.path("/healthz").check("get").allowed()
authorizer.serviceAccount("ns", "name")...          authorizer.requestResource.check("custom")
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from master.api.cel.overloads import overload
from master.api.cel.values import Type
from master.api.contract import Attributes, Authorizer, Decision, RequestInfo, UserInfo

PREFIX = "kubernetes.authorization."
CHECK = Type(f"{PREFIX}Check")
AUTHORIZER = Type(f"{PREFIX}Authorizer", fields={"requestResource": ("requested", CHECK)})


@dataclass(frozen=True, slots=True)
class Asking:
    cel_name: ClassVar[str] = AUTHORIZER.name
    cel_fields: ClassVar[tuple[str, ...]] = ("requested",)
    authorizer: Authorizer
    user: UserInfo
    attributes: Attributes | None = None

    def as_account(self, namespace: str, name: str) -> Asking:
        groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated")
        return Asking(self.authorizer, UserInfo(f"system:serviceaccount:{namespace}:{name}", groups), self.attributes)

    @property
    def requested(self) -> Check:
        """The resource that is being written."""
        found = self.attributes
        if found is None:
            return Check(self, RequestInfo("", "", True))
        kind = found.kind
        info = RequestInfo(
            "", "", True, kind.group, kind.version, kind.plural, found.subresource, found.namespace, found.name
        )
        return Check(self, info)


@dataclass(frozen=True, slots=True)
class Check:
    """A question without its verb."""

    cel_name: ClassVar[str] = CHECK.name
    asking: Asking
    info: RequestInfo

    def narrowed(self, member: str, value: str) -> Check:
        members: dict[str, Any] = {member: value}
        return Check(self.asking, replace(self.info, **members))

    def check(self, verb: str) -> Verdict:
        return Verdict(self.asking.authorizer.authorize(self.asking.user, replace(self.info, verb=verb)))


@dataclass(frozen=True, slots=True)
class Verdict:
    cel_name: ClassVar[str] = f"{PREFIX}Decision"
    decision: Decision


def _group(asking: Asking, group: str) -> Check:
    return Check(asking, RequestInfo("", "", True, group))


def _path(asking: Asking, path: str) -> Check:
    return Check(asking, RequestInfo("", path))


_A, _C, _D = AUTHORIZER.name, Check.cel_name, Verdict.cel_name
COST = 350_000
"""What one question costs, in the reference's units."""


def _dear(*_sizes: int) -> int:
    return COST


FUNCTIONS = (
    overload(f"{_A}->group(string): {_C}", _group),
    overload(f"{_A}->path(string): {_C}", _path),
    overload(f"{_A}->serviceAccount(string, string): {_A}", Asking.as_account),
    overload(f"{_C}->resource(string): {_C}", lambda one, name: one.narrowed("resource", name)),
    overload(f"{_C}->subresource(string): {_C}", lambda one, name: one.narrowed("subresource", name)),
    overload(f"{_C}->namespace(string): {_C}", lambda one, name: one.narrowed("namespace", name)),
    overload(f"{_C}->name(string): {_C}", lambda one, name: one.narrowed("name", name)),
    overload(f"{_C}->check(string): {_D}", Check.check, _dear),
    overload(f"{_D}->allowed(): bool", lambda one: one.decision.allowed),
    overload(f"{_D}->reason(): string", lambda one: one.decision.reason),
    overload(f"{_D}->errored(): bool", lambda _one: False),
    overload(f"{_D}->error(): string", lambda _one: ""),
    overload("jsonpatch.escapeKey(string): string", lambda text: text.replace("~", "~0").replace("/", "~1")),
)
