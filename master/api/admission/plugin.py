"""What every plugin is: named, and silent about what it does not care for."""

from __future__ import annotations

from collections.abc import Iterable

from kube.errors import ApiError
from kube.kinds import Kind
from master.api.authz.messages import refused
from master.api.contract import Admission, Attributes


class Plugin:
    """Does nothing; a plugin overrides one of the two."""

    name = ""
    kinds: frozenset[Kind] | None = None
    """Whose writes it looks at, subresources among them; None for all."""

    async def mutate(self, attributes: Attributes) -> None:
        """Changes `attributes.object` in place, or refuses by ApiError."""

    async def validate(self, attributes: Attributes) -> None:
        """Refuses by ApiError; changes nothing."""


def concerns(attributes: Attributes, kind: Kind, *operations: str) -> bool:
    """Whether this writes an object of `kind` itself (no subresource) by one of `operations`."""
    return attributes.kind is kind and not attributes.subresource and attributes.operation in operations


def refusal(attributes: Attributes, said: str) -> ApiError:
    """403: `pods "x" is forbidden: SAID`."""
    return refused(attributes.kind.group, attributes.kind.plural, attributes.name, said)


async def admit(plugins: Iterable[Admission], attributes: Attributes) -> None:
    """The whole chain, for what is written past the registry."""
    chain = list(plugins)
    for plugin in chain:
        await plugin.mutate(attributes)
    for plugin in chain:
        await plugin.validate(attributes)
