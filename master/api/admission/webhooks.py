"""Admission webhooks: others' servers that complete or refuse what is written.

How it works: each configuration is compiled once a version.  Mutating hooks are asked one after the other, by the names of their
configurations; what one of them changes goes through the built-in plugins again, and hooks that ask for it (IfNeeded) see once
what came after them.  Validating hooks are asked all together.  Without configurations a write looks at one empty list.
"""

from __future__ import annotations

import asyncio
import copy
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kube.decoding import recode
from kube.errors import ApiError, Cause
from kube.kinds import Kind, known
from kube.patches import json_patch
from master.api.admission.expressions import ExpressionError, Scene, hold
from master.api.admission.matching import matches
from master.api.admission.plugin import Plugin
from master.api.admission.reviews import Answer, AnswerError, denial, read_answer, request_of, review_of
from master.api.contract import Admission, Attributes, Authorizer, Object, Reader
from master.api.defaults import apply_defaults
from master.api.posting import CallError, Poster

log = logging.getLogger(__name__)

MUTATING = known("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration")
VALIDATING = known("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration")
HARMLESS = ("None", "NoneOnDryRun")


@dataclass(frozen=True, slots=True)
class Hook:
    """One webhook of a configuration; `key` tells it from those of the same name elsewhere."""

    key: tuple[str, str]
    spec: Object

    @property
    def name(self) -> str:
        return str(self.spec["name"])

    @property
    def fails(self) -> bool:
        return bool(self.spec.get("failurePolicy", "Fail") == "Fail")


class Hooks:
    """The hooks of one kind of configuration, and how they are asked."""

    def __init__(self, reader: Reader, kind: Kind, poster: Poster, authorizer: Authorizer) -> None:
        self._reader, self._kind, self._poster = reader, kind, poster
        self._authorizer = authorizer

    def wanted(self, attributes: Attributes) -> list[Hook]:
        """Those that ask for this write, in order."""
        configurations = self._reader.list(self._kind)
        if not configurations:
            return []
        found = [
            Hook((each["metadata"]["name"], spec["name"]), spec)
            for each in sorted(configurations, key=lambda one: str(one["metadata"]["name"]))
            for spec in each.get("webhooks") or ()
        ]
        return [hook for hook in found if self.matches(hook, attributes)]

    def matches(self, hook: Hook, attributes: Attributes) -> bool:
        if not matches(hook.spec, "rules", attributes, self._reader):
            return False
        conditions = hook.spec.get("matchConditions")
        if not conditions:
            return True
        try:
            return hold(conditions, Scene(attributes, self._authorizer))
        except ExpressionError as error:
            if hook.fails:
                raise internal(f'failed evaluating match conditions of webhook "{hook.name}": {error}') from error
            log.warning("webhook left out name=%s: %s", hook.name, error)
            return False

    async def ask(self, hook: Hook, attributes: Attributes) -> Answer | None:
        """ApiError for a refusal; None where the webhook failed and may."""
        if attributes.dry_run and hook.spec.get("sideEffects") not in HARMLESS:
            said = f'admission webhook "{hook.name}" does not support dry run'
            raise ApiError(400, "BadRequest", said)
        request = request_of(attributes)
        seconds = float(hook.spec.get("timeoutSeconds") or 10)
        try:
            body = await self._poster.post(hook.spec["clientConfig"], review_of(request), seconds)
            answer = read_answer(body, request["uid"])
        except (CallError, AnswerError) as error:
            self._failed(hook, error)
            return None
        for warning in answer.warnings:
            attributes.warn(warning)
        for key, value in answer.annotations.items():
            attributes.annotate(f"{hook.name}/{key}", value)
        if not answer.allowed:
            raise denial(hook.name, answer.status)
        return answer

    def _failed(self, hook: Hook, error: Exception) -> None:
        called = "failed to call webhook: " if isinstance(error, CallError) else ""
        said = f'failed calling webhook "{hook.name}": {called}{error}'
        if hook.fails:
            raise internal(said) from error
        log.warning("webhook ignored %s", said)


class MutatingWebhooks(Plugin):
    """`before` are the plugins that see again what a webhook has changed."""

    name = "MutatingAdmissionWebhook"

    def __init__(self, hooks: Hooks, before: Sequence[Admission]) -> None:
        self._hooks, self._before = hooks, before

    async def mutate(self, attributes: Attributes) -> None:
        hooks = self._hooks.wanted(attributes)
        if not hooks:
            return
        seen: dict[tuple[str, str], Any] = {}
        original = copy.deepcopy(attributes.object)
        for hook in hooks:
            await self._ask(hook, attributes, seen)
        if attributes.object == original:
            return
        await self._again(attributes)
        for hook in self._hooks.wanted(attributes):
            eager = hook.spec.get("reinvocationPolicy") == "IfNeeded"
            if eager and hook.key in seen and seen[hook.key] != attributes.object:
                await self._ask(hook, attributes, seen)

    async def _ask(self, hook: Hook, attributes: Attributes, seen: dict[tuple[str, str], Any]) -> None:
        answer = await self._hooks.ask(hook, attributes)
        if answer is not None and answer.patch and attributes.object is not None:
            change(hook, attributes, answer)
        seen[hook.key] = copy.deepcopy(attributes.object)

    async def _again(self, attributes: Attributes) -> None:
        for plugin in self._before:
            await plugin.mutate(attributes)


def change(hook: Hook, attributes: Attributes, answer: Answer) -> None:
    """The object as the webhook patches it, in the place of the one it saw."""
    obj = attributes.object
    assert obj is not None
    try:
        patched, _ = recode(json_patch.apply(copy.deepcopy(obj), answer.patch), attributes.kind, "Ignore")
    except (ApiError, ValueError, TypeError, KeyError) as error:
        raise internal(f'admission webhook "{hook.name}" sent a patch that does not apply: {error}') from error
    apply_defaults(attributes.kind, patched)
    obj.clear()
    obj.update(patched)


class ValidatingWebhooks(Plugin):
    name = "ValidatingAdmissionWebhook"

    def __init__(self, hooks: Hooks) -> None:
        self._hooks = hooks

    async def validate(self, attributes: Attributes) -> None:
        hooks = self._hooks.wanted(attributes)
        if not hooks:
            return
        asked = (self._hooks.ask(hook, attributes) for hook in hooks)
        for answer in await asyncio.gather(*asked, return_exceptions=True):
            if isinstance(answer, BaseException):
                raise answer


def internal(said: str) -> ApiError:
    return ApiError(500, "InternalError", f"Internal error occurred: {said}", [Cause("", said)])
