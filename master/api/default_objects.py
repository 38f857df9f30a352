"""The objects every Kubernetes cluster begins with: default roles and bindings, priority classes, flow schemas.

How it works: `default_objects.jsonl`, an object a line, is generated from recorded answers of kube-apiserver 1.36 by
`python -m master.api.default_objects RECORDING`; names, labels, annotations, rules and specs are facts of that version.
What only wherry has is in `bootstrap`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson

Object = dict[str, Any]

FILE = Path(__file__).with_suffix(".jsonl")
LISTS = (
    "clusterroles",
    "clusterrolebindings",
    "roles",
    "rolebindings",
    "priorityclasses",
    "prioritylevels",
    "flowschemas",
)
KEPT_METADATA = ("name", "namespace", "labels", "annotations")
LEFT_OUT = ("metadata", "status")


def read() -> list[Object]:
    """All of them, in the order in which they are made."""
    return [orjson.loads(line) for line in FILE.read_bytes().splitlines()]


def rules_of(role: str) -> list[Object]:
    """The rules of a default ClusterRole."""
    for obj in read():
        if obj["kind"] == "ClusterRole" and obj["metadata"]["name"] == role:
            rules: list[Object] = obj["rules"]
            return rules
    raise KeyError(role)


def from_recording(lines: Iterable[bytes]) -> Iterator[Object]:
    """The default objects in a recording of the lists of a fresh cluster."""
    answers = {row["name"]: row["answer"] for row in map(orjson.loads, lines)}
    for name in LISTS:
        answer = answers[name]
        head = {"apiVersion": answer["apiVersion"], "kind": answer["kind"].removesuffix("List")}
        for item in answer["items"]:
            metadata = {key: item["metadata"][key] for key in KEPT_METADATA if key in item["metadata"]}
            body = {key: value for key, value in item.items() if key not in LEFT_OUT and value is not None}
            yield head | {"metadata": metadata} | body


def main() -> None:
    with Path(sys.argv[1]).open("rb") as recording:
        FILE.write_bytes(b"".join(orjson.dumps(obj) + b"\n" for obj in from_recording(recording)))


if __name__ == "__main__":
    main()
