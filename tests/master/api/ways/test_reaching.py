"""Where a pod's port and a Service's lie: through the agent of the pod's node, or dialed from here."""

import pytest

from kube.errors import ApiError
from master.api.reaching import Address, Reach

NODE = {
    "metadata": {"name": "node"},
    "status": {
        "addresses": [{"type": "Hostname", "address": "node"}, {"type": "InternalIP", "address": "192.0.2.7"}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
    },
}
POD = {"metadata": {"name": "p", "namespace": "n"}, "spec": {"nodeName": "node"}, "status": {"podIP": "10.42.0.5"}}
SERVICE = {"metadata": {"name": "s"}, "spec": {"ports": [{"name": "web", "port": 80}, {"name": "tls", "port": 443}]}}
SLICE = {
    "metadata": {"name": "s-1", "labels": {"kubernetes.io/service-name": "s"}},
    "endpoints": [
        {"addresses": ["10.42.0.5"], "targetRef": {"kind": "Pod", "name": "p"}},
        {"addresses": ["10.42.0.6"], "conditions": {"ready": False}},
        {"addresses": ["198.51.100.1"]},
    ],
    "ports": [{"name": "web", "port": 8080}, {"name": "tls", "port": 8443}],
}
EXTERNAL = {"metadata": {"name": "e"}, "spec": {"type": "ExternalName", "externalName": "example.com"}}
THROUGH = "https://192.0.2.7:10250/dial/n/p/"


class Objects:
    def __init__(self, *objects):
        self.objects = {
            ("Node" if o is NODE else "Pod" if o is POD else "Service", o["metadata"]["name"]): o for o in objects
        }

    def get(self, kind, _namespace, name):
        return self.objects.get((kind.kind, name))

    def list(self, _kind, _namespace=""):
        return [SLICE]


def reach(choice=0, *left_out):
    objects = [one for one in (NODE, POD, SERVICE, EXTERNAL) if one not in left_out]
    return Reach(Objects(*objects), None, lambda found: found[choice])


def test_a_pod_is_reached_through_its_nodes_agent():
    assert reach().pod("n", "p", 80) == Address("10.42.0.5", 80, f"{THROUGH}80")


@pytest.mark.parametrize(("port", "number"), [("80", 8080), ("web", 8080), ("443", 8443), ("tls", 8443)])
def test_a_services_port_by_number_or_name(port, number):
    assert reach().service("n", "s", port) == Address("10.42.0.5", number, f"{THROUGH}{number}")


def test_an_endpoint_that_is_no_pod_is_dialed_from_here_and_what_is_not_ready_never():
    assert reach(1).service("n", "s", "web") == Address("198.51.100.1", 8080)
    with pytest.raises(IndexError):
        reach(2).service("n", "s", "web")


def test_an_external_name():
    assert reach().service("n", "e", "443") == Address("example.com", 443)


@pytest.mark.parametrize(
    ("service", "port", "status", "message"),
    [
        ("none", "80", 404, 'services "none" not found'),
        ("s", "81", 503, 'no service port 81 found for service "s"'),
        ("s", "", 503, 'no endpoints available for service "s"'),
        ("s", "other", 503, 'no endpoints available for service "s"'),
    ],
)
def test_what_cannot_be_found_says_so(service, port, status, message):
    with pytest.raises(ApiError) as refused:
        reach().service("n", service, port)
    assert (refused.value.status, refused.value.message) == (status, message)


def test_a_pod_whose_node_is_gone_has_no_way():
    with pytest.raises(ApiError, match="has no address yet"):
        reach(0, NODE).pod("n", "p", 80)
