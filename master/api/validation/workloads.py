"""The kinds that make pods and keep them: ReplicationController, ReplicaSet, Deployment, StatefulSet, DaemonSet."""

from __future__ import annotations

from kube import names
from master.api.validation.labels import check_labels, check_selector, is_empty, matches, well_formed
from master.api.validation.pods import check_template
from master.api.validation.problems import ROOT, Path, Problems
from master.api.validation.rules import Object, always, at_least, check, non_negative, optional, pointer
from master.api.validation.storage import check_claim_spec
from master.api.validation.values import at_most_100_percent, int_or_percent, is_zero

SPEC = ROOT / "spec"
MISMATCH = "`selector` does not match template `labels`"
ALWAYS = ("Always",)


def template(spec: Object, at: Path, out: Problems, restarts: tuple[str, ...] = ALWAYS) -> None:
    found = spec.get("template") or {}
    check_template(found, at / "template", out)
    restart = (found.get("spec") or {}).get("restartPolicy")
    where = at / "template" / "spec" / "restartPolicy"
    if restart not in restarts:
        out.unsupported(where, restart, restarts)


def _selector(spec: Object, out: Problems, kind: str) -> None:
    found = spec.get("selector")
    if found is None:
        out.required(SPEC / "selector")
        return
    check_selector(found, SPEC / "selector", out)
    if is_empty(found):
        out.invalid(SPEC / "selector", {}, f"empty selector is invalid for {kind}")


def _matching_template(spec: Object, out: Problems, malformed: str = "invalid label selector") -> None:
    """The selector selects the pods of the template; a selector that is none at all selects nothing."""
    found, having = spec.get("selector"), _template_labels(spec)
    if found is not None and not well_formed(found):
        out.invalid(SPEC / "selector", found, malformed)
    elif found is None or not (is_empty(found) or matches(found, having or {})):
        out.invalid(SPEC / "template" / "metadata" / "labels", having, MISMATCH)


def _template_labels(spec: Object) -> dict[str, str] | None:
    labels: dict[str, str] | None = ((spec.get("template") or {}).get("metadata") or {}).get("labels")
    return labels


def replication_controller(obj: Object, out: Problems) -> None:
    spec = obj.get("spec") or {}
    check((pointer("minReadySeconds", non_negative),), spec, SPEC, out)
    selector, having = spec.get("selector"), _template_labels(spec)
    if not selector:
        out.required(SPEC / "selector")
    check((pointer("replicas", non_negative),), spec, SPEC, out)
    if spec.get("template") is None:
        out.required(SPEC / "template")
        return
    if selector and not matches({"matchLabels": selector}, having or {}):
        out.invalid(SPEC / "template" / "metadata" / "labels", having, MISMATCH)
    template(spec, SPEC, out)


def replica_set(obj: Object, out: Problems) -> None:
    spec = obj.get("spec") or {}
    check((pointer("replicas", non_negative), always("minReadySeconds", 0, non_negative)), spec, SPEC, out)
    _selector(spec, out, "deployment")
    _matching_template(spec, out)
    template(spec, SPEC, out)


# Deployments

PROGRESS = "must be greater than minReadySeconds"


def deployment(obj: Object, out: Problems) -> None:
    spec = obj.get("spec") or {}
    check((pointer("replicas", non_negative),), spec, SPEC, out)
    _selector(spec, out, "deployment")
    _matching_template(spec, out)
    template(spec, SPEC, out)
    _strategy(spec.get("strategy") or {}, SPEC / "strategy", out)
    check((always("minReadySeconds", 0, non_negative), pointer("revisionHistoryLimit", non_negative)), spec, SPEC, out)
    deadline = spec.get("progressDeadlineSeconds")
    if deadline is not None:
        check((pointer("progressDeadlineSeconds", non_negative),), spec, SPEC, out)
        if deadline <= (spec.get("minReadySeconds") or 0):
            out.invalid(SPEC / "progressDeadlineSeconds", deadline, PROGRESS)


def _strategy(strategy: Object, at: Path, out: Problems) -> None:
    chosen, rolling = strategy.get("type"), strategy.get("rollingUpdate")
    if chosen == "Recreate":
        if rolling is not None:
            out.forbidden(at / "rollingUpdate", "may not be specified when strategy `type` is 'Recreate'")
    elif chosen == "RollingUpdate":
        if rolling is None:
            out.required(at / "rollingUpdate", "this should be defaulted and never be nil")
        else:
            _rolling(rolling, at / "rollingUpdate", out)
    else:
        out.unsupported(at, _strategy_in_go(strategy), ("Recreate", "RollingUpdate"))


def _strategy_in_go(strategy: Object) -> Object:
    rolling = strategy.get("rollingUpdate")
    steps = rolling and {"MaxUnavailable": rolling.get("maxUnavailable"), "MaxSurge": rolling.get("maxSurge")}
    return {"Type": strategy.get("type") or "", "RollingUpdate": steps}


def _rolling(rolling: Object, at: Path, out: Problems) -> None:
    unavailable, surge = rolling.get("maxUnavailable", 0), rolling.get("maxSurge", 0)
    int_or_percent(unavailable, at / "maxUnavailable", out)
    int_or_percent(surge, at / "maxSurge", out)
    if is_zero(unavailable) and is_zero(surge):
        out.invalid(at / "maxUnavailable", unavailable, "may not be 0 when `maxSurge` is 0")
    at_most_100_percent(unavailable, at / "maxUnavailable", out)


# StatefulSets

POLICIES = ("OrderedReady", "Parallel")
RETENTION = ("Delete", "Retain")


