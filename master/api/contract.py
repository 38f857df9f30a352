"""What the rooms of the API server say to each other: who asks, for what, and what admission may look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol

from kube.kinds import Kind

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class UserInfo:
    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RequestInfo:
    """A request as RBAC sees it.  verb is Kubernetes' (get, list, watch, create, update, patch, delete, deletecollection)
    or, for a path outside the API (`path`), the method in lower case."""

    verb: str
    path: str
    is_resource: bool = False
    group: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    label_selector: str = ""
    field_selector: str = ""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a connection shows of its caller: the verified client certificate (DER), the bearer token; either may be missing."""

    certificate: bytes | None
    token: str | None
    remote: str = ""


class Authenticator(Protocol):
    async def authenticate(self, credentials: Credentials) -> UserInfo | None:
        """None: no opinion.  ApiError 401: these credentials are mine and they are bad."""
        ...


@dataclass(frozen=True, slots=True)
class Decision:
    allowed: bool
    reason: str = ""


class Authorizer(Protocol):
    def authorize(self, user: UserInfo, request: RequestInfo) -> Decision:
        """From memory, without waiting."""
        ...


NOTES: ContextVar[dict[str, str] | None] = ContextVar("audit annotations", default=None)


def note(key: str, value: str) -> None:
    """Adds to what the audit log says of the request under way, if there is one."""
    notes = NOTES.get()
    if notes is not None:
        notes[key] = value


@dataclass(slots=True)
class Attributes:
    """One write as admission sees it; a mutating plugin changes `object` in place.  `object` is None for DELETE,
    `old` for CREATE.  For a subresource `object` is its own kind (Binding, Scale, Eviction, TokenRequest, ...)."""

    operation: str  # CREATE, UPDATE, DELETE, CONNECT
    kind: Kind
    subresource: str
    namespace: str
    name: str
    object: Object | None
    old: Object | None
    user: UserInfo
    dry_run: bool = False
    options: Object = field(default_factory=dict)
    warn: Callable[[str], None] = lambda _message: None
    annotate: Callable[[str, str], None] = note
    body: Kind | None = None
    """The kind of `object` where it is another than that of the resource."""

    requested: Kind | None = None
    """The kind as it was asked for, where the object is shown in another version of it."""

    @property
    def shown(self) -> Kind:
        """What `object` and `old` are."""
        return self.body or self.kind


@dataclass(frozen=True, slots=True)
class Part:
    """A subresource that shows its object as another kind: Scale.  `put` writes a part into the whole it was taken of."""

    kind: Kind
    of: Callable[[Object], Object]
    put: Callable[[Object, Object], Object]


class Reader(Protocol):
    """The watch cache as authn, authz and admission read it: decoded objects, never to be changed."""

    def get(self, kind: Kind, namespace: str, name: str) -> Object | None: ...
    def list(self, kind: Kind, namespace: str = "") -> list[Object]: ...


class Admission(Protocol):
    """A plugin: `mutate` runs for every plugin in order, then `validate` for every plugin.  A refusal is an ApiError."""

    name: str

    async def mutate(self, attributes: Attributes) -> None: ...
    async def validate(self, attributes: Attributes) -> None: ...
