"""Nodes, namespaces, Services, certificates and waiting pods over the real API."""

from __future__ import annotations

import base64
from typing import Any

from kube import certificates, kinds
from kube.certificates import Subject


def row(name: str, api_version: str = "v1") -> kinds.Kind:
    return kinds.kind_of({"apiVersion": api_version, "kind": name})


NODE, POD, SERVICE, NAMESPACE, EVENT = row("Node"), row("Pod"), row("Service"), row("Namespace"), row("Event")
SLICE, ENDPOINTS = row("EndpointSlice", "discovery.k8s.io/v1"), row("Endpoints")
ACCOUNT, CONFIG_MAP = row("ServiceAccount"), row("ConfigMap")
CSR = row("CertificateSigningRequest", "certificates.k8s.io/v1")
ROLE = row("ClusterRole", "rbac.authorization.k8s.io/v1")


def pod(name: str, requests: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    container = {
        "name": "c",
        "image": "i",
        "ports": [{"containerPort": 80, "name": "http"}],
        "resources": {"requests": requests or {}},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": "web"}},
        "spec": {"containers": [container], **spec},
    }


def named(kind: str, name: str, api_version: str = "v1", **parts: Any) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, **parts}


async def test_a_pod_that_fits_nowhere_says_why_and_fits_later(cluster):
    await cluster.node("small", cpu="1")
    await cluster.create(pod("big", {"cpu": "4"}))

    async def waits() -> Any:
        live = await cluster.client.get(POD, "default", "big")
        conditions = (live.get("status") or {}).get("conditions") or ()
        return [item for item in conditions if item["type"] == "PodScheduled" and item["status"] == "False"]

    condition = (await cluster.until(waits, "the condition"))[0]
    assert (condition["reason"], condition["message"]) == (
        "Unschedulable",
        "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: 0/1 nodes are "
        "available: 1 Preemption is not helpful for scheduling.",
    )

    async def told() -> Any:
        events, _ = await cluster.client.list(EVENT, "default", fields="reason=FailedScheduling")
        return [item for item in events if item["message"] == condition["message"]]

    assert await cluster.until(told, "the event")
    await cluster.node("large", cpu="8")

    async def placed() -> Any:
        live = await cluster.client.get(POD, "default", "big")
        return live["spec"].get("nodeName") == "large"

    await cluster.until(placed, "the pod on the large node")


async def test_every_node_gets_a_range_of_its_own(cluster):
    for name in ("a", "b", "c"):
        await cluster.node(name)

    async def ranges() -> Any:
        nodes, _ = await cluster.client.list(NODE)
        found = [node["spec"].get("podCIDR") for node in nodes]
        return found if all(found) else None

    found = await cluster.until(ranges, "ranges for all nodes")
    assert sorted(found) == ["10.42.0.0/24", "10.42.1.0/24", "10.42.2.0/24"]


async def test_a_silent_node_is_unknown_and_its_pods_leave(cluster):
    await cluster.node("a")
    await cluster.create(pod("short", tolerations=[tolerating("unreachable", 0)]))
    await cluster.create(pod("long", tolerations=[tolerating("unreachable", 3600)]))

    async def running() -> bool:
        pods = await cluster.pods()
        return [item["status"].get("phase") for item in pods] == ["Running"] * 2

    await cluster.until(running, "both pods to run")
    cluster.clock.now += 41
    await cluster.client.patch(NODE, "", "a", {"metadata": {"labels": {"look": "again"}}})
    await cluster.gone(POD, "default", "short")
    node = await cluster.client.get(NODE, "", "a")
    ready = next(item for item in node["status"]["conditions"] if item["type"] == "Ready")
    assert (ready["status"], ready["reason"]) == ("Unknown", "NodeStatusUnknown")
    assert {(taint["key"], taint["effect"]) for taint in node["spec"]["taints"]} == {
        ("node.kubernetes.io/unreachable", "NoSchedule"),
        ("node.kubernetes.io/unreachable", "NoExecute"),
    }
    assert [item["metadata"]["name"] for item in await cluster.pods()] == ["long"]
    await cluster.client.patch(NODE, "", "a", speaking(), "strategic", subresource="status")

    async def cleared() -> bool:
        return not (await cluster.client.get(NODE, "", "a"))["spec"].get("taints")

    await cluster.until(cleared, "the taints to go")


def tolerating(key: str, seconds: int) -> dict[str, Any]:
    toleration = {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoExecute"}
    return {**toleration, "tolerationSeconds": seconds}


def speaking() -> dict[str, Any]:
    ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "lastHeartbeatTime": "2030-01-01T00:00:00Z"}
    return {"status": {"conditions": [ready]}}


async def test_a_namespace_gets_its_account_and_ca_and_goes_with_all_it_holds(cluster):
    await cluster.create(named("Namespace", "team"))

    async def furnished() -> Any:
        accounts, _ = await cluster.client.list(ACCOUNT, "team")
        maps, _ = await cluster.client.list(CONFIG_MAP, "team")
        return accounts and maps and maps[0]["data"]

    assert await cluster.until(furnished, "account and CA") == {"ca.crt": "the ca"}
    await cluster.client.patch(CONFIG_MAP, "team", "kube-root-ca.crt", {"data": {"ca.crt": "forged"}})

    async def right() -> bool:
        return (await cluster.client.get(CONFIG_MAP, "team", "kube-root-ca.crt"))["data"] == {"ca.crt": "the ca"}

    await cluster.until(right, "the CA to be put right")
    await cluster.create(named("ConfigMap", "mine"), "team")
    await cluster.client.delete(NAMESPACE, "", "team")
    await cluster.gone(NAMESPACE, "", "team")
    maps, _ = await cluster.client.list(CONFIG_MAP, "team")
    assert maps == []