def stateful_set(obj: Object, out: Problems) -> None:
    spec = obj.get("spec") or {}
    _management(spec, out)
    for index, claim in enumerate(spec.get("volumeClaimTemplates") or ()):
        check_claim_spec(claim.get("spec") or {}, SPEC / "volumeClaimTemplates" / index / "spec", out)
    check((always("replicas", 0, non_negative), always("minReadySeconds", 0, non_negative)), spec, SPEC, out)
    check(
        (optional("serviceName", names.dns1123_label), pointer("revisionHistoryLimit", non_negative)), spec, SPEC, out
    )
    _selector(spec, out, "statefulset")
    _stateful_template(spec, out)
    start = (spec.get("ordinals") or {}).get("start")
    if start is not None and start < 0:
        out.invalid(SPEC / "ordinals" / "start", start, "must be greater than or equal to 0")


def _management(spec: Object, out: Problems) -> None:
    chosen = spec.get("podManagementPolicy")
    if not chosen:
        out.required(SPEC / "podManagementPolicy")
    elif chosen not in POLICIES:
        out.invalid(SPEC / "podManagementPolicy", chosen, "must be 'OrderedReady' or 'Parallel'")
    _update_strategy(spec.get("updateStrategy") or {}, SPEC / "updateStrategy", out)
    for name in ("whenDeleted", "whenScaled"):
        value = (spec.get("persistentVolumeClaimRetentionPolicy") or {}).get(name) or "Retain"
        if value not in RETENTION:
            out.unsupported(SPEC / "persistentVolumeClaimRetentionPolicy" / name, value, RETENTION)


def _update_strategy(strategy: Object, at: Path, out: Problems) -> None:
    chosen, rolling = strategy.get("type"), strategy.get("rollingUpdate")
    if not chosen:
        out.required(at)
    elif chosen == "OnDelete":
        if rolling is not None:
            said = f"only allowed for updateStrategy '{chosen}'"
            out.invalid(at / "rollingUpdate", rolling, said)
    elif chosen == "RollingUpdate":
        check((pointer("partition", non_negative),), rolling or {}, at / "rollingUpdate", out)
        if (most := (rolling or {}).get("maxUnavailable")) is not None:
            int_or_percent(most, at / "rollingUpdate" / "maxUnavailable", out)
            at_most_100_percent(most, at / "rollingUpdate" / "maxUnavailable", out)
            if is_zero(most):
                out.invalid(at / "rollingUpdate" / "maxUnavailable", most, "cannot be 0")
    else:
        out.invalid(at, strategy, "must be 'RollingUpdate' or 'OnDelete'")


def _stateful_template(spec: Object, out: Problems) -> None:
    """As its pods will be: with a volume for every claim."""
    claims = [(claim.get("metadata") or {}).get("name") or "" for claim in spec.get("volumeClaimTemplates") or ()]
    _matching_template(spec, out, malformed="")
    check_labels(_template_labels(spec) or {}, SPEC / "template" / "labels", out)
    template(with_claims(spec, claims), SPEC, out)


def with_claims(spec: Object, claims: list[str]) -> Object:
    if not claims:
        return spec
    found = spec.get("template") or {}
    pod = found.get("spec") or {}
    kept = [volume for volume in pod.get("volumes") or () if volume.get("name") not in claims]
    mounted = [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in dict.fromkeys(claims)]
    return {**spec, "template": {**found, "spec": {**pod, "volumes": [*mounted, *kept]}}}


# DaemonSets


def daemon_set(obj: Object, out: Problems) -> None:
    spec = obj.get("spec") or {}
    found = spec.get("selector")
    if found is not None:
        check_selector(found, SPEC / "selector", out)
    if found is None or (well_formed(found) and not is_empty(found)):
        _matching_template(spec, out)
    if found is not None and is_empty(found):
        out.invalid(SPEC / "selector", {}, "empty selector is invalid for daemonset")
    template(spec, SPEC, out)
    check((always("minReadySeconds", 0, non_negative),), spec, SPEC, out)
    _daemon_strategy(spec.get("updateStrategy") or {}, SPEC / "updateStrategy", out)
    check((pointer("revisionHistoryLimit", non_negative),), spec, SPEC, out)


def _daemon_strategy(strategy: Object, at: Path, out: Problems) -> None:
    chosen, rolling = strategy.get("type") or "", strategy.get("rollingUpdate")
    if chosen == "OnDelete":
        return
    if chosen != "RollingUpdate":
        out.unsupported(at / "type", chosen, ("OnDelete", "RollingUpdate"))
    elif rolling is None:
        out.required(at / "rollingUpdate")
    else:
        _daemon_rolling(rolling, at / "rollingUpdate", out)


def _daemon_rolling(rolling: Object, at: Path, out: Problems) -> None:
    unavailable, surge = rolling.get("maxUnavailable", 0), rolling.get("maxSurge", 0)
    int_or_percent(unavailable, at / "maxUnavailable", out)
    at_most_100_percent(unavailable, at / "maxUnavailable", out)
    int_or_percent(surge, at / "maxSurge", out)
    at_most_100_percent(surge, at / "maxSurge", out)
    if is_zero(unavailable) and is_zero(surge):
        out.invalid(at / "maxUnavailable", unavailable, "cannot be 0 when maxSurge is 0")
    elif not is_zero(unavailable) and not is_zero(surge):
        out.invalid(at / "maxSurge", surge, "may not be set when maxUnavailable is non-zero")


def controller_revision(obj: Object, out: Problems) -> None:
    if not isinstance(obj.get("data"), dict):
        out.required(ROOT / "data", "data must be a valid JSON object")
    check((always("revision", 0, at_least(0)),), obj, ROOT, out)
