"""The nodes' own doctors, all asked at once: one that does not answer costs its own time and nobody else's."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from master.diagnosing.ways import Node, Way, from_outside
from probes.findings import Finding, Level, unsure
from provisioning.transport import LinkError

AT_ONCE = 32
SHARED = ("node", "lease", "clock")
"""What the API says of a node and the node's own findings explain."""


def ask(nodes: Sequence[Node], ways: Sequence[Way]) -> list[Finding]:
    """Each node's findings by the first way that leads to it, in the nodes' order."""
    with ThreadPoolExecutor(max(1, min(AT_ONCE, len(nodes)))) as pool:
        return [row for found in pool.map(lambda node: one(node, ways), nodes) for row in found]


def one(node: Node, ways: Sequence[Way]) -> list[Finding]:
    refusals = []
    for way in ways:
        try:
            return way(node)
        except LinkError as error:
            refusals.append(str(error))
    tried = "; ".join(dict.fromkeys(refusals))
    return [
        *from_outside(node),
        replace(unsure("doctor", tried or "its own checks are asked over SSH: give --identity KEY"), where=node.name),
    ]


def together(cluster: Sequence[Finding], asked: Sequence[Finding]) -> list[Finding]:
    """What the API says of a node goes under the node's own first trouble; nothing is told twice."""
    causes: dict[str, str] = {}
    for row in asked:
        if row.level is Level.TROUBLE and not row.cause:
            causes.setdefault(row.where, row.check)
    told = {(row.where, row.check) for row in asked}
    return [
        *asked,
        *(
            replace(row, cause=causes.get(row.where, ""))
            if row.check in SHARED and row.level is not Level.WELL
            else row
            for row in cluster
            if (row.where, row.check) not in told
        ),
    ]
