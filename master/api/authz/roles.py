"""Roles and bindings in memory, by subject, kept up to date write by write.

How it works: a role is compiled when it is written; a binding lies under each of its subjects; `grants` walks the bindings of
the caller's name and groups.  A ClusterRole with an aggregation rule grants what the roles it selects grant.  `version`
counts changes, so that decisions made from here can be remembered until the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kube.kinds import Kind
from kube.selectors import from_object
from master.api.authz.rules import Rule, compile_rules
from master.api.contract import Object, Reader, UserInfo
from master.api.rows import CLUSTER_ROLE, CLUSTER_ROLE_BINDING, ROLE, ROLE_BINDING
from master.api.sources import Change, Source

Key = tuple[str, str]
"""(namespace, name); the namespace is empty for the cluster's own."""


@dataclass(frozen=True, slots=True)
class Binding:
    key: Key
    subjects: tuple[tuple[str, str], ...]
    role: Key
    role_kind: str
    words: dict[tuple[str, str], str]

    def reason(self, subject: tuple[str, str]) -> str:
        """Why this binding allows: as SubjectAccessReview answers it."""
        namespace, name = self.key
        kind, shown = ("RoleBinding", f"{name}/{namespace}") if namespace else ("ClusterRoleBinding", name)
        return f'RBAC: allowed by {kind} "{shown}" of {self.role_kind} "{self.role[1]}" to {self.words[subject]}'


@dataclass(frozen=True, slots=True)
class Role:
    rules: tuple[Rule, ...]
    raw: tuple[Object, ...]
    labels: dict[str, str]
    aggregates: tuple[Any, ...] = ()


class Roles:
    """All four kinds of RBAC."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._roles: dict[Key, Role] = {}
        self._bindings: dict[Key, Binding] = {}
        self._by_subject: dict[tuple[str, str], dict[Key, Binding]] = {}
        self.version = 0
        self.load()

    def load(self) -> None:
        """Start over from what the reader has."""
        self._roles.clear()
        self._bindings.clear()
        self._by_subject.clear()
        for kind in (CLUSTER_ROLE, ROLE, CLUSTER_ROLE_BINDING, ROLE_BINDING):
            for obj in self._reader.list(kind):
                self.put(kind, obj)
        self.version += 1

    def watch(self, source: Source) -> None:
        for kind in (CLUSTER_ROLE, ROLE, CLUSTER_ROLE_BINDING, ROLE_BINDING):
            source.listen(kind, lambda change, kind=kind: self._on_change(kind, change))

    def _on_change(self, kind: Kind, change: Change) -> None:
        obj = change.entry.decode()
        self.drop(kind, obj) if change.type == "DELETED" else self.put(kind, obj)

    def put(self, kind: Kind, obj: Object) -> None:
        self.version += 1
        key = _key(obj)
        if kind in (ROLE, CLUSTER_ROLE):
            self._roles[key] = compile_role(obj)
            return
        self._unbind(key)
        binding = self._bindings[key] = compile_binding(obj)
        for subject in binding.subjects:
            self._by_subject.setdefault(subject, {})[key] = binding

    def drop(self, kind: Kind, obj: Object) -> None:
        self.version += 1
        if kind in (ROLE, CLUSTER_ROLE):
            self._roles.pop(_key(obj), None)
        else:
            self._unbind(_key(obj))

    def _unbind(self, key: Key) -> None:
        old = self._bindings.pop(key, None)
        for subject in old.subjects if old else ():
            self._by_subject[subject].pop(key, None)
            if not self._by_subject[subject]:
                del self._by_subject[subject]

    def role(self, key: Key) -> Role | None:
        """The role; one that aggregates grants what the roles it selects grant, whatever was written into it."""
        role = self._roles.get(key)
        if role is None or not role.aggregates:
            return role
        parts = list(self._selected(role, {key}))
        rules = tuple(rule for part in parts for rule in part.rules)
        return Role(rules, tuple(rule for part in parts for rule in part.raw), role.labels)

    def _selected(self, role: Role, seen: set[Key]) -> Iterator[Role]:
        """What `role` aggregates, down to roles with rules of their own (admin selects edit, which selects view)."""
        for key, other in sorted(self._roles.items()):
            if key[0] or key in seen or not any(each.matches(other.labels) for each in role.aggregates):
                continue
            seen.add(key)
            if other.aggregates:
                yield from self._selected(other, seen)
            else:
                yield other

    def grants(self, user: UserInfo, namespace: str) -> Iterator[tuple[Role, str]]:
        """Each role that reaches `user` in `namespace` (empty: at cluster scope) with the words of its binding."""
        for binding, subject in self._reaching(user, namespace):
            if (role := self.role(binding.role)) is not None:
                yield role, binding.reason(subject)

    def missing(self, user: UserInfo, namespace: str) -> list[str]:
        """The roles that bindings of the user name and that are not there, as refusals mention them."""
        absent = [binding for binding, _ in self._reaching(user, namespace) if binding.role not in self._roles]
        return [f'{b.role_kind.lower()}.rbac.authorization.k8s.io "{b.role[1]}" not found' for b in absent]

    def _reaching(self, user: UserInfo, namespace: str) -> Iterator[tuple[Binding, tuple[str, str]]]:
        """The bindings of the user, the cluster's own first, each with the subject that the user is."""
        subjects = {("User", user.name), *(("Group", group) for group in user.groups)}
        keys = {key for subject in subjects for key in self._by_subject.get(subject, ())}
        for key in sorted(keys):
            if key[0] in ("", namespace):
                binding = self._bindings[key]
                yield binding, next(subject for subject in binding.subjects if subject in subjects)


def compile_role(obj: Object) -> Role:
    selectors = (obj.get("aggregationRule") or {}).get("clusterRoleSelectors") or ()
    return Role(
        compile_rules(obj.get("rules")),
        tuple(obj.get("rules") or ()),
        obj["metadata"].get("labels") or {},
        tuple(from_object(selector) for selector in selectors),
    )


def compile_binding(obj: Object) -> Binding:
    key = _key(obj)
    reference = obj["roleRef"]
    words: dict[tuple[str, str], str] = {}
    for subject in obj.get("subjects") or ():
        name, namespace = subject["name"], subject.get("namespace") or key[0]
        if subject["kind"] == "ServiceAccount":
            words["User", f"system:serviceaccount:{namespace}:{name}"] = f'ServiceAccount "{name}/{namespace}"'
        else:
            words[subject["kind"], name] = f'{subject["kind"]} "{name}"'
    role = ("" if reference["kind"] == "ClusterRole" else key[0], reference["name"])
    return Binding(key, tuple(words), role, reference["kind"], words)


def _key(obj: Object) -> Key:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]
