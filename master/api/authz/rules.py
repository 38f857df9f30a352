"""Policy rules: what a role allows, compiled once; whether a rule matches a request, and whether rules cover a rule."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from master.api.contract import RequestInfo

EVERY = "*"


@dataclass(frozen=True, slots=True)
class Rule:
    """A PolicyRule; `names` empty means every name.  A rule speaks of resources or of paths, never of both."""

    verbs: frozenset[str]
    groups: frozenset[str] = frozenset()
    resources: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    paths: tuple[str, ...] = ()

    def matches_resource(self, verb: str, group: str, resource: str, subresource: str) -> bool:
        """All but the name, which a caller looks at itself."""
        return (
            (verb in self.verbs or EVERY in self.verbs)
            and (group in self.groups or EVERY in self.groups)
            and self._has_resource(resource, subresource)
        )

    def _has_resource(self, resource: str, subresource: str) -> bool:
        if EVERY in self.resources:
            return True
        if not subresource:
            return resource in self.resources
        return f"{resource}/{subresource}" in self.resources or f"{EVERY}/{subresource}" in self.resources

    def matches_path(self, verb: str, path: str) -> bool:
        return (verb in self.verbs or EVERY in self.verbs) and any(path_matches(given, path) for given in self.paths)

    def matches(self, request: RequestInfo) -> bool:
        if not request.is_resource:
            return self.matches_path(request.verb, request.path)
        if not self.matches_resource(request.verb, request.group, request.resource, request.subresource):
            return False
        return not self.names or request.name in self.names


def path_matches(given: str, path: str) -> bool:
    """`given` is a path, a prefix that ends in `*`, or `*` alone."""
    return given in (EVERY, path) or (given.endswith(EVERY) and path.startswith(given.rstrip(EVERY)))


def compile_rule(rule: dict[str, Any]) -> Rule:
    def values(field: str) -> frozenset[str]:
        return frozenset(rule.get(field) or ())

    paths = tuple(rule.get("nonResourceURLs") or ())
    return Rule(values("verbs"), values("apiGroups"), values("resources"), values("resourceNames"), paths)


def compile_rules(rules: Iterable[dict[str, Any]] | None) -> tuple[Rule, ...]:
    return tuple(compile_rule(rule) for rule in rules or ())


def uncovered(owned: Iterable[Rule], wanted: Iterable[Rule]) -> list[Rule]:
    """The single permissions of `wanted` that no rule of `owned` grants: what a writer of roles would gain."""
    have = list(owned)
    return [single for rule in wanted for single in _singles(rule) if not any(_covers(rule, single) for rule in have)]


def describe(rule: Rule) -> str:
    """`{APIGroups:["apps"], Resources:["deployments"], Verbs:["get"]}`, as refusals list it."""

    def listing(values: Iterable[str]) -> str:
        return "[" + ",".join(f'"{value}"' for value in sorted(values)) + "]"

    parts = [
        ("NonResourceURLs", rule.paths),
        ("APIGroups", rule.groups),
        ("Resources", rule.resources),
        ("ResourceNames", rule.names),
        ("Verbs", rule.verbs),
    ]
    return "{" + ", ".join(f"{name}:{listing(values)}" for name, values in parts if values) + "}"


def _singles(rule: Rule) -> Iterator[Rule]:
    """The rule taken apart: one verb, one group, one resource, one name (or none); one verb, one path."""
    for verb in sorted(rule.verbs):
        for path in rule.paths:
            yield Rule(frozenset({verb}), paths=(path,))
        for group in sorted(rule.groups):
            for resource in sorted(rule.resources):
                for name in sorted(rule.names) or [""]:
                    names = frozenset({name} if name else ())
                    yield Rule(frozenset({verb}), frozenset({group}), frozenset({resource}), names)


def _covers(owner: Rule, single: Rule) -> bool:
    (verb,) = single.verbs
    if single.paths:
        return owner.matches_path(verb, single.paths[0])
    (group,), (resource,) = single.groups, single.resources
    name, _, subresource = resource.partition("/")
    if resource == EVERY and EVERY not in owner.resources:
        return False
    matches = owner.matches_resource(verb, group, name, subresource)
    return matches and (not owner.names or (bool(single.names) and single.names <= owner.names))
