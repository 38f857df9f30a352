"""Whose pod is it: a controller takes in orphans that its selector matches and lets go those that match no more.

Pure, but for `wakes`, which tells a loop whom a pod concerns.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import NamedTuple

from kube import selectors
from kube.informers import Index, Informer
from kube.kinds import Kind
from kube.selectors import LabelSelector
from master.controllers.objects import Object, controller_of, is_active, is_deleting, key_of

SelectorOf = Callable[[Object], LabelSelector]
Matches = Callable[[Object], bool]


class Claims(NamedTuple):
    kept: tuple[Object, ...]
    adopt: tuple[Object, ...]
    release: tuple[Object, ...]


def claims(owner: Object, matches: Matches, owned: Iterable[Object], orphans: Iterable[Object]) -> Claims:
    """An owner on its way out claims nothing new, and gives nothing away."""
    if is_deleting(owner):
        return Claims(tuple(owned), (), ())
    mine: list[Object] = []
    release: list[Object] = []
    for pod in owned:
        (mine if matches(pod) else release).append(pod)
    return Claims(tuple(mine), tuple(pod for pod in orphans if is_active(pod) and matches(pod)), tuple(release))


def selector_of(owner: Object) -> LabelSelector:
    """That of a workload whose `spec.selector` is a LabelSelector."""
    return selectors.from_object(owner["spec"].get("selector"))


def by_labels(selector: LabelSelector) -> Matches:
    return lambda pod: selector.matches(pod["metadata"].get("labels"))


def wakes(row: Kind, owners: Informer, selector_of: SelectorOf, add: Callable[[Hashable], None]) -> Callable[..., None]:
    """A callback for changes of pods: it wakes their controller, or whoever may adopt an orphan."""
    by_namespace = Index(owners, lambda owner: [owner["metadata"]["namespace"]])

    def changed(_event: str, old: Object | None, new: Object | None) -> None:
        for pod in filter(None, (old, new)):
            reference, namespace = controller_of(pod), pod["metadata"]["namespace"]
            if reference is not None:
                if reference["kind"] == row.kind:
                    add((namespace, reference["name"]))
            elif pod is new and is_active(pod) and (labels := pod["metadata"].get("labels")):
                for owner in by_namespace.get(namespace):
                    if selector_of(owner).matches(labels):
                        add(key_of(owner))

    return changed
