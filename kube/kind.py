"""What a row of the table of kinds says: names, verbs, subresources, where its objects are kept, and its URL paths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from kube.errors import Cause

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
READ_ONLY = ("get", "list")
CREATE_ONLY = ("create",)


@dataclass(frozen=True)
class Subresource:
    """`kind` and `group_version` are empty where the subresource answers with its parent's kind."""

    name: str
    kind: str = ""
    group_version: str = ""
    verbs: tuple[str, ...] = ("get", "patch", "update")


class Custom(Protocol):
    """What a CustomResourceDefinition says of one version of its kind, where a built-in kind has tables."""

    @property
    def owned(self) -> Any:
        """Its type in server-side apply."""
        ...

    @property
    def schema(self) -> dict[str, Any]:
        """The openAPIV3Schema as the definition has it."""
        ...

    @property
    def columns(self) -> Sequence[Any]:
        """Its columns in a Table."""
        ...

    @property
    def selectable(self) -> tuple[str, ...]:
        """The fields this version can be selected by."""
        ...

    @property
    def indexed(self) -> tuple[str, ...]:
        """The fields any version can be selected by: the values kept of an object."""
        ...

    @property
    def deprecation(self) -> str:
        """The warning that every request for it is answered with; empty for none."""
        ...

    @property
    def webhook(self) -> dict[str, Any] | None:
        """The webhook that converts between the kind's versions; None where they differ in their apiVersion alone."""
        ...

    @property
    def siblings(self) -> Sequence[Kind]:
        """All versions that are served, this one among them."""
        ...

    @property
    def is_stored(self) -> bool:
        """Whether objects are stored in this version."""
        ...

    def prune(self, obj: dict[str, Any]) -> list[str]:
        """Removes what the schema does not know, in place; the paths of what was removed."""
        ...

    def complete(self, obj: dict[str, Any]) -> None:
        """Fills in the schema's defaults, in place."""
        ...

    def present(self, obj: dict[str, Any]) -> dict[str, Any]:
        """An object of any version, which may be changed, as one of this."""
        ...

    def counts(self, obj: dict[str, Any]) -> tuple[int | None, int, str]:
        """Its replicas as wanted and as present, and the selector of what it stands for, as text."""
        ...

    def scale(self, obj: dict[str, Any], replicas: int) -> None:
        """Another number of replicas is wanted."""
        ...

    def problems(self, obj: dict[str, Any], old: dict[str, Any] | None, subresource: str) -> list[Cause]:
        """Why the object may not be created, or take the place of `old`."""
        ...


@dataclass(frozen=True)
class Kind:
    """One kind as clients see it (group, version, plural, ...) and as the store lays it out (`prefix`)."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool = True
    singular: str = ""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL_VERBS
    subresources: tuple[Subresource, ...] = ()
    prefix: str = ""
    stored: bool = True
    listed_as: str = ""
    custom: Custom | None = field(default=None, compare=False, repr=False)

    def __hash__(self) -> int:
        return hash((self.group, self.version, self.plural))

    @cached_property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """`deployments.apps`, `pods`: the resource as error messages name it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def list_kind(self) -> str:
        return self.listed_as or self.kind + "List"

    @property
    def singular_name(self) -> str:
        return self.singular or self.kind.lower()

    def subresource(self, name: str) -> Subresource | None:
        return self._subresources.get(name)

    @cached_property
    def _subresources(self) -> dict[str, Subresource]:
        return {sub.name: sub for sub in self.subresources}

    def storage_prefix(self) -> str:
        """`/registry/pods/`: where every object of the kind lies, with the closing slash."""
        return f"/registry/{self.prefix or self.plural}/"

    def storage_key(self, namespace: str, name: str) -> str:
        return self.storage_prefix() + (f"{namespace}/{name}" if self.namespaced else name)

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """The URL path: `/api/v1/namespaces/NS/pods/NAME/status`; a namespaced kind without namespace spans all."""
        parts = ["/apis", self.group, self.version] if self.group else ["/api", self.version]
        if self.namespaced and namespace:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        return "/".join([*parts, *filter(None, (name, subresource))])
