"""Pods of a folder of the node, and their mirrors."""

import asyncio

import pytest

from agent.pods.manifests import differences, mirror, mirrored, of_manifest, read

TEXT = """
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec: {containers: [{name: c, image: i}]}
"""
NODE = {"metadata": {"name": "node", "uid": "node-uid"}}


def own(name="web", uid="h1"):
    return of_manifest({"metadata": {"name": name}, "spec": {"containers": [{"name": "c"}]}}, uid, "node")


def shown(pod, **meta):
    found = mirror(pod, NODE)
    return found | {"metadata": found["metadata"] | {"uid": "of-the-api"} | meta}


def test_a_manifest_is_the_node_s_own_pod(tmp_path):
    (tmp_path / "web.yaml").write_text(TEXT)
    pod = read(tmp_path / "web.yaml", "node")
    assert (pod["metadata"]["name"], pod["metadata"]["namespace"], pod["spec"]["nodeName"]) == (
        "web-node",
        "default",
        "node",
    )
    assert pod["metadata"]["annotations"]["kubernetes.io/config.hash"] == pod["metadata"]["uid"]
    assert pod["spec"]["tolerations"] == [{"operator": "Exists", "effect": "NoExecute"}]


@pytest.mark.parametrize("text", ["", "{", "kind: Service", "kind: Pod\nspec: {}"])
def test_what_is_no_pod_is_passed_over(tmp_path, text):
    (tmp_path / "bad.yaml").write_text(text)
    assert read(tmp_path / "bad.yaml", "node") is None


def test_a_mirror_names_its_node_and_its_manifest():
    found = mirror(own(), NODE)
    (owner,) = found["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["uid"]) == ("Node", "node", "node-uid")
    assert mirrored(found) == "h1" and "uid" not in found["metadata"]


@pytest.mark.parametrize(
    ("pods", "known", "removed", "made"),
    [
        pytest.param([own()], [], 0, 1, id="none yet"),
        pytest.param([own()], [shown(own())], 0, 0, id="right"),
        pytest.param([own(uid="h2")], [shown(own())], 1, 0, id="of an older file: first it goes"),
        pytest.param([own()], [shown(own(), deletionTimestamp="then")], 1, 0, id="deleted by somebody"),
        pytest.param([], [shown(own())], 1, 0, id="its file is gone"),
        pytest.param([], [{"metadata": {"name": "x", "namespace": "n"}}], 0, 0, id="no mirror at all"),
    ],
)
def test_differences(pods, known, removed, made):
    remove, make = differences(pods, known)
    assert (len(remove), len(make)) == (removed, made)


async def test_a_file_starts_a_pod_and_its_end_ends_it(agent, api, runtime, manifests):
    (manifests / "web.yaml").write_text(TEXT)
    async with asyncio.timeout(10):
        while ("default", "web-node") not in api.informer.store or not runtime.started:
            await asyncio.sleep(0.02)
        (manifests / "web.yaml").unlink()
        while ("default", "web-node") in api.informer.store or runtime.sandboxes:
            await asyncio.sleep(0.02)
