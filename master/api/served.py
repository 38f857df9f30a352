"""The kinds served now: the built-in ones, and those that definitions add and take away while the server runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from kube.kinds import Kind

Shown = Callable[[Sequence[Kind]], None]


class Served:
    def __init__(self, kinds: Iterable[Kind]) -> None:
        self._fixed = tuple(kinds)
        self.kinds: tuple[Kind, ...] = ()
        self._by_resource: dict[tuple[str, str, str], Kind] = {}
        self._told: list[Shown] = []
        self.serve(())

    def find(self, group: str, version: str, plural: str) -> Kind | None:
        return self._by_resource.get((group, version, plural))

    def serve(self, others: Iterable[Kind]) -> None:
        """From now on these, besides the fixed ones, which nobody can replace."""
        self.kinds = (*self._fixed, *others)
        self._by_resource = {(kind.group, kind.version, kind.plural): kind for kind in reversed(self.kinds)}
        for tell in self._told:
            tell(self.kinds)

    def tell(self, shown: Shown) -> None:
        """Call `shown` with the kinds, now and whenever they change."""
        self._told.append(shown)
        shown(self.kinds)
