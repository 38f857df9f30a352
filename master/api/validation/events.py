"""Events, in the words of their old API and of their new one; both are one object to the store."""

from __future__ import annotations

from kube import names
from master.api.validation.problems import ROOT, Problems
from master.api.validation.rules import Object, Test, at_least, check, one_of, optional, pointer, present, required

NEW_API = "events.k8s.io/v1"
CLUSTER_WIDE = frozenset({"default", "kube-system"})
NO_MATCH = "does not match event.namespace"


def at_most(limit: int) -> Test:
    said = (f"can have at most {limit} characters",)
    return lambda text: () if len(text) <= limit else said


# An Event with an eventTime is one of the new kind, whichever API brought it.
TIMED = (
    required("reportingInstance", at_most(128)),
    required("action", at_most(128)),
    required("reason", at_most(128)),
)
NEW = (
    required("eventTime"),
    one_of("type", ("Normal", "Warning"), missing="unsupported"),
    optional("note", at_most(1024)),
    present("series", pointer("count", at_least(2)), required("lastObservedTime")),
)


def event(obj: Object, out: Problems) -> None:
    new = obj.get("apiVersion") == NEW_API
    about, reporter = ("regarding", "reportingController") if new else ("involvedObject", "reportingComponent")
    _namespaces(obj, about, out)
    if obj.get("eventTime"):
        check((required(reporter, names.qualified_name), *TIMED), obj, ROOT, out)
    if new:
        check(NEW, obj, ROOT, out)


def _namespaces(obj: Object, about: str, out: Problems) -> None:
    """An Event lies with its object; one about the cluster in `default`."""
    namespace = (obj.get("metadata") or {}).get("namespace") or ""
    subject = (obj.get(about) or {}).get("namespace") or ""
    if not subject:
        fits = namespace in (CLUSTER_WIDE if obj.get("eventTime") else {"default", ""})
    else:
        fits = subject == namespace
    if not fits:
        out.invalid(ROOT / about / "namespace", subject, NO_MATCH)
