"""MutatingAdmissionPolicy: expressions that complete what is written, by a JSON patch or by what an apply would set.

Policies run by the names of their bindings, each over what those before it have made; the built-in plugins then see the result.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

from kube import times
from kube.apply import server_side_apply
from kube.decoding import recode
from kube.errors import ApiError
from kube.patches import json_patch
from master.api.admission.expressions import ExpressionError
from master.api.admission.plugin import Plugin, refusal
from master.api.admission.policies import Case, Cases
from master.api.contract import Admission, Attributes, Object
from master.api.defaults import apply_defaults


class MutatingPolicies(Plugin):
    """`before` are the plugins that see again what a policy has changed."""

    name = "MutatingAdmissionPolicy"

    def __init__(self, cases: Cases, before: Sequence[Admission]) -> None:
        self._cases, self._before = cases, before

    async def mutate(self, attributes: Attributes) -> None:
        obj = attributes.object
        if obj is None:
            return
        changed = False
        for case in self._cases.wanted(attributes):
            try:
                new = mutated(case, attributes, obj)
            except (ExpressionError, ApiError, ValueError, TypeError, KeyError) as error:
                if case.fails:
                    raise refusal(attributes, f"{case.called} denied request: {error}") from error
                continue
            changed = changed or new != obj
            obj.clear()
            obj.update(new)
        if changed:
            for plugin in self._before:
                await plugin.mutate(attributes)


def mutated(case: Case, attributes: Attributes, obj: Object) -> Object:
    """The object after all mutations of the policy, complete with defaults."""
    kind = attributes.kind
    new = copy.deepcopy(obj)
    for mutation in case.policy["spec"].get("mutations") or ():
        case.scene.values["object"] = {"apiVersion": kind.api_version, "kind": kind.kind} | new
        if mutation["patchType"] == "JSONPatch":
            patch = case.scene.run(mutation["jsonPatch"]["expression"], makes=True)
            new = json_patch.apply(new, patch)
        else:
            new = merged(attributes, new, case.scene.run(mutation["applyConfiguration"]["expression"], makes=True))
        new, _ = recode(new, kind, "Ignore")
        apply_defaults(kind, new)
    return new


def merged(attributes: Attributes, obj: Object, wanted: Object) -> Object:
    """As an apply that nobody owns afterwards."""
    kind, meta = attributes.kind, obj["metadata"]
    named = {key: meta[key] for key in ("name", "namespace") if key in meta}
    applied: Object = {"apiVersion": kind.api_version, "kind": kind.kind} | wanted
    applied["metadata"] = named | (wanted.get("metadata") or {})
    found = server_side_apply(kind, obj, applied, "admission", True, times.now())
    found["metadata"].pop("managedFields", None)
    if "managedFields" in meta:
        found["metadata"]["managedFields"] = meta["managedFields"]
    return found
