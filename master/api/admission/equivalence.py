"""The same write in another version: what a webhook or a policy sees that asks for the resource in a version of its own.

`matchPolicy: Equivalent` means every version under which an object is served, and is what is meant where nothing is said.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from kube.kinds import Kind
from master.api.contract import Attributes, Object
from master.api.customs.converting import Converting, is_asked
from master.api.versions import served_over, version_of

EQUIVALENT = "Equivalent"


def siblings(kind: Kind) -> Sequence[Kind]:
    """The other versions of the kind."""
    found = served_over(kind) if kind.custom is None else kind.custom.siblings
    return [each for each in found if each.version != kind.version or each.group != kind.group]


@dataclass(frozen=True, slots=True)
class Equivalence:
    converting: Converting

    async def seen(
        self, wanted: Object, attributes: Attributes, fits: Callable[[Attributes], bool]
    ) -> Attributes | None:
        """The write as `wanted` asks for it; None where it does not ask for it in any version."""
        if fits(attributes):
            return attributes
        if wanted.get("matchPolicy", EQUIVALENT) != EQUIVALENT:
            return None
        for kind in siblings(attributes.kind):
            other = replace(attributes, kind=kind, requested=attributes.kind)
            if fits(other):
                return await self._converted(attributes, other)
        return None

    async def _converted(self, attributes: Attributes, other: Attributes) -> Attributes:
        if attributes.body is None:
            other.object = await self.convert(attributes.object, attributes.kind, other.kind)
            other.old = await self.convert(attributes.old, attributes.kind, other.kind)
        return other

    async def convert(self, obj: Object | None, kind: Kind, wanted: Kind) -> Object | None:
        """A copy of the object in the other version."""
        if obj is None or kind == wanted:
            return obj
        obj = copy.deepcopy(obj)
        if is_asked(wanted):
            return await self.converting.object(wanted, {"apiVersion": kind.api_version, "kind": kind.kind} | obj)
        if wanted.custom is not None:
            return wanted.custom.present(obj)
        version = version_of(wanted)
        return version.present(obj) if version.stored == kind else version_of(kind).to_stored(obj)

    async def write_back(self, view: Attributes, attributes: Attributes) -> None:
        """What was made of the object in another version, in the version of the request."""
        if view is attributes or view.object is None or attributes.object is None:
            return
        found = view.object
        if view.body is None:
            found = await self.convert(view.object, view.kind, attributes.kind) or found
        attributes.object.clear()
        attributes.object.update(found)
