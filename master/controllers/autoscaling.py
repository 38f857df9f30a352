"""HorizontalPodAutoscalers: the size of a workload follows what it uses.

Each turn asks the target's scale, works out what each metric asks for (`usages`), takes the most, steadies and limits it
(`recommendations`), and writes the size.  Nothing is changed while a metric that could ask for more is not to be had.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

import orjson

from kube import quantities, times
from kube.errors import ApiError
from kube.events import NORMAL, WARNING, about
from kube.quantities import NANO, Format, Quantity
from master.controllers import recommendations, usages
from master.controllers.context import POD, Context
from master.controllers.loop import Loop
from master.controllers.metering import Meter
from master.controllers.objects import Key, Object, is_ready, key_of, kind, set_condition, status_patch
from master.controllers.recommendations import History, Said
from master.controllers.usages import Aim, UnmeasuredError

AUTOSCALER = kind("autoscaling/v2", "HorizontalPodAutoscaler")
COMPONENT = "horizontal-pod-autoscaler"
PERIOD = 15.0
UNABLE_SCALE = "the HPA controller was unable to get the target's current scale: {}"
ABLE_SCALE = "the HPA controller was able to get the target's current scale"


class Measured(NamedTuple):
    """What one metric asks for, how a reason calls it, and its row of `status.currentMetrics`."""

    replicas: int
    name: str
    shown: Object


class Outcome(NamedTuple):
    desired: int
    reason: str
    metrics: list[Object]
    said: list[Said]


class Refused(Exception):
    """The turn ends without a size; `said` is why, `event` names it for an event."""

    def __init__(self, said: Said, event: str, message: str) -> None:
        super().__init__(message)
        self.said, self.event, self.message = said, event, message


def build(context: Context) -> Loop:
    return Autoscaling(context).loop


class Autoscaling:
    def __init__(self, context: Context, clock: Callable[[], float] = time.monotonic) -> None:
        self._client, self._meter, self._clock = context.client, Meter(context.client), clock
        self._autoscalers = context.informer(AUTOSCALER)
        self._events = context.recorder(COMPONENT)
        self._histories: dict[str, History] = {}
        self.loop = Loop(COMPONENT, self.reconcile, lambda: list(self._autoscalers.store))
        self._autoscalers.on_change(self._changed)

    async def reconcile(self, key: Key) -> float | None:
        hpa = self._autoscalers.store.get(key)
        if hpa is None:
            return None
        try:
            await self._turn(key, hpa)
        except Refused as refused:
            self._events.record(about(AUTOSCALER, hpa), WARNING, refused.event, refused.message)
            await self._write(key, hpa, {}, [refused.said])
        return PERIOD

    async def _turn(self, key: Key, hpa: Object) -> None:
        path, scale = await self._scale(key, hpa)
        current = scale["spec"].get("replicas") or 0
        able = Said("AbleToScale", "True", "SucceededGetScale", ABLE_SCALE)
        history = self._histories.setdefault(hpa["metadata"]["uid"], History([(self._clock(), current)]))
        found = await self._decide(hpa, scale, current, history)
        said = [able, *found.said]
        counts: Object = {"currentReplicas": current, "desiredReplicas": found.desired, "currentMetrics": found.metrics}
        if found.desired != current:
            await self._resize(hpa, path, scale, found)
            history.changes.append((self._clock(), found.desired - current))
            done = f"the HPA controller was able to update the target scale to {found.desired}"
            said.append(Said("AbleToScale", "True", "SucceededRescale", done))
            counts["lastScaleTime"] = times.now()
        await self._write(key, hpa, counts, said)

    async def _scale(self, key: Key, hpa: Object) -> tuple[str, Object]:
        try:
            path = await self._meter.path_of(hpa["spec"]["scaleTargetRef"], key[0]) + "/scale"
            return path, await self._meter.get(path)
        except ApiError as error:
            said = Said("AbleToScale", "False", "FailedGetScale", UNABLE_SCALE.format(error.message))
            raise Refused(said, "FailedGetScale", error.message) from error

    async def _decide(self, hpa: Object, scale: Object, current: int, history: History) -> Outcome:
        spec, before = hpa["spec"], (hpa.get("status") or {}).get("currentMetrics") or []
        least, most = spec.get("minReplicas", 1), spec["maxReplicas"]
        if not current and least:
            disabled = "scaling is disabled since the replica count of the target is zero"
            return Outcome(0, "", before, [Said("ScalingActive", "False", "ScalingDisabled", disabled)])
        if current > most:
            return Outcome(most, "Current number of replicas above Spec.MaxReplicas", before, [])
        if current < least:
            return Outcome(least, "Current number of replicas below Spec.MinReplicas", before, [])
        measured, active = await self._measure(hpa, scale, current)
        best = max(measured, key=lambda one: one.replicas)
        now = self._clock()
        steady, able = recommendations.steadied(hpa, current, best.replicas, history, now)
        desired, bounded = recommendations.limited(hpa, current, steady, history, now)
        reason = f"{best.name} above target" if desired > current else "All metrics below target"
        return Outcome(desired, reason, [one.shown for one in measured], [able, active, bounded])

    async def _measure(self, hpa: Object, scale: Object, current: int) -> tuple[list[Measured], Said]:
        """What the metrics ask for; one that fails counts only where the others ask for more than there is."""
        selector = (scale.get("status") or {}).get("selector", "")
        if not selector:
            said = Said("ScalingActive", "False", "InvalidSelector", "the HPA target's scale is missing a selector")
            raise Refused(said, "SelectorRequired", "selector is required")
        pods, _ = await self._client.list(POD, hpa["metadata"]["namespace"], labels=selector)
        measured, failed = [], []
        for metric in hpa["spec"].get("metrics") or ():
            try:
                measured.append(await self._one(hpa, metric, selector, pods, current))
            except UnmeasuredError as error:
                failed.append((metric["type"], str(error)))
        if failed and (not measured or max(one.replicas for one in measured) < current):
            raise self._unmeasured(hpa, failed)
        best = max(measured, key=lambda one: one.replicas)
        valid = f"the HPA was able to successfully calculate a replica count from {best.name}"
        return measured, Said("ScalingActive", "True", "ValidMetricFound", valid)

    def _unmeasured(self, hpa: Object, failed: list[tuple[str, str]]) -> Refused:
        type_, message = failed[0]
        reason = f"FailedGet{type_}Metric"
        self._events.record(about(AUTOSCALER, hpa), WARNING, reason, message)
        said = Said("ScalingActive", "False", reason, f"the HPA was unable to compute the replica count: {message}")
        count = len(hpa["spec"].get("metrics") or ())
        summary = f"invalid metrics ({len(failed)} invalid out of {count}), first error is: {message}"
        return Refused(said, "FailedComputeMetricsReplicas", summary)

    async def _one(self, hpa: Object, metric: Object, selector: str, pods: list[Object], current: int) -> Measured:
        source = metric[metric["type"][0].lower() + metric["type"][1:]]
        if metric["type"] in ("Resource", "ContainerResource"):
            return await self._resource(hpa, metric["type"], source, selector, pods, current)
        return await self._custom(hpa, metric["type"], source, selector, pods, current)

    async def _resource(
        self, hpa: Object, type_: str, source: Object, selector: str, pods: list[Object], current: int
    ) -> Measured:
        resource, container, target = source["name"], source.get("container", ""), source["target"]
        percent = target.get("averageUtilization")
        try:
            samples = await self._meter.resource(hpa["metadata"]["namespace"], selector, resource, container)
            requests = usages.requests_of(pods, resource, container) if percent is not None else None
            aim = _aim(hpa, percent or _milli(target["averageValue"]), requests)
            samples = {name: samples[name] for name in samples.keys() & {pod["metadata"]["name"] for pod in pods}}
            found = usages.replicas(current, pods, samples, aim, datetime.now(UTC), cpu=resource == "cpu")
        except UnmeasuredError as error:
            what = f"{resource} {'utilization' if percent is not None else 'usage'}"
            raise UnmeasuredError(f"failed to get {what}: {error}") from error
        shown: Object = {"averageValue": _text(found.average, resource)}
        name = f"{resource} resource"
        if found.percent is not None:
            shown["averageUtilization"] = found.percent
            name = f"{resource} resource utilization (percentage of request)"
        head = {"name": resource} | ({"container": container} if container else {})
        field = type_[0].lower() + type_[1:]
        return Measured(found.replicas, name, {"type": type_, field: {**head, "current": shown}})

    async def _custom(
        self, hpa: Object, type_: str, source: Object, selector: str, pods: list[Object], current: int
    ) -> Measured:
        namespace, metric, target = hpa["metadata"]["namespace"], source["metric"], source["target"]
        each = "averageValue" in target
        aim = _aim(hpa, _milli(target["averageValue" if each else "value"]), None)
        name = f"{type_.lower()} metric {metric['name']}"
        head: Object = {"metric": metric}
        if type_ == "Pods":
            samples = await self._meter.pods(namespace, selector, metric)
            found = usages.replicas(current, pods, samples, aim, datetime.now(UTC), cpu=False)
            return Measured(found.replicas, name, _row(type_, head, {"averageValue": _text(found.average)}))
        if type_ == "Object":
            head["describedObject"] = source["describedObject"]
            value = await self._meter.of_object(namespace, source["describedObject"], metric)
        else:
            value = await self._meter.external(namespace, metric)
        ready = sum(map(is_ready, pods))
        count = usages.of_one_number(current, ready, value, aim.target, aim, each=each)
        shown = {"averageValue": _text(value // max(1, current))} if each else {"value": _text(value)}
        return Measured(count, name, _row(type_, head, shown))

    async def _resize(self, hpa: Object, path: str, scale: Object, found: Outcome) -> None:
        body = orjson.dumps({**scale, "spec": {**scale["spec"], "replicas": found.desired}})
        try:
            await self._client.raw("PUT", path, body=body, headers={"Content-Type": "application/json"})
        except ApiError as error:
            if error.status == 409:
                raise  # somebody wrote it meanwhile: the turn is taken again at once
            message = f"New size: {found.desired}; reason: {found.reason}; error: {error.message}"
            unable = f"the HPA controller was unable to update the target scale: {error.message}"
            raise Refused(
                Said("AbleToScale", "False", "FailedUpdateScale", unable), "FailedRescale", message
            ) from error
        said = f"New size: {found.desired}; reason: {found.reason}"
        self._events.record(about(AUTOSCALER, hpa), NORMAL, "SuccessfulRescale", said)

    async def _write(self, key: Key, hpa: Object, counts: Object, said: list[Said]) -> None:
        before, now = hpa.get("status") or {}, times.now()
        conditions = before.get("conditions") or []
        for one in said:
            conditions = set_condition(conditions, one._asdict(), now)
        generation = hpa["metadata"].get("generation")
        after = {**before, **counts, "conditions": conditions}
        if counts and generation is not None:
            after["observedGeneration"] = generation
        if change := status_patch(before, after):
            await self._client.patch(AUTOSCALER, *key, change, subresource="status")

    def _changed(self, _event: str, old: Object | None, new: Object | None) -> None:
        """A change of what is asked for; what we wrote ourselves waits for its turn."""
        if new is None and old is not None:
            self._histories.pop(old["metadata"]["uid"], None)
        elif new is not None and (old is None or old["spec"] != new["spec"]):
            self.loop.add(key_of(new))


def _aim(hpa: Object, target: int, requests: dict[str, int] | None) -> Aim:
    """With the tolerances of the autoscaler's behaviour."""
    grow, shrink = (
        float(quantities.parse(str(given)).nanos) / NANO if given is not None else usages.TOLERANCE
        for given in (recommendations.rules(hpa, way).get("tolerance") for way in ("scaleUp", "scaleDown"))
    )
    return Aim(target, requests, grow, shrink)


def _milli(text: str) -> int:
    return quantities.milli_value(str(text))


def _text(milli: int, resource: str = "") -> str:
    return str(Quantity(milli * (NANO // 1000), Format.BINARY if resource == "memory" else Format.DECIMAL))


def _row(type_: str, head: Object, current: Object) -> Object:
    return {"type": type_, type_.lower(): {**head, "current": current}}
