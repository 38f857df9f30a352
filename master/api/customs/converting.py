"""Objects in the version somebody asks for, where a webhook converts between the versions of a custom kind.

How it works: an object is kept in the version it was stored in, whatever is stored today.  Reads and writes ask for it in
theirs; what has been converted once is remembered for as long as object and definition stay.  Where no webhook converts
(strategy None, and every built-in kind) objects come back as they are, at once.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence

from kube.errors import ApiError, Cause
from kube.kinds import Custom, Kind
from master.api.contract import Object
from master.api.customs.conversions import ConversionError, read_answer, review_of
from master.api.entries import Entry, attributes_of, shape_of
from master.api.posting import CallError, Poster

SECONDS = 30.0
REMEMBERED = 4096
"""Converted objects kept, of all kinds."""


def is_asked(kind: Kind) -> bool:
    """Whether a webhook stands between the versions of the kind."""
    return kind.custom is not None and kind.custom.webhook is not None


class Converting:
    def __init__(self, poster: Poster | None = None, identity: Callable[[], str] = lambda: str(uuid.uuid4())) -> None:
        self._poster, self._identity = poster, identity
        self._known: dict[tuple[Entry, Custom], Entry] = {}

    async def entry(self, kind: Kind, entry: Entry) -> Entry:
        return (await self.entries(kind, [entry]))[0] if is_asked(kind) else entry

    async def entries(self, kind: Kind, entries: list[Entry]) -> list[Entry]:
        """The same objects in the version of `kind`; one question for all that have to be converted."""
        custom = kind.custom
        if custom is None or custom.webhook is None:
            return entries
        foreign = [each for each in dict.fromkeys(entries) if each.shape.kind.version != kind.version]
        unknown = [each for each in foreign if (each, custom) not in self._known]
        found = {each: self._known[each, custom] for each in foreign if (each, custom) in self._known}
        if unknown:
            made = await self.objects(kind, [each.decode() for each in unknown])
            found |= {each: _entry(kind, each, obj) for each, obj in zip(unknown, made, strict=True)}
            for each in unknown:
                self._remember(each, custom, found[each])
        return [found.get(each, each) for each in entries]

    async def object(self, kind: Kind, obj: Object) -> Object:
        """An object in whatever version it says it is of, in the version of `kind`."""
        if not is_asked(kind) or obj.get("apiVersion", kind.api_version) == kind.api_version:
            return obj
        return (await self.objects(kind, [obj]))[0]

    async def objects(self, kind: Kind, objects: Sequence[Object]) -> list[Object]:
        """ApiError 500 says what the webhook did not do."""
        assert kind.custom is not None and kind.custom.webhook is not None
        webhook, uid, given = kind.custom.webhook, self._identity(), list(objects)
        shown = f"{given[0].get('apiVersion', '')}, Kind={kind.kind}"
        try:
            if self._poster is None:
                raise CallError("there is no way to webhooks here")
            question = review_of(given, kind.api_version, uid, webhook.get("conversionReviewVersions") or [])
            answer = await self._poster.post(webhook["clientConfig"], question, SECONDS)
            made = read_answer(answer, uid, given, kind.api_version)
        except (CallError, ConversionError) as error:
            said = f"conversion webhook for {shown} failed: {error}"
            raise ApiError(500, "InternalError", said, [Cause("", said)]) from error
        return [kind.custom.present(one) for one in made]

    def _remember(self, entry: Entry, custom: Custom, converted: Entry) -> None:
        if len(self._known) >= REMEMBERED:
            self._known.pop(next(iter(self._known)))
        self._known[entry, custom] = converted


def _entry(kind: Kind, before: Entry, obj: Object) -> Entry:
    shape = shape_of(kind)
    tail = shape.tail(shape.encode(obj))
    return Entry(shape, before.namespace, before.name, tail, before.revision, attributes_of(kind, obj))
