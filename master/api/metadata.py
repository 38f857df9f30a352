"""What the server itself writes into an object's metadata: names, identity, times."""

from __future__ import annotations

import random
from typing import Any

from kube.errors import ApiError, bad_request, conflict
from kube.kinds import Kind

Object = dict[str, Any]

ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""Of generated names: no vowels and nothing that reads like another sign, so that no words come about."""
SUFFIX = 5
_random = random.Random()  # names and uids need to differ, not to be secret; seeded by the system
LONGEST_NAME = 63
OWN = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation", "selfLink")
KEPT = ("creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation")


def generated_name(base: str) -> str:
    return base[: LONGEST_NAME - SUFFIX] + "".join(_random.choices(ALPHABET, k=SUFFIX))


def new_uid() -> str:
    """A random UUID (version 4), as text."""
    digits = f"{_random.getrandbits(128):032x}"
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def place(kind: Kind, obj: Object, namespace: str, name: str = "") -> None:
    """Put the object where the URL says; 400 when it says something else itself.  Every object gets its type."""
    meta = obj.setdefault("metadata", {})
    obj["kind"], obj["apiVersion"] = kind.kind, kind.api_version
    given = meta.get("namespace")
    if not kind.namespaced:
        if given:
            raise bad_request("namespace should not be set on a cluster-scoped object")
        meta.pop("namespace", None)
    elif given and given != namespace:
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
    else:
        meta["namespace"] = namespace
    if name:
        _check_name(meta, name)


def _check_name(meta: Object, name: str) -> None:
    given = meta.get("name")
    if not given:
        raise bad_request("the name of the object (based on URL) was undeterminable: name must be provided")
    if given != name:
        raise bad_request(f"the name of the object ({given}) does not match the name on the URL ({name})")


def begin(obj: Object, now: str) -> None:
    """Identity of a new object; what only the server may say is taken away first."""
    meta = obj["metadata"]
    if meta.get("resourceVersion"):
        raise ApiError(400, "BadRequest", "resourceVersion should not be set on objects to be created")
    for key in OWN:
        meta.pop(key, None)
    if not meta.get("name") and meta.get("generateName"):
        meta["name"] = generated_name(meta["generateName"])
    meta["uid"] = new_uid()
    meta["creationTimestamp"] = now


def carry_over(kind: Kind, new: Object, old: Object) -> None:
    """What an update cannot change is the old object's, whatever the new one says."""
    meta, before = new["metadata"], old["metadata"]
    if meta.get("uid") and meta["uid"] != before.get("uid"):
        message = f"Precondition failed: UID in precondition: {meta['uid']}, UID in object meta: {before.get('uid')}"
        raise conflict(kind.plural, before["name"], message, kind.group)
    meta["uid"] = before.get("uid")
    for key in KEPT:
        if key in before:
            meta[key] = before[key]
        else:
            meta.pop(key, None)
    if before.get("generateName") and not meta.get("generateName"):
        meta["generateName"] = before["generateName"]
    meta.setdefault("managedFields", before.get("managedFields", []))
    if not meta["managedFields"]:
        del meta["managedFields"]
