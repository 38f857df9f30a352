"""Admission policies: which of them a write falls under, by which binding, with which parameters.

How it works: a binding says where its policy holds and names the parameters; a policy without a binding holds nowhere.  Several
parameters mean that the policy is asked once for each.  Without bindings a write looks at one empty list.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

from kube import kinds, selectors
from kube.errors import Cause, invalid
from kube.kinds import Kind, known
from master.api.admission.equivalence import Equivalence
from master.api.admission.expressions import ExpressionError, Scene, compiled, hold
from master.api.admission.matching import EXEMPT, matches
from master.api.admission.plugin import Plugin, refusal
from master.api.contract import Attributes, Authorizer, Object
from master.api.sources import Fresh

VERSION = f"{EXEMPT}/v1"
VALIDATING, VALIDATING_BINDING = (known(VERSION, f"ValidatingAdmissionPolicy{each}") for each in ("", "Binding"))
MUTATING, MUTATING_BINDING = (known(VERSION, f"MutatingAdmissionPolicy{each}") for each in ("", "Binding"))


@dataclass(frozen=True, slots=True)
class Case:
    """One policy to be held against one write: `view` is the write in the policy's version, `scene` what expressions see."""

    policy: Object
    binding: Object
    scene: Scene
    view: Attributes

    @property
    def name(self) -> str:
        return str(self.policy["metadata"]["name"])

    @property
    def key(self) -> tuple[str, ...]:
        """Tells the case from others over the same write."""
        params = (self.scene.values["params"] or {}).get("metadata") or {}
        return (self.name, self.binding["metadata"]["name"], params.get("namespace", ""), params.get("name", ""))

    @property
    def called(self) -> str:
        binding = self.binding["metadata"]["name"]
        return f"{self.policy['kind']} '{self.name}' with binding '{binding}'"

    @property
    def fails(self) -> bool:
        return bool(self.policy["spec"].get("failurePolicy", "Fail") == "Fail")


class Cases:
    """The policies of one kind."""

    def __init__(
        self, reader: Fresh, authorizer: Authorizer, policy: Kind, binding: Kind, equivalence: Equivalence
    ) -> None:
        self._reader, self._authorizer, self._policy, self._binding = reader, authorizer, policy, binding
        self.equivalence = equivalence

    def is_idle(self) -> bool:
        return not self._reader.list(self._binding)

    async def wanted(self, attributes: Attributes) -> AsyncIterator[Case]:
        """ApiError 403 where it cannot be told whether a policy that must not fail applies."""
        bindings = self._reader.list(self._binding)
        if not bindings or attributes.kind.group == EXEMPT:
            return
        for binding in sorted(bindings, key=lambda one: str(one["metadata"]["name"])):
            policy = self._reader.get(self._policy, "", binding["spec"]["policyName"])
            view = await self._seen(policy, binding, attributes) if policy is not None else None
            if policy is not None and view is not None:
                for case in self._cases({"kind": self._policy.kind, **policy}, binding, view):
                    yield case

    async def _seen(self, policy: Object, binding: Object, attributes: Attributes) -> Attributes | None:
        here = policy["spec"].get("matchConstraints") or {}
        return await self.equivalence.seen(here, attributes, lambda view: self._falls_under(here, binding, view))

    def _falls_under(self, here: Object, binding: Object, attributes: Attributes) -> bool:
        if not matches(here, "resourceRules", attributes, self._reader, "excludeResourceRules"):
            return False
        narrowed = binding["spec"].get("matchResources")
        if not narrowed:
            return True
        if not narrowed.get("resourceRules"):
            narrowed = narrowed | {"resourceRules": here["resourceRules"]}
        return matches(narrowed, "resourceRules", attributes, self._reader, "excludeResourceRules")

    def _cases(self, policy: Object, binding: Object, attributes: Attributes) -> Iterator[Case]:
        bare = Case(policy, binding, Scene(attributes, self._authorizer, self._reader), attributes)
        conditions = policy["spec"].get("matchConditions") or []
        try:
            parameters = self._parameters(policy["spec"], binding["spec"], attributes)
            for each in parameters:
                scene = Scene(attributes, self._authorizer, self._reader, each)
                if not conditions or hold(conditions, scene):
                    declare(policy["spec"], scene)
                    yield Case(policy, binding, scene, attributes)
        except ExpressionError as error:
            if bare.fails:
                raise refusal(attributes, f"{bare.called} denied request: {error}") from error

    def _parameters(self, policy: Object, binding: Object, attributes: Attributes) -> list[Object | None]:
        """ExpressionError when there are none and the binding does not allow that."""
        wanted, reference = policy.get("paramKind"), binding.get("paramRef")
        if not wanted or not reference:
            return [None]
        kind = kinds.by_kind(wanted["apiVersion"], wanted["kind"]) or self._reader.find_kind(
            wanted["apiVersion"], wanted["kind"]
        )
        if kind is None:
            raise ExpressionError(
                f"failed to find resource referenced by paramKind: '{wanted['apiVersion']}, {wanted['kind']}'"
            )
        namespace = (reference.get("namespace") or attributes.namespace) if kind.namespaced else ""
        if kind.namespaced and not namespace:
            raise ExpressionError(
                "failed to configure binding: cannot use namespaced paramRef in policy for a cluster-scoped object"
            )
        found: list[Object | None] = []
        if reference.get("name"):
            one = self._reader.get(kind, namespace, reference["name"])
            found = [one] if one is not None else []
        else:
            selector = selectors.from_object(reference.get("selector"))
            for each in self._reader.list(kind, namespace):
                if selector.matches(each["metadata"].get("labels")):
                    found.append(each)
        if not found and reference.get("parameterNotFoundAction", "Deny") != "Allow":
            raise ExpressionError(
                "failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction"
            )
        return found