async def test_what_pods_may_need_outlives_them_in_a_namespace(cluster):
    await cluster.create(named("Namespace", "harbour"))
    held = pod("held")
    held["metadata"]["finalizers"] = ["example.com/hold"]
    await cluster.create(held, "harbour")
    await cluster.create(named("ConfigMap", "chart"), "harbour")
    await cluster.client.delete(NAMESPACE, "", "harbour")

    async def said() -> Any:
        conditions = (await cluster.client.get(NAMESPACE, "", "harbour"))["status"].get("conditions") or ()
        return [item["message"] for item in conditions if item["type"] == "NamespaceContentRemaining"]

    assert await cluster.until(said, "what remains") == ["Some resources are remaining: pods. has 1 resource instances"]
    assert await cluster.client.get(CONFIG_MAP, "harbour", "chart")
    await cluster.client.patch(POD, "harbour", "held", {"metadata": {"finalizers": None}})
    await cluster.gone(NAMESPACE, "", "harbour")


async def test_what_keeps_a_namespace_is_said_in_conditions(cluster):
    await cluster.create(named("Namespace", "stuck"))
    held = named("ConfigMap", "held")
    held["metadata"]["finalizers"] = ["example.com/hold"]
    await cluster.create(held, "stuck")
    await cluster.client.delete(NAMESPACE, "", "stuck")

    async def said() -> Any:
        conditions = (await cluster.client.get(NAMESPACE, "", "stuck"))["status"].get("conditions") or ()
        return {item["type"]: item["message"] for item in conditions if item["status"] == "True"}

    messages = await cluster.until(said, "the conditions")
    assert messages == {
        "NamespaceContentRemaining": "Some resources are remaining: configmaps. has 1 resource instances",
        "NamespaceFinalizersRemaining": (
            "Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances"
        ),
    }
    await cluster.client.patch(CONFIG_MAP, "stuck", "held", {"metadata": {"finalizers": None}})
    await cluster.gone(NAMESPACE, "", "stuck")


async def test_a_service_has_slices_and_endpoints_that_follow_its_pods(cluster):
    await cluster.node("a", **{"topology.kubernetes.io/zone": "attic"})
    service = named("Service", "web", spec={"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": "http"}]})
    await cluster.create(service)
    await cluster.create(pod("one"))

    async def served() -> Any:
        slices, _ = await cluster.client.list(SLICE, "default", labels="kubernetes.io/service-name=web")
        ready = [item for part in slices for item in part.get("endpoints") or () if item["conditions"]["ready"]]
        used = [part for part in slices if part.get("endpoints")]
        return (used, ready) if ready else None

    slices, ready = await cluster.until(served, "a ready endpoint")
    assert (ready[0]["addresses"], ready[0]["nodeName"], ready[0]["zone"]) == (["10.42.0.9"], "a", "attic")
    assert [(port["port"], port["protocol"]) for port in slices[0]["ports"]] == [(80, "TCP")]

    async def legacy() -> Any:
        items, _ = await cluster.client.list(ENDPOINTS, "default", fields="metadata.name=web")
        return items and items[0].get("subsets")

    subsets = await cluster.until(legacy, "Endpoints")
    assert subsets[0]["addresses"][0]["targetRef"]["name"] == "one"
    await cluster.client.delete(POD, "default", "one")

    async def empty() -> bool:
        return not await served() and not await legacy()

    await cluster.until(empty, "no endpoints")
    await cluster.client.delete(SERVICE, "default", "web")

    async def gone() -> bool:
        items, _ = await cluster.client.list(SLICE, "default", labels="kubernetes.io/service-name=web")
        return not items

    await cluster.until(gone, "the slices to go")


async def test_an_approved_request_of_a_node_is_signed(cluster):
    key = certificates.make_key()
    request = certificates.make_csr(key, Subject("system:node:a", ("system:nodes",)))
    spec = {
        "request": base64.b64encode(request).decode(),
        "signerName": "kubernetes.io/kube-apiserver-client-kubelet",
        "usages": ["digital signature", "client auth"],
    }
    made = await cluster.create(named("CertificateSigningRequest", "a", "certificates.k8s.io/v1", spec=spec))
    made["status"] = {"conditions": [{"type": "Approved", "status": "True", "reason": "Me", "message": "by hand"}]}
    await cluster.client.update(CSR, "", made, subresource="approval")

    async def signed() -> Any:
        return (await cluster.client.get(CSR, "", "a")).get("status", {}).get("certificate")

    certificate = base64.b64decode(await cluster.until(signed, "the certificate"))
    facts = certificates.read_certificate(certificate)
    assert (facts.common_name, facts.organizations) == ("system:node:a", ("system:nodes",))
    assert certificates.is_issued_by(certificate, cluster.authority.certificate)


async def test_roles_are_aggregated(cluster):
    api = "rbac.authorization.k8s.io/v1"
    whole = named("ClusterRole", "whole", api, rules=[])
    whole["aggregationRule"] = {"clusterRoleSelectors": [{"matchLabels": {"to": "whole"}}]}
    await cluster.create(whole)
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]
    part = named("ClusterRole", "part", api, rules=rules)
    part["metadata"]["labels"] = {"to": "whole"}
    await cluster.create(part)

    async def aggregated() -> bool:
        return (await cluster.client.get(ROLE, "", "whole")).get("rules") == rules

    await cluster.until(aggregated, "the rules")
