"""PodSecurity: a namespace's labels say which level its pods must keep (enforce) and which they are warned of (warn).

How it works: `pod-security.kubernetes.io/MODE` names the level and `MODE-version` the version of the standards; the checks
are those of this version whatever is named.  Pods are refused, objects with a pod template are warned of only.

Belongs here: the standards' checks, one function each.  Does not: what a container may be by its kind's validation.
"""

from __future__ import annotations

import re
from typing import Any

from kube.errors import Cause, invalid
from kube.kinds import BUILT_IN, Kind
from master.api.admission.plugin import Plugin, refusal
from master.api.admission.pod_security.levels import LEVELS, problems
from master.api.admission.pod_security.problems import Subject
from master.api.contract import Attributes, Object, Reader
from master.api.rows import NAMESPACE, POD

PREFIX = "pod-security.kubernetes.io/"
MODES = ("enforce", "audit", "warn")
VERSION = re.compile(r"latest|v1\.\d{1,4}")
TEMPLATES: dict[tuple[str, str], tuple[str, ...]] = {
    ("", "PodTemplate"): ("template",),
    ("", "ReplicationController"): ("spec", "template"),
    ("apps", "DaemonSet"): ("spec", "template"),
    ("apps", "Deployment"): ("spec", "template"),
    ("apps", "ReplicaSet"): ("spec", "template"),
    ("apps", "StatefulSet"): ("spec", "template"),
    ("batch", "CronJob"): ("spec", "jobTemplate", "spec", "template"),
    ("batch", "Job"): ("spec", "template"),
}
"""(group, kind) → where its pod template lies."""


class PodSecurity(Plugin):
    name = "PodSecurity"
    kinds = frozenset({NAMESPACE, POD, *(kind for kind in BUILT_IN if (kind.group, kind.kind) in TEMPLATES)})

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def validate(self, attributes: Attributes) -> None:
        new = attributes.object
        if new is None or attributes.operation not in ("CREATE", "UPDATE"):
            return
        if attributes.kind is NAMESPACE and not attributes.subresource:
            self._check_namespace(attributes, new)
        elif attributes.kind is POD and attributes.subresource in ("", "ephemeralcontainers"):
            if attributes.old is None or _matters(new, attributes.old):
                self._check(attributes, Subject(new["metadata"], new["spec"]), enforced=True)
        elif not attributes.subresource and (template := _template(attributes.kind, new)) is not None:
            self._check(attributes, Subject(template.get("metadata") or {}, template["spec"]), enforced=False)

    def _check(self, attributes: Attributes, subject: Subject, enforced: bool) -> None:
        labels = self._labels(attributes.namespace)
        level, shown = _level(labels, "enforce")
        if enforced and (found := problems(level, subject)):
            raise refusal(attributes, f'violates PodSecurity "{shown}": {", ".join(map(str, found))}')
        level, shown = _level(labels, "warn")
        if found := problems(level, subject):
            attributes.warn(f'would violate PodSecurity "{shown}": {", ".join(map(str, found))}')

    def _check_namespace(self, attributes: Attributes, new: Object) -> None:
        labels = new["metadata"].get("labels") or {}
        if causes := _wrong_labels(labels):
            raise invalid("Namespace", attributes.name, causes)
        level, shown = _level(labels, "enforce")
        before, _ = _level(((attributes.old or {}).get("metadata") or {}).get("labels") or {}, "enforce")
        if attributes.old is not None and level != before:
            self._warn_of_present_pods(attributes, level, shown)

    def _warn_of_present_pods(self, attributes: Attributes, level: str, shown: str) -> None:
        breaking: dict[str, list[str]] = {}
        for pod in self._reader.list(POD, attributes.name):
            if found := problems(level, Subject(pod["metadata"], pod["spec"])):
                breaking.setdefault(", ".join(problem.reason for problem in found), []).append(pod["metadata"]["name"])
        if breaking:
            attributes.warn(
                f'existing pods in namespace "{attributes.name}" violate the new PodSecurity enforce level "{shown}"'
            )
        for reasons, names in breaking.items():
            others = f" (and {len(names) - 1} other pod{'s' if len(names) > 2 else ''})" if len(names) > 1 else ""
            attributes.warn(f"{names[0]}{others}: {reasons}")

    def _labels(self, namespace: str) -> dict[str, str]:
        found = self._reader.get(NAMESPACE, "", namespace)
        return (found["metadata"].get("labels") or {}) if found else {}


def _level(labels: dict[str, str], mode: str) -> tuple[str, str]:
    """The level, and as refusals show it: `baseline:latest`.  An unreadable label counts as the strictest."""
    level, version = labels.get(PREFIX + mode, "privileged"), labels.get(f"{PREFIX}{mode}-version", "latest")
    level = level if level in LEVELS else "restricted"
    return level, f"{level}:{version}"


def _wrong_labels(labels: dict[str, str]) -> list[Cause]:
    causes = []
    for mode in MODES:
        for key, fits, wanted in (
            (PREFIX + mode, LEVELS.__contains__, "must be one of privileged, baseline, restricted"),
            (f"{PREFIX}{mode}-version", VERSION.fullmatch, 'must be "latest" or "v1.x"'),
        ):
            if key in labels and not fits(labels[key]):
                said = f'Invalid value: "{labels[key]}": {wanted}'
                causes.append(Cause("FieldValueInvalid", said, f"metadata.labels[{key}]"))
    return causes


def _matters(new: Object, old: Object) -> bool:
    """An update counts when it changes containers: an image, or one that is added for a while."""
    return any(
        new["spec"].get(field) != old["spec"].get(field)
        for field in ("containers", "initContainers", "ephemeralContainers")
    )


def _template(kind: Kind, obj: Object) -> Object | None:
    path = TEMPLATES.get((kind.group, kind.kind))
    if path is None:
        return None
    found: Any = obj
    for part in path:
        found = (found or {}).get(part)
    return found if found and found.get("spec") else None
