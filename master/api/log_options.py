"""PodLogOptions, the query of `pods/log`: numbers are whole and not too small, and one beginning is enough."""

from __future__ import annotations

import re

from kube.errors import Cause, bad_request, invalid
from master.api.routing import Query

LEAST = {"tailLines": 0, "limitBytes": 1, "sinceSeconds": 1}
TOO_SMALL = {0: "must be greater than or equal to 0", 1: "must be greater than 0"}
ONE_BEGINNING = "Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified"


def check(pod: str, query: Query) -> None:
    """ApiError 400 for what is no number, 422 for one out of its range."""
    given = {name: _whole(query[name]) for name in LEAST if query.get(name)}
    causes = [
        Cause("FieldValueInvalid", f"Invalid value: {value}: {TOO_SMALL[LEAST[name]]}", name)
        for name, value in given.items()
        if value < LEAST[name]
    ]
    if "sinceSeconds" in given and query.get("sinceTime"):
        causes = [one for one in causes if one.field != "sinceSeconds"]
        causes.append(Cause("FieldValueForbidden", ONE_BEGINNING, "sinceTime"))
    if causes:
        raise invalid("PodLogOptions", pod, causes)


def _whole(text: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]+", text):
        raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    return int(text)
