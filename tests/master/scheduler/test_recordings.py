"""Pods that could not be scheduled on a real cluster of one node: the same words here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from master.scheduler.decisions import Unschedulable
from master.scheduler.pods import read_pod

RECORDING = Path(__file__).parents[2] / "facts" / "pods.jsonl"
PODS = [row for row in map(json.loads, RECORDING.read_text().splitlines()) if "stream" in row]


def said(pod: dict) -> str:
    conditions = pod["stream"][-1]["status"].get("conditions") or ()
    return next((item["message"] for item in conditions if item.get("reason") == "Unschedulable"), "")


@pytest.mark.parametrize("recorded", [pod for pod in PODS if said(pod)], ids=lambda pod: pod["name"])
def test_why_it_waits(scene, recorded):
    scene.node("node-1", cpu="16", memory="64Gi")
    pod = read_pod({"metadata": {"name": "p", "namespace": "ns", "uid": "u"}, "spec": recorded["spec"]})
    decision = scene.scheduler.schedule(pod)
    assert isinstance(decision, Unschedulable)
    assert decision.message == said(recorded)


@pytest.mark.parametrize("recorded", [pod for pod in PODS if not said(pod)], ids=lambda pod: pod["name"])
def test_what_ran_there_fits_here(scene, recorded):
    scene.node("node-1", cpu="16", memory="64Gi")
    pod = read_pod({"metadata": {"name": "p", "namespace": "ns", "uid": "u"}, "spec": recorded["spec"]})
    assert not isinstance(scene.scheduler.schedule(pod), Unschedulable)
