"""Media types: what form the client accepts the answer in, and what form it sent its body in.

A form is a format (json, yaml, protobuf) and a view of the object (as it is, Table, PartialObjectMetadata).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from kube.errors import ApiError

JSON, YAML, PROTOBUF = "application/json", "application/yaml", "application/vnd.kubernetes.protobuf"
FORMATS = {"*/*": JSON, "application/*": JSON, JSON: JSON, YAML: YAML, PROTOBUF: PROTOBUF}
META = "meta.k8s.io"
AGGREGATED = ("apidiscovery.k8s.io", "v2", "APIGroupDiscoveryList")
VIEWS = {
    ("", "", ""),
    (META, "v1", "Table"),
    (META, "v1", "PartialObjectMetadata"),
    (META, "v1", "PartialObjectMetadataList"),
}
BODIES = (JSON, YAML, PROTOBUF)
PATCHES = (
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
    "application/apply-patch+cbor",
)


@dataclass(frozen=True, slots=True)
class Form:
    """`view` is empty, Table, or PartialObjectMetadata."""

    format: str = JSON
    view: str = ""
    pretty: bool = False

    @property
    def plain(self) -> bool:
        """Stored bytes can go out as they are."""
        return self.format == JSON and not self.view and not self.pretty


PLAIN = Form()
PRETTY = Form(pretty=True)


@dataclass(frozen=True, slots=True)
class Offer:
    """One member of an Accept header."""

    type: str
    group: str
    version: str
    kind: str


@lru_cache(maxsize=256)
def offers(accept: str) -> tuple[Offer, ...]:
    """An Accept header's members, best first: by quality, else in order."""
    found = []
    for position, member in enumerate(accept.split(",")):
        name, *parameters = [part.strip() for part in member.split(";")]
        given = dict(part.partition("=")[::2] for part in parameters)
        offer = Offer(name.lower(), given.get("g", ""), given.get("v", ""), given.get("as", ""))
        found.append((-_quality(given.get("q", "")), position, offer))
    return tuple(offer for _, _, offer in sorted(found, key=lambda one: one[:2]))


def _quality(text: str) -> float:
    try:
        return float(text) if text else 1.0
    except ValueError:
        return 0.0


@lru_cache(maxsize=256)
def accepted(accept: str, pretty: bool = False) -> Form:
    """The form of an answer about objects; 406 when no offer can be met."""
    for offer in offers(accept or "*/*"):
        chosen = FORMATS.get(offer.type)
        if chosen == PROTOBUF and offer.kind == "Table":
            continue  # a Table's cells have no protobuf
        if chosen and (offer.group, offer.version, offer.kind) in VIEWS:
            return Form(chosen, offer.kind.removesuffix("List"), pretty)
    raise not_acceptable()


def streamable(form: Form) -> Form:
    """The form of a watch's events; YAML has no frames, so 406."""
    if form.format == YAML:
        raise not_acceptable()
    return form


def accepted_or_json(accept: str, pretty: bool = False) -> Form:
    """The form of an answer that must go out whatever the client accepts: a refusal."""
    for offer in offers(accept or "*/*"):
        if FORMATS.get(offer.type) == YAML:
            return Form(YAML)
        if offer.type in FORMATS:
            break
    return PRETTY if pretty else PLAIN


def accepts_aggregated(accept: str) -> bool:
    """Whether aggregated discovery is asked for."""
    for offer in offers(accept):
        if (offer.group, offer.version, offer.kind) == AGGREGATED:
            return True
        if offer.type == JSON and not offer.kind:
            return False
    return False


def not_acceptable() -> ApiError:
    listing = ", ".join([*BODIES, f"{JSON};stream=watch", f"{PROTOBUF};stream=watch"])
    return ApiError(406, "NotAcceptable", f"406: Not Acceptable\n\nAvailable representations: {listing}")


def body_type(content_type: str) -> str:
    """The media type of an object's body, without parameters; 415 when it is none we read."""
    found = content_type.partition(";")[0].strip().lower() or JSON
    if found not in BODIES:
        raise ApiError(
            415,
            "UnsupportedMediaType",
            "the body of the request was in an unknown format - accepted media types include: " + ", ".join(BODIES),
        )
    return found


def patch_type(content_type: str) -> str:
    found = content_type.partition(";")[0].strip().lower()
    if found not in PATCHES:
        raise ApiError(415, "UnsupportedMediaType", "415: Unsupported Media Type")
    return found
