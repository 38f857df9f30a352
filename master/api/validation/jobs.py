"""Jobs and CronJobs: work that ends, and work that comes again."""

from __future__ import annotations

import re
import zoneinfo

from kube import names
from master.api.validation.labels import check_labels, check_selector, matches, well_formed
from master.api.validation.pods import check_template
from master.api.validation.problems import ROOT, Path, Problems
from master.api.validation.rules import Object, at_least, check, one_of, pointer, pointer_of, required
from master.api.validation.schedules import schedule

SPEC = ROOT / "spec"
RESTARTS = ("OnFailure", "Never")
MODES = ("NonIndexed", "Indexed")
REPLACEMENTS = ("Failed", "TerminatingOrFailed")
CONCURRENCY = ("Allow", "Forbid", "Replace")
LONGEST_INDEXED = 100_000
non_negative = at_least(0)

COUNTS = (
    pointer("parallelism", non_negative),
    pointer("completions", non_negative),
    pointer("activeDeadlineSeconds", non_negative),
    pointer("backoffLimit", non_negative),
    pointer("ttlSecondsAfterFinished", non_negative),
    pointer("backoffLimitPerIndex", non_negative),
    pointer("maxFailedIndexes", non_negative),
    pointer_of("completionMode", MODES),
)


def job(obj: Object, out: Problems) -> None:
    spec = obj.get("spec") or {}
    _owned(obj.get("metadata") or {}, spec, out)
    check_job_spec(spec, SPEC, out)
    _pod_names(obj.get("metadata") or {}, spec, out)


def _pod_names(meta: Object, spec: Object, out: Problems) -> None:
    """The pods of an indexed job are called NAME-INDEX, the last has to fit as well."""
    completions = spec.get("completions") or 0
    if spec.get("completionMode") != "Indexed" or completions <= 0:
        return
    name = meta.get("name") or ""
    if names.dns1123_label(f"{name}-{completions - 1}"):
        said = f"will not able to create pod with invalid DNS label: {name}-{completions - 1}"
        out.invalid(ROOT / "metadata" / "name", name, said)


def _owned(meta: Object, spec: Object, out: Problems) -> None:
    """The selector a job was given by the server selects its own pods."""
    if spec.get("manualSelector") or "selector" not in spec or not meta.get("uid"):
        return
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
    if not well_formed(spec["selector"]) or not matches(spec["selector"], labels):
        out.invalid(SPEC / "selector", spec["selector"], "`selector` not auto-generated")


def check_job_spec(spec: Object, at: Path, out: Problems) -> None:
    if selector := spec.get("selector"):
        check_selector(selector, at / "selector", out)
    check(COUNTS, spec, at, out)
    if spec.get("completionMode") == "Indexed":
        _indexed(spec, at, out)
    check((pointer_of("podReplacementPolicy", REPLACEMENTS), _failure_policy), spec, at, out)
    _template(spec.get("template") or {}, at / "template", out)


def _indexed(spec: Object, at: Path, out: Problems) -> None:
    if spec.get("completions") is None:
        out.required(at / "completions", "when completion mode is Indexed")
    if (spec.get("parallelism") or 0) > LONGEST_INDEXED:
        said = f"must be less than or equal to {LONGEST_INDEXED} when completion mode is Indexed"
        out.invalid(at / "parallelism", spec["parallelism"], said)


def _template(template: Object, at: Path, out: Problems) -> None:
    """`Always` is what the server fills in where nothing was said, and no way for work to end."""
    check_template(template, at, out)
    said, where = (template.get("spec") or {}).get("restartPolicy"), at / "spec" / "restartPolicy"
    if not said or said == "Always":
        out.required(where, 'valid values: "OnFailure", "Never"')
    elif said not in RESTARTS:
        out.unsupported(where, said, RESTARTS)


ACTIONS = ("Count", "FailIndex", "FailJob", "Ignore")
EXIT_CODES = (one_of("operator", ("In", "NotIn"), missing="required"), required("values"))


def _failure_policy(spec: Object, at: Path, out: Problems) -> None:
    for index, rule in enumerate((spec.get("podFailurePolicy") or {}).get("rules") or ()):
        here = at / "podFailurePolicy" / "rules" / index
        check((one_of("action", ACTIONS, missing="required"),), rule, here, out)
        codes, conditions = rule.get("onExitCodes"), rule.get("onPodConditions")
        if codes is not None:
            check(EXIT_CODES, codes, here / "onExitCodes", out)
        if codes is not None and conditions:
            out.invalid(here, rule, "specifying both OnExitCodes and OnPodConditions is not supported")
        elif codes is None and not conditions:
            out.invalid(here, rule, "specifying one of OnExitCodes and OnPodConditions is required")


# CronJobs

NAME_LIMIT = 52
HISTORY = (pointer("successfulJobsHistoryLimit", non_negative), pointer("failedJobsHistoryLimit", non_negative))
_ZONE = re.compile("[A-Za-z0-9_+/-]+")


def cron_job(obj: Object, out: Problems) -> None:
    spec, name = obj.get("spec") or {}, (obj.get("metadata") or {}).get("name") or ""
    check((required("schedule", schedule),), spec, SPEC, out)
    _time_zone(spec, out)
    check((pointer("startingDeadlineSeconds", non_negative),), spec, SPEC, out)
    check((one_of("concurrencyPolicy", CONCURRENCY, missing="required"),), spec, SPEC, out)
    template = spec.get("jobTemplate") or {}
    check_labels((template.get("metadata") or {}).get("labels") or {}, SPEC / "jobTemplate" / "labels", out)
    check_job_spec(template.get("spec") or {}, SPEC / "jobTemplate" / "spec", out)
    check(HISTORY, spec, SPEC, out)
    if len(name) > NAME_LIMIT:
        out.invalid(ROOT / "metadata" / "name", name, f"must be no more than {NAME_LIMIT} characters")


def _time_zone(spec: Object, out: Problems) -> None:
    zone, here = spec.get("timeZone"), SPEC / "timeZone"
    if zone is None:
        return
    if not zone:
        out.invalid(here, zone, "timeZone must be nil or non-empty string")
    elif zone.lower() == "local":
        out.invalid(here, zone, "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones")
    elif not _known_zone(zone):
        out.invalid(here, zone, f"unknown time zone {zone}")


def _known_zone(zone: str) -> bool:
    if not _ZONE.fullmatch(zone):
        return False
    try:
        zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return zone in {"UTC", "Etc/UTC"}
    return True
