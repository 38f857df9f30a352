"""Admission webhooks: others' servers that complete or refuse what is written.

How it works: mutating hooks are asked one after the other, by the names of their configurations; validating hooks are asked
all together.  A hook sees a write in the version it asks for.  Without configurations a write looks at one empty list.
"""

from __future__ import annotations

import asyncio
import copy
import logging
from dataclasses import dataclass

from kube.decoding import recode
from kube.errors import ApiError, Cause
from kube.kinds import Kind, known
from kube.patches import json_patch
from master.api.admission.completing import Seen
from master.api.admission.equivalence import Equivalence
from master.api.admission.expressions import ExpressionError, Scene, hold
from master.api.admission.matching import matches
from master.api.admission.plugin import Plugin
from master.api.admission.reviews import Answer, AnswerError, denial, read_answer, request_of, review_of, spoken_with
from master.api.contract import Attributes, Authorizer, Object, Reader
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

    def __init__(
        self, reader: Reader, kind: Kind, poster: Poster, authorizer: Authorizer, equivalence: Equivalence
    ) -> None:
        self._reader, self._kind, self._poster = reader, kind, poster
        self._authorizer = authorizer
        self.equivalence = equivalence

    def all(self) -> list[Hook]:
        """Every hook, in order."""
        configurations = self._reader.list(self._kind)
        if not configurations:
            return []
        return [
            Hook((each["metadata"]["name"], spec["name"]), spec)
            for each in sorted(configurations, key=lambda one: str(one["metadata"]["name"]))
            for spec in each.get("webhooks") or ()
        ]

    async def seen(self, hook: Hook, attributes: Attributes) -> Attributes | None:
        """The write in the version the hook asks for; None where it does not ask for it."""
        view = await self.equivalence.seen(
            hook.spec, attributes, lambda other: matches(hook.spec, "rules", other, self._reader)
        )
        return view if view is not None and self._holds(hook, view) else None

    def _holds(self, hook: Hook, attributes: Attributes) -> bool:
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
        request, version = request_of(attributes), spoken_with(hook.spec)
        seconds = float(hook.spec.get("timeoutSeconds") or 10)
        try:
            body = await self._poster.post(hook.spec["clientConfig"], review_of(request, version), seconds)
            answer = read_answer(body, request["uid"], version)
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


class MutatingWebhooks:
    """A stage of `completing`: hooks one after the other, each over what those before it have made."""

    def __init__(self, hooks: Hooks) -> None:
        self._hooks = hooks

    def is_idle(self) -> bool:
        return not self._hooks.all()

    async def run(self, attributes: Attributes, seen: Seen) -> None:
        for hook in self._hooks.all():
            view = await self._hooks.seen(hook, attributes)
            if view is not None and seen.wants(hook.key, hook.spec.get("reinvocationPolicy"), attributes.object):
                await self._ask(hook, view)
                await self._hooks.equivalence.write_back(view, attributes)
                seen.note(hook.key, attributes.object)

    async def _ask(self, hook: Hook, view: Attributes) -> None:
        answer = await self._hooks.ask(hook, view)
        if answer is not None and answer.patch and view.object is not None:
            change(hook, view, answer)


def change(hook: Hook, attributes: Attributes, answer: Answer) -> None:
    """The object as the webhook patches it, in the place of the one it saw."""
    obj, kind = attributes.object, attributes.shown
    assert obj is not None
    try:
        patched = json_patch.apply(copy.deepcopy(obj), answer.patch)
        if attributes.operation != "CONNECT":
            patched, _ = recode(patched, kind, "Ignore")
    except (ApiError, ValueError, TypeError, KeyError) as error:
        raise internal(f'admission webhook "{hook.name}" sent a patch that does not apply: {error}') from error
    apply_defaults(kind, patched)
    obj.clear()
    obj.update(patched)


class ValidatingWebhooks(Plugin):
    name = "ValidatingAdmissionWebhook"

    def __init__(self, hooks: Hooks) -> None:
        self._hooks = hooks

    async def validate(self, attributes: Attributes) -> None:
        hooks = self._hooks.all()
        if not hooks:
            return
        views = [(hook, await self._hooks.seen(hook, attributes)) for hook in hooks]
        asked = (self._hooks.ask(hook, view) for hook, view in views if view is not None)
        for answer in await asyncio.gather(*asked, return_exceptions=True):
            if isinstance(answer, BaseException):
                raise answer


def internal(said: str) -> ApiError:
    return ApiError(500, "InternalError", f"Internal error occurred: {said}", [Cause("", said)])
