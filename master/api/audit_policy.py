"""How much the audit log says of a request: rules of a policy file (audit.k8s.io/v1 Policy), the first that fits decides."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from kube.settings import SettingsError
from master.api.contract import RequestInfo, UserInfo

LEVELS = {"None": 0, "Metadata": 1, "Request": 2, "RequestResponse": 3}
STAGES = ("RequestReceived", "ResponseStarted", "ResponseComplete", "Panic")
KEYS = frozenset(
    [
        "level",
        "users",
        "userGroups",
        "verbs",
        "resources",
        "namespaces",
        "nonResourceURLs",
        "omitStages",
        "omitManagedFields",
    ]
)


@dataclass(frozen=True, slots=True)
class Rule:
    """Empty means any.  `resources` are (group, resources, names); `bare` leaves managedFields out."""

    level: str
    users: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    verbs: frozenset[str] = frozenset()
    resources: tuple[tuple[str, frozenset[str], frozenset[str]], ...] = ()
    namespaces: frozenset[str] = frozenset()
    paths: tuple[str, ...] = ()
    omitted: frozenset[str] = frozenset()
    bare: bool = False

    def fits(self, user: UserInfo, info: RequestInfo) -> bool:
        if self.users and user.name not in self.users:
            return False
        if self.groups and not self.groups & set(user.groups):
            return False
        if self.verbs and info.verb not in self.verbs:
            return False
        if not self.resources and not self.namespaces and not self.paths:
            return True
        return self._fits_resource(info) if info.is_resource else self._fits_path(info.path)

    def _fits_resource(self, info: RequestInfo) -> bool:
        if self.paths and not self.resources and not self.namespaces:
            return False
        if self.namespaces and info.namespace not in self.namespaces:
            return False
        return not self.resources or any(_is_about(each, info) for each in self.resources)

    def _fits_path(self, path: str) -> bool:
        return any(path == each or (each.endswith("*") and path.startswith(each[:-1])) for each in self.paths)


def _is_about(wanted: tuple[str, frozenset[str], frozenset[str]], info: RequestInfo) -> bool:
    group, resources, names = wanted
    if group != info.group or (names and info.name not in names):
        return False
    if not resources:
        return True
    part = info.subresource
    called = f"{info.resource}/{part}" if part else info.resource
    return bool(resources & {called, "*", f"{info.resource}/*" if part else called, f"*/{part}" if part else called})


SILENT = Rule("None")
EVERYTHING = Rule("Metadata")


@dataclass(frozen=True, slots=True)
class Policy:
    rules: tuple[Rule, ...]

    def rule(self, user: UserInfo, info: RequestInfo) -> Rule:
        """The first that fits; what none speaks of is not written."""
        return next((rule for rule in self.rules if rule.fits(user, info)), SILENT)


def read_policy(path: Path | None) -> Policy:
    """Without a file, every request's metadata.  SettingsError names what is wrong in it."""
    if path is None:
        return Policy((EVERYTHING,))
    try:
        found = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise SettingsError(f"audit.policy: {path}: {error}") from error
    if not isinstance(found, dict) or (found.get("apiVersion"), found.get("kind")) != ("audit.k8s.io/v1", "Policy"):
        raise SettingsError(f"audit.policy: {path}: not an audit.k8s.io/v1 Policy")
    omitted, bare = found.get("omitStages") or [], bool(found.get("omitManagedFields"))
    rules = found.get("rules") or []
    return Policy(tuple(_rule(path, number, each, omitted, bare) for number, each in enumerate(rules)))


def _rule(path: Path, number: int, rule: Any, omitted: list[str], bare: bool) -> Rule:
    where = f"audit.policy: {path}: rules[{number}]"
    if not isinstance(rule, dict) or rule.get("level") not in LEVELS:
        raise SettingsError(f"{where}.level: one of {', '.join(LEVELS)}")
    if unknown := sorted(rule.keys() - KEYS):
        raise SettingsError(f"{where}.{unknown[0]}: no such field")
    stages = frozenset((*omitted, *(rule.get("omitStages") or ())))
    if wrong := sorted(stages - set(STAGES)):
        raise SettingsError(f"{where}.omitStages: {wrong[0]} is none of {', '.join(STAGES)}")
    return Rule(
        rule["level"],
        frozenset(rule.get("users") or ()),
        frozenset(rule.get("userGroups") or ()),
        frozenset(rule.get("verbs") or ()),
        tuple(
            (
                str(each.get("group", "")),
                frozenset(each.get("resources") or ()),
                frozenset(each.get("resourceNames") or ()),
            )
            for each in rule.get("resources") or ()
        ),
        frozenset(rule.get("namespaces") or ()),
        tuple(rule.get("nonResourceURLs") or ()),
        stages,
        bool(rule.get("omitManagedFields", bare)),
    )
