"""DaemonSets: a pod on every node that wants one.  Applies what `daemons.plan` says."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime

from kube.events import NORMAL, WARNING, about
from master.controllers import daemons
from master.controllers.claiming import by_labels, selector_of, wakes
from master.controllers.context import NODE, Context
from master.controllers.loop import Loop
from master.controllers.objects import Key, Object, is_deleting, is_ended, key_of, kind, status_patch
from master.controllers.podmaking import PodMaker, pod_from
from master.controllers.retries import Retries
from master.controllers.revisions import HASH_LABEL, Revisions

DAEMON_SET = kind("apps/v1", "DaemonSet")
COMPONENT = "daemonset-controller"
GENERATION_LABEL = "pod-template-generation"


def build(context: Context) -> Loop:
    return DaemonSets(context).loop


class DaemonSets:
    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._sets, self._nodes = context.informer(DAEMON_SET), context.informer(NODE)
        self._maker = PodMaker(context, DAEMON_SET, COMPONENT)
        self._retries = Retries(time.monotonic)
        self._events = context.recorder(COMPONENT)
        self._revisions = Revisions(context, DAEMON_SET)
        self.loop = Loop(COMPONENT, self.reconcile, lambda: list(self._sets.store))
        self._sets.on_change(lambda _event, old, new: self.loop.add(key_of(new or old)))
        self._maker.pods.on_change(wakes(DAEMON_SET, self._sets, selector_of, self.loop.add))
        self._nodes.on_change(self._node_changed)

    async def reconcile(self, key: Key) -> float | None:
        owner = self._sets.store.get(key)
        if owner is None or is_deleting(owner) or not self._maker.has_seen(key):
            return None
        now, nodes = datetime.now(UTC), list(self._nodes.store.values())
        pods = await self._maker.claim(owner, by_labels(selector_of(owner)))
        revision = await self._revisions.newest(owner)
        mark = revision["metadata"]["labels"][HASH_LABEL]
        todo = daemons.plan(owner, nodes, pods, mark, now)
        going, rest = self._patient(owner, todo.delete)
        self._tell_ended(owner, going)
        await self._maker.delete_all(key, owner, going)
        await self._maker.create_all(key, owner, [new_pod(owner, mark, node) for node in todo.create])
        after, again = daemons.status(owner, nodes, pods, mark, now)
        if change := status_patch(owner.get("status") or {}, after):
            await self._client.patch(DAEMON_SET, *key, change, subresource="status")
        marks = {(pod["metadata"].get("labels") or {}).get(HASH_LABEL) for pod in pods} | {mark}
        used = {
            item["metadata"]["name"]
            for item in self._revisions.of(owner)
            if item["metadata"]["labels"].get(HASH_LABEL) in marks
        }
        await self._revisions.clean(owner, used)
        return min((wait for wait in (again, rest) if wait), default=None)

    def _patient(self, owner: Object, pods: Iterable[Object]) -> tuple[list[Object], float | None]:
        """The pods to delete now, and when the next may be: what fails at once is not made again at once, for ever."""
        going: list[Object] = []
        waits: list[float] = []
        for pod in pods:
            failed = pod["status"].get("phase") == "Failed"
            left = self._retries.left((owner["metadata"]["uid"], daemons.node_of(pod))) if failed else 0.0
            if left:
                waits.append(left)
            else:
                going.append(pod)
        return going, min(waits, default=None)

    def _tell_ended(self, owner: Object, pods: Iterable[Object]) -> None:
        """A daemon that ended is replaced, and that is worth a word."""
        for pod in filter(is_ended, pods):
            phase, name = pod["status"]["phase"], "/".join(key_of(pod))
            way, type_ = ("will try to kill it", WARNING) if phase == "Failed" else ("will try to delete it", NORMAL)
            said = f"Found {phase.lower()} daemon pod {name} on node {daemons.node_of(pod)}, {way}"
            self._events.record(about(DAEMON_SET, owner), type_, f"{phase}DaemonPod", said)

    def _node_changed(self, _event: str, old: Object | None, new: Object | None) -> None:
        """Only what decides where daemons run: a heartbeat wakes nobody."""
        if old is None or new is None or _deciding(old) != _deciding(new):
            for key in self._sets.store:
                self.loop.add(key)


def _deciding(node: Object) -> tuple[Object | None, Object]:
    return node["metadata"].get("labels"), node["spec"]


def new_pod(owner: Object, mark: str, node: str) -> Object:
    template = owner["spec"]["template"]
    pod = pod_from(owner, DAEMON_SET, template)
    labels = pod["metadata"].get("labels") or {}
    pod["metadata"]["labels"] = {
        **labels,
        HASH_LABEL: mark,
        GENERATION_LABEL: str(owner["metadata"].get("generation", 1)),
    }
    pod["spec"] = {**daemons.aimed_at(pod["spec"], node), "tolerations": daemons.tolerations(template)}
    return pod
