"""MutatingAdmissionPolicy: expressions that complete what is written, by a JSON patch or by what an apply would set.

Policies run by the names of their bindings, each over what those before it have made.
"""

from __future__ import annotations

import copy

from kube import times
from kube.apply import server_side_apply
from kube.decoding import recode
from kube.errors import ApiError
from kube.patches import json_patch
from master.api.admission.completing import Seen
from master.api.admission.expressions import ExpressionError
from master.api.admission.plugin import refusal
from master.api.admission.policies import Case, Cases
from master.api.contract import Attributes, Object
from master.api.defaults import apply_defaults


class MutatingPolicies:
    """A stage of `completing`."""

    def __init__(self, cases: Cases) -> None:
        self._cases = cases

    def is_idle(self) -> bool:
        return self._cases.is_idle()

    async def run(self, attributes: Attributes, seen: Seen) -> None:
        if attributes.object is None:
            return
        async for case in self._cases.wanted(attributes):
            policy = case.policy["spec"].get("reinvocationPolicy")
            if seen.wants(case.key, policy, attributes.object):
                complete(case)
                await self._cases.equivalence.write_back(case.view, attributes)
                seen.note(case.key, attributes.object)


def complete(case: Case) -> None:
    """Changes the object as the policy says."""
    obj = case.view.object
    if obj is None:
        return
    try:
        new = mutated(case, case.view, obj)
    except (ExpressionError, ApiError, ValueError, TypeError, KeyError) as error:
        if case.fails:
            raise refusal(case.view, f"{case.called} denied request: {error}") from error
        return
    obj.clear()
    obj.update(new)


def mutated(case: Case, attributes: Attributes, obj: Object) -> Object:
    """The object after all mutations of the policy, complete with defaults."""
    kind = attributes.shown
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
    kind, meta = attributes.shown, obj["metadata"]
    named = {key: meta[key] for key in ("name", "namespace") if key in meta}
    applied: Object = {"apiVersion": kind.api_version, "kind": kind.kind} | wanted
    applied["metadata"] = named | (wanted.get("metadata") or {})
    found = server_side_apply(kind, obj, applied, "admission", True, times.now())
    found["metadata"].pop("managedFields", None)
    if "managedFields" in meta:
        found["metadata"]["managedFields"] = meta["managedFields"]
    return found
