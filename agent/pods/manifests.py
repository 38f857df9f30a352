"""Pods of files in a folder of the node: they run with or without a master, and the API shows a mirror of each.

How it works.  Every second the folder is looked at.  A file is a pod named NAME-NODE whose uid is a hash of the text, so that
a changed file is another pod.  Its mirror in the API carries that hash in an annotation: one that is missing is made, one
of another hash, or that somebody deleted, is removed and made anew.  Annotations and names are Kubernetes' own.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import aiohttp

from kube.client import Client
from kube.errors import ApiError
from kube.kinds import kind_of

log = logging.getLogger(__name__)

PODS = kind_of({"apiVersion": "v1", "kind": "Pod"})
PERIOD = 1.0
SUFFIXES = {".yaml", ".yml", ".json"}
HASH = "kubernetes.io/config.hash"
SOURCE = "kubernetes.io/config.source"
MIRROR = "kubernetes.io/config.mirror"
TROUBLES = (ApiError, aiohttp.ClientError, OSError, TimeoutError)
Pod = dict[str, Any]


class Manifests:
    """`started` and `gone` hear of each pod of the folder, `mirrors` yields the node's pods as the API has them.

    `started` answers whether the pod could start: not while its namesake of an older file is still ending.
    """

    def __init__(
        self,
        client: Client,
        folder: Path,
        node: Callable[[], Any],
        mirrors: Callable[[], Iterable[Pod]],
        started: Callable[[Pod], bool],
        gone: Callable[[str], None],
    ) -> None:
        self._client = client
        self._folder = folder
        self._node = node
        self._mirrors = mirrors
        self._started = started
        self._gone = gone
        self._pods: dict[str, Pod] = {}
        self._stamps: dict[Path, int] = {}

    async def run(self, synced: asyncio.Event) -> None:
        """Until cancelled; the API's pods are compared once they are known (`synced`)."""
        while True:
            await asyncio.sleep(PERIOD)
            self.look()
            if synced.is_set():
                await self._mirror()

    def look(self) -> None:
        """Take up what the folder holds now."""
        stamps = {path: path.stat().st_mtime_ns for path in files(self._folder)}
        if stamps == self._stamps:
            return
        self._stamps = stamps
        node = self._node()["metadata"]["name"]
        found = {pod["metadata"]["uid"]: pod for path in stamps if (pod := read(path, node)) is not None}
        for uid in self._pods.keys() - found.keys():
            del self._pods[uid]
            self._gone(uid)
        for uid in found.keys() - self._pods.keys():
            if self._started(found[uid]):
                self._pods[uid] = found[uid]
            else:
                self._stamps = {}

    async def _mirror(self) -> None:
        node = self._node()
        if not node["metadata"].get("uid"):
            return
        remove, make = differences(self._pods.values(), self._mirrors())
        try:
            for pod in remove:
                meta = pod["metadata"]
                await self._client.delete(PODS, meta["namespace"], meta["name"], grace=0, uid=meta["uid"])
            for pod in make:
                await self._client.create(PODS, pod["metadata"]["namespace"], mirror(pod, node))
        except TROUBLES as error:
            log.info("mirror pods not brought up to date error=%s", error)


def files(folder: Path) -> list[Path]:
    """The manifests of a folder; hidden files, such as editors leave, are none."""
    if not folder.is_dir():
        return []
    return sorted(p for p in folder.iterdir() if p.suffix in SUFFIXES and not p.name.startswith(".") and p.is_file())


def read(path: Path, node: str) -> Pod | None:
    """The pod of a file; None, with a word in the log, when it holds none."""
    import yaml

    try:
        raw = path.read_bytes()
        found = yaml.safe_load(raw)
    except (OSError, yaml.YAMLError) as error:
        log.warning("manifest not read path=%s error=%s", path, error)
        return None
    if not isinstance(found, dict) or found.get("kind") != "Pod" or not (found.get("spec") or {}).get("containers"):
        log.warning("manifest is no pod path=%s", path)
        return None
    return of_manifest(found, hashlib.md5(raw + node.encode(), usedforsecurity=False).hexdigest(), node)


def of_manifest(found: Mapping[str, Any], uid: str, node: str) -> Pod:
    """A manifest as the node's own pod: its name, uid and node, and a toleration of whatever ends others.  Pure."""
    meta = found.get("metadata") or {}
    spec = found["spec"]
    own = {
        "name": f"{meta.get('name', 'pod')}-{node}",
        "namespace": meta.get("namespace") or "default",
        "uid": uid,
        "labels": meta.get("labels") or {},
        "annotations": {**(meta.get("annotations") or {}), HASH: uid, SOURCE: "file"},
    }
    tolerations = [*(spec.get("tolerations") or ()), {"operator": "Exists", "effect": "NoExecute"}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": own,
        "spec": {**spec, "nodeName": node, "tolerations": tolerations},
    }


def mirror(pod: Pod, node: Mapping[str, Any]) -> Pod:
    """What the API is given of a pod of a manifest.  Pure."""
    meta = pod["metadata"]
    owner = {"apiVersion": "v1", "kind": "Node", "name": node["metadata"]["name"], "uid": node["metadata"]["uid"]}
    annotations = {**meta["annotations"], MIRROR: meta["uid"]}
    shown = {key: meta[key] for key in ("name", "namespace", "labels")}
    return {**pod, "metadata": {**shown, "annotations": annotations, "ownerReferences": [owner | {"controller": True}]}}


def differences(pods: Iterable[Pod], known: Iterable[Pod]) -> tuple[list[Pod], list[Pod]]:
    """The mirrors to remove, and the pods that have none.  Pure."""
    wanted = {(pod["metadata"]["namespace"], pod["metadata"]["name"]): pod for pod in pods}
    remove, right = [], set()
    for found in known:
        if not mirrored(found):
            continue
        key = found["metadata"]["namespace"], found["metadata"]["name"]
        is_right = key in wanted and wanted[key]["metadata"]["uid"] == mirrored(found)
        if is_right and not found["metadata"].get("deletionTimestamp"):
            right.add(key)
        else:
            remove.append(found)
    taken = {(pod["metadata"]["namespace"], pod["metadata"]["name"]) for pod in remove}
    return remove, [pod for key, pod in wanted.items() if key not in right and key not in taken]


def mirrored(pod: Mapping[str, Any]) -> str:
    """The hash of the manifest that a pod of the API mirrors; empty for every other."""
    return str((pod["metadata"].get("annotations") or {}).get(MIRROR, ""))


def is_own(meta: Mapping[str, Any]) -> bool:
    """Whether a pod came from a manifest, so that its uid is none that the API knows."""
    return (meta.get("annotations") or {}).get(SOURCE) == "file"
