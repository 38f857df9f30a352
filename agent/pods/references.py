"""The ConfigMaps, Secrets and RuntimeClasses that the node's pods name: each watched by itself, as long as a pod names it.

Contract: after `await follow(uid, wanted)` the objects are known, present or not; a later change calls `changed(uid)` for
every pod that names the object.  One object named by many pods is watched once.  What was heard is kept, and does while the
API does not answer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from agent.pods.kept import Kept
from kube.client import Client
from kube.informers import Informer, unmanaged
from kube.kinds import kind_of

log = logging.getLogger(__name__)

Reference = tuple[str, str, str]
"""Kind, namespace (empty: the kind has none), name."""
VERSIONS = {"ConfigMap": "v1", "Secret": "v1", "RuntimeClass": "node.k8s.io/v1"}
KINDS = {name: kind_of({"apiVersion": version, "kind": name}) for name, version in VERSIONS.items()}
DRAWER = "pods-"
"""Before the kind: informers keep whole kinds in drawers of the kind's own name."""
FIRST_ANSWER = 10.0
KEPT_DOES = 2.0
"""Seconds after which what was kept of an object does."""


class References:
    def __init__(self, client: Client, changed: Callable[[str], None], kept: Kept) -> None:
        self._client = client
        self._kept = kept
        self._changed = changed
        self._followed: dict[Reference, tuple[Informer, asyncio.Task[None]]] = {}
        self._pods: dict[Reference, set[str]] = {}

    async def follow(self, uid: str, wanted: Iterable[Reference]) -> None:
        """Follow what pod `uid` names now, and no more what it named before; TimeoutError when the API does not answer."""
        wanted = set(wanted)
        for reference in [known for known, pods in self._pods.items() if uid in pods and known not in wanted]:
            self._drop(uid, reference)
        for reference in wanted:
            self._pods.setdefault(reference, set()).add(uid)
            if reference not in self._followed:
                self._followed[reference] = self._start(reference)
        async with asyncio.timeout(FIRST_ANSWER):
            await asyncio.gather(*(self._known(reference) for reference in wanted))

    def forget(self, uid: str) -> None:
        for reference in [known for known, pods in self._pods.items() if uid in pods]:
            self._drop(uid, reference)

    def objects(self, uid: str) -> Mapping[tuple[str, str], Any]:
        """(kind, name) → object, None when it is not there."""
        return {
            (kind, name): self._followed[kind, namespace, name][0].store.get((namespace, name))
            for (kind, namespace, name), pods in self._pods.items()
            if uid in pods
        }

    def prune(self) -> None:
        """Keep nothing that no pod names any more."""
        for kind in KINDS:
            needed = {f"{namespace}/{name}" for followed, namespace, name in self._followed if followed == kind}
            self._kept.prune(DRAWER + kind, needed.__contains__)

    def close(self) -> None:
        for _, task in self._followed.values():
            task.cancel()
        self._followed.clear()
        self._pods.clear()

    def _start(self, reference: Reference) -> tuple[Informer, asyncio.Task[None]]:
        kind, namespace, name = reference
        informer = Informer(self._client, KINDS[kind], namespace, fields=f"metadata.name={name}", project=unmanaged)
        informer.on_change(lambda *_: self._tell(reference))
        return informer, asyncio.create_task(informer.run(), name=f"{kind} {namespace}/{name}")

    async def _known(self, reference: Reference) -> None:
        """Until the API has told the object, or its absence; what was kept does after a while."""
        kind, namespace, name = reference
        informer = self._followed[reference][0]
        if informer.usable.is_set():
            return
        kept = self._kept.recall(DRAWER + kind, f"{namespace}/{name}")
        try:
            async with asyncio.timeout(None if kept is None else KEPT_DOES):
                await informer.synced.wait()
        except TimeoutError:
            informer.restore(kept or ())
        else:
            self._keep(reference)

    def _keep(self, reference: Reference) -> None:
        kind, namespace, name = reference
        self._kept.keep(DRAWER + kind, f"{namespace}/{name}", list(self._followed[reference][0].store.values()))

    def _tell(self, reference: Reference) -> None:
        if reference in self._followed:
            self._keep(reference)
        for uid in tuple(self._pods.get(reference, ())):
            self._changed(uid)

    def _drop(self, uid: str, reference: Reference) -> None:
        pods = self._pods[reference]
        pods.discard(uid)
        if not pods:
            del self._pods[reference]
            _, task = self._followed.pop(reference)
            task.cancel()
            kind, namespace, name = reference
            self._kept.keep(DRAWER + kind, f"{namespace}/{name}", None)


def references(pod: Mapping[str, Any]) -> set[Reference]:
    """Every ConfigMap, Secret and RuntimeClass that a pod's spec names.  Pure."""
    spec, namespace = pod["spec"], pod["metadata"]["namespace"]
    found = {("RuntimeClass", "", spec["runtimeClassName"])} if spec.get("runtimeClassName") else set()
    for volume in spec.get("volumes") or ():
        sources = [volume, *((volume.get("projected") or {}).get("sources") or ())]
        for source in sources:
            if "configMap" in source:
                found.add(("ConfigMap", namespace, source["configMap"]["name"]))
            if "secret" in source:
                found.add(("Secret", namespace, source["secret"].get("secretName") or source["secret"]["name"]))
    for container in [*spec["containers"], *(spec.get("initContainers") or ())]:
        found |= {(kind, namespace, name) for kind, name in _environment(container)}
    return found | {("Secret", namespace, secret["name"]) for secret in spec.get("imagePullSecrets") or ()}


def _environment(container: Mapping[str, Any]) -> list[tuple[str, str]]:
    sources = [entry.get("valueFrom") or {} for entry in container.get("env") or ()]
    found = [("ConfigMap", source["configMapKeyRef"]["name"]) for source in sources if "configMapKeyRef" in source]
    found += [("Secret", source["secretKeyRef"]["name"]) for source in sources if "secretKeyRef" in source]
    for source in container.get("envFrom") or ():
        found += [("ConfigMap", source["configMapRef"]["name"])] if "configMapRef" in source else []
        found += [("Secret", source["secretRef"]["name"])] if "secretRef" in source else []
    return found
