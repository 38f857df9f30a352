"""What the API server makes at its start: complete, once, and without undoing what people did."""

import pytest

from kube.errors import already_exists, invalid
from kube.kinds import kind_of
from master.api import bootstrap, default_objects


class Objects:
    """A registry that remembers what was written."""

    def __init__(self):
        self.objects = {}
        self.writes = 0

    async def find(self, kind, namespace, name):
        return self.objects.get((kind.qualified, namespace, name))

    async def create(self, kind, namespace, obj):
        key = (kind.qualified, namespace, obj["metadata"]["name"])
        if key in self.objects:
            raise already_exists(kind.plural, obj["metadata"]["name"], kind.group)
        self.objects[key] = obj
        self.writes += 1

    async def update(self, kind, namespace, name, change):
        key = (kind.qualified, namespace, name)
        new = change(dict(self.objects[key]))
        self.writes += new != self.objects[key]
        self.objects[key] = new

    def at(self, api_version, kind, name, namespace=""):
        return self.objects[kind_of({"apiVersion": api_version, "kind": kind}).qualified, namespace, name]


@pytest.fixture
async def objects():
    objects = Objects()
    await start(objects)
    return objects


async def start(objects):
    await bootstrap.ensure_defaults(objects, "10.43.0.0/16", 6443, "-----BEGIN")


def test_the_generated_file_is_the_recording(facts):
    import orjson

    recorded = default_objects.from_recording(map(orjson.dumps, facts("default-objects")))
    assert list(recorded) == default_objects.read()


async def test_everything_is_there_after_the_first_start(objects):
    assert len([key for key in objects.objects if key[0].startswith("clusterroles.")]) == 73
    assert {key[2] for key in objects.objects if key[0] == "namespaces"} == set(bootstrap.NAMESPACES)
    service = objects.at("v1", "Service", "kubernetes", "default")
    assert (service["spec"]["clusterIP"], service["spec"]["ports"][0]["targetPort"]) == ("10.43.0.1", 6443)


async def test_the_scheduler_may_read_heartbeats_and_no_other_lease(objects):
    rbac = "rbac.authorization.k8s.io/v1"
    role = objects.at(rbac, "Role", "wherry:heartbeats", "kube-node-lease")
    binding = objects.at(rbac, "RoleBinding", "wherry:heartbeats", "kube-node-lease")
    assert [rule["resources"] for rule in role["rules"]] == [["leases"]]
    assert (binding["roleRef"]["kind"], binding["subjects"][0]["name"]) == ("Role", "system:kube-scheduler")


async def test_the_second_start_writes_nothing(objects):
    before = objects.writes
    await start(objects)
    assert objects.writes == before


async def test_a_rule_that_was_removed_comes_back_and_one_that_was_added_stays(objects):
    role = objects.at("rbac.authorization.k8s.io/v1", "ClusterRole", "system:basic-user")
    added = {"apiGroups": ["example.com"], "resources": ["gadgets"], "verbs": ["get"]}
    wanted = role["rules"]
    role["rules"] = [added, *wanted[1:]]
    await start(objects)
    rules = objects.at("rbac.authorization.k8s.io/v1", "ClusterRole", "system:basic-user")["rules"]
    assert added in rules
    assert all(rule in rules for rule in wanted)


async def test_autoupdate_false_is_heeded(objects):
    role = objects.at("rbac.authorization.k8s.io/v1", "ClusterRole", "system:basic-user")
    role["metadata"]["annotations"] = {bootstrap.AUTOUPDATE: "false"}
    role["rules"] = []
    await start(objects)
    assert objects.at("rbac.authorization.k8s.io/v1", "ClusterRole", "system:basic-user")["rules"] == []


async def test_the_kubernetes_service_names_the_masters(objects):
    await bootstrap.publish_masters(objects, ["192.0.2.1"], 6443)
    await bootstrap.publish_masters(objects, ["192.0.2.2", "192.0.2.1"], 6443)
    subset = objects.at("v1", "Endpoints", "kubernetes", "default")["subsets"][0]
    assert [address["ip"] for address in subset["addresses"]] == ["192.0.2.1", "192.0.2.2"]
    ends = objects.at("discovery.k8s.io/v1", "EndpointSlice", "kubernetes", "default")["endpoints"]
    assert [end["addresses"] for end in ends] == [["192.0.2.1"], ["192.0.2.2"]]
    before = objects.writes
    await bootstrap.publish_masters(objects, ["192.0.2.1", "192.0.2.2"], 6443)
    assert objects.writes == before


async def test_controllers_may_do_what_all_of_them_need(reader, objects):
    from master.api import authz
    from master.api.contract import RequestInfo, UserInfo

    for obj in objects.objects.values():
        if obj["apiVersion"].startswith("rbac."):
            reader.put(obj)
    access = authz.build(reader)
    controllers = UserInfo("system:kube-controller-manager")
    create = RequestInfo("create", "", True, "", "v1", "pods", namespace="default")
    assert access.authorize(controllers, create).allowed
    node = UserInfo("system:node:n1", ("system:nodes",))
    watch = RequestInfo("watch", "", True, "discovery.k8s.io", "v1", "endpointslices")
    assert access.authorize(node, watch).allowed


async def test_the_names_server_has_a_service(objects):
    await bootstrap.ensure_names(objects, "10.43.0.10")
    service = objects.at("v1", "Service", "kube-dns", "kube-system")
    assert service["spec"]["clusterIP"] == "10.43.0.10" and service["metadata"]["labels"]["k8s-app"] == "kube-dns"
    await bootstrap.ensure_names(objects, "10.43.0.10")


async def test_an_address_that_somebody_has_stops_nobody():
    class Taken(Objects):
        async def create(self, kind, namespace, obj):
            raise invalid("Service", "kube-dns", [])

    await bootstrap.ensure_names(Taken(), "10.43.0.10")
