"""MutatingAdmissionPolicy and MutatingAdmissionWebhook: what others complete, in two rounds.

How it works: policies run, then webhooks.  Where one of them has changed the object, the built-in plugins see it again, and
then those policies and webhooks that ask for it (`reinvocationPolicy: IfNeeded`) and have not seen what became of it.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from master.api.admission.plugin import Plugin
from master.api.contract import Admission, Attributes

Key = tuple[str, ...]


@dataclass(slots=True)
class Seen:
    """The object as each policy and webhook has left it; `again` in the second round."""

    left: dict[Key, Any] = field(default_factory=dict)
    again: bool = False

    def wants(self, key: Key, reinvocation: str | None, obj: Any) -> bool:
        """Whether it is its turn: always in the first round."""
        if not self.again:
            return True
        return reinvocation == "IfNeeded" and key in self.left and self.left[key] != obj

    def note(self, key: Key, obj: Any) -> None:
        self.left[key] = copy.deepcopy(obj)


class Stage(Protocol):
    def is_idle(self) -> bool:
        """Whether there is nobody to ask."""
        ...

    async def run(self, attributes: Attributes, seen: Seen) -> None: ...


class Completing(Plugin):
    """`before` are the plugins that see again what somebody has changed."""

    name = "MutatingAdmission"

    def __init__(self, stages: Sequence[Stage], before: Sequence[Admission]) -> None:
        self._stages, self._before = stages, before

    async def mutate(self, attributes: Attributes) -> None:
        stages = [stage for stage in self._stages if not stage.is_idle()]
        if not stages:
            return
        seen, original = Seen(), copy.deepcopy(attributes.object)
        for stage in stages:
            await stage.run(attributes, seen)
        if attributes.object == original:
            return
        for plugin in self._before:
            await plugin.mutate(attributes)
        seen.again = True
        for stage in stages:
            await stage.run(attributes, seen)