def declare(spec: Object, scene: Scene) -> None:
    """Gives the policy's variables their values, in order; one that fails is missing to whoever asks for it."""
    values: Object = scene.values["variables"]
    for variable in spec.get("variables") or ():
        try:
            values[variable["name"]] = scene.run(variable["expression"])
        except ExpressionError as error:
            values.pop(variable["name"], None)
            scene.failed[variable["name"]] = str(error)


class PolicyChecks(Plugin):
    """Refuses policies and webhooks whose expressions cannot be compiled, when they are written."""

    name = "AdmissionExpressions"

    async def validate(self, attributes: Attributes) -> None:
        obj = attributes.object
        if attributes.kind.group != EXEMPT or obj is None or attributes.subresource:
            return
        causes = list(wrong(obj))
        if causes:
            raise invalid(attributes.kind.kind, attributes.name, causes, EXEMPT)


def wrong(obj: Object) -> Iterator[Cause]:
    for path, text, types, makes in expressions_of(obj):
        try:
            found = compiled(text, makes).type.name
        except ExpressionError as error:
            yield Cause("FieldValueInvalid", f'Invalid value: "{text}": {error}', path)
            continue
        if types and found not in (*types, "dyn"):
            yield Cause("FieldValueInvalid", f'Invalid value: "{text}": must evaluate to {" or ".join(types)}', path)


Expression = tuple[str, str, tuple[str, ...], bool]


def expressions_of(obj: Object) -> Iterator[Expression]:
    """(path, text, types it may have, whether it makes objects) of each expression."""
    for number, hook in enumerate(obj.get("webhooks") or ()):
        yield from _of(hook, "matchConditions", "expression", f"webhooks[{number}]", ("bool",))
    spec = obj.get("spec") or {}
    yield from _of(spec, "matchConditions", "expression", "spec", ("bool",))
    yield from _of(spec, "variables", "expression", "spec", ())
    yield from _of(spec, "validations", "expression", "spec", ("bool",))
    yield from _of(spec, "validations", "messageExpression", "spec", ("string",))
    yield from _of(spec, "auditAnnotations", "valueExpression", "spec", ("string", "null_type"))
    for number, mutation in enumerate(spec.get("mutations") or ()):
        for field in ("jsonPatch", "applyConfiguration"):
            text = (mutation.get(field) or {}).get("expression")
            if text:
                yield f"spec.mutations[{number}].{field}.expression", text, (), True


def _of(holder: Object, field: str, member: str, at: str, types: tuple[str, ...]) -> Iterator[Expression]:
    for number, each in enumerate(holder.get(field) or ()):
        if each.get(member):
            yield f"{at}.{field}[{number}].{member}", each[member], types, False
