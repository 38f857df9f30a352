"""Each plugin against what kube-apiserver answered, or what its documentation promises."""

# ruff: noqa: E501 (messages as they were recorded)

import base64
import copy
from datetime import UTC, datetime

import pytest

from kube.certificates import Subject, make_csr, make_key
from kube.errors import ApiError
from kube.kinds import kind_of
from kube.times import parse
from master.api import admission, allocation, authz
from master.api.admission import admit
from master.api.admission.node_labels import forbidden_labels
from master.api.contract import Attributes, UserInfo
from master.api.default_objects import read
from master.api.defaults import apply_defaults

ADMIN = UserInfo("admin", ("system:masters",))
ANN = UserInfo("ann", ("system:authenticated",))
NODE = UserInfo("system:node:n1", ("system:nodes", "system:authenticated"))
RBAC = "rbac.authorization.k8s.io/v1"


@pytest.fixture
def chain(reader, make):
    for obj in read():
        if not obj["apiVersion"].startswith("flowcontrol"):
            reader.put(obj)
    for name in ("default", "acc", "lim", "kube-system", "kube-node-lease"):
        reader.put(make("v1", "Namespace", name))
    for namespace in ("acc", "lim"):
        reader.put(make("v1", "ServiceAccount", f"{namespace}/default"))
    given = allocation.build(reader, "10.43.0.0/16", "30000-32767")
    return admission.chain(reader, authz.build(reader), given)


@pytest.fixture
def write(chain):
    async def write(obj, user=ADMIN, old=None, operation="", subresource="", kind=None):
        """The object as the chain leaves it."""
        new = copy.deepcopy(obj)
        meta = (new or old)["metadata"]
        kind = kind or kind_of(new or old)
        if new and not subresource:
            apply_defaults(kind, new)
        operation = operation or ("UPDATE" if old else "CREATE")
        namespace = meta.get("namespace", "")
        await admit(chain, Attributes(operation, kind, subresource, namespace, meta["name"], new, old, user))
        return new

    return write


@pytest.fixture
def refused(write):
    async def refused(*args, **members):
        with pytest.raises(ApiError) as error:
            await write(*args, **members)
        return error.value

    return refused


def pod(make, key="acc/x", metadata=None, **spec):
    container = {"name": "c", "image": "i:1"}
    return make("v1", "Pod", key, metadata=metadata or {}, spec={"containers": [container]} | spec)


# Namespaces


async def test_nothing_is_made_in_a_namespace_that_is_not_there(refused, make):
    error = await refused(make("v1", "ConfigMap", "none/x"))
    assert (error.status, error.message) == (404, 'namespaces "none" not found')


async def test_nothing_is_made_in_a_namespace_that_is_going(refused, reader, make):
    reader.put(make("v1", "Namespace", "old", metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"}))
    error = await refused(make("v1", "ConfigMap", "old/x"))
    assert error.message == (
        'configmaps "x" is forbidden: unable to create new content in namespace old because it is being terminated'
    )
    assert error.causes[0].reason == "NamespaceTerminating"


async def test_three_namespaces_never_go(refused, write, reader, make):
    error = await refused(None, old=make("v1", "Namespace", "default"), operation="DELETE")
    assert error.message == 'namespaces "default" is forbidden: this namespace may not be deleted'
    await write(None, old=make("v1", "Namespace", "acc"), operation="DELETE")


# Pods


async def test_a_pod_is_completed(write, make):
    spec = (await write(pod(make)))["spec"]
    assert (spec["priority"], spec["preemptionPolicy"]) == (0, "PreemptLowerPriority")
    assert [each["key"] for each in spec["tolerations"]] == [
        "node.kubernetes.io/not-ready",
        "node.kubernetes.io/unreachable",
    ]
    assert spec["serviceAccountName"] == spec["serviceAccount"] == "default"
    volume = spec["volumes"][0]
    assert spec["containers"][0]["volumeMounts"] == [
        {"name": volume["name"], "readOnly": True, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}
    ]
    assert [next(iter(source)) for source in volume["projected"]["sources"]] == [
        "serviceAccountToken",
        "configMap",
        "downwardAPI",
    ]


async def test_a_pod_may_decline_the_token(write, make):
    assert "volumes" not in (await write(pod(make, automountServiceAccountToken=False)))["spec"]


async def test_an_accounts_pull_secrets_become_the_pods(write, reader, make):
    reader.put(make("v1", "ServiceAccount", "acc/puller", imagePullSecrets=[{"name": "s"}]))
    spec = (await write(pod(make, serviceAccountName="puller")))["spec"]
    assert spec["imagePullSecrets"] == [{"name": "s"}]


async def test_an_account_that_is_not_there(refused, make):
    error = await refused(pod(make, serviceAccountName="none"))
    assert error.message == (
        'pods "x" is forbidden: error looking up service account acc/none: serviceaccount "none" not found'
    )


async def test_tolerations_of_the_pods_own_stay(write, make):
    own = {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5}
    tolerations = (await write(pod(make, tolerations=[own])))["spec"]["tolerations"]
    assert [each["tolerationSeconds"] for each in tolerations] == [5, 300]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"priorityClassName": "none"}, "no PriorityClass with name none was found"),
        ({"priority": 5}, "the integer value of priority (5) must not be provided in pod spec; priority admission controller computed 0 from the given PriorityClass name"),
        ({"runtimeClassName": "none"}, 'pod rejected: RuntimeClass "none" not found'),
    ],
)  # fmt: skip
async def test_a_pod_that_asks_for_what_is_not_there(refused, make, spec, said):
    assert (await refused(pod(make, **spec))).message == f'pods "x" is forbidden: {said}'


async def test_the_default_priority_class(write, refused, reader, make):
    default = make("scheduling.k8s.io/v1", "PriorityClass", "normal", value=7, globalDefault=True)
    reader.put(default)
    spec = (await write(pod(make)))["spec"]
    assert (spec["priorityClassName"], spec["priority"]) == ("normal", 7)
    second = make("scheduling.k8s.io/v1", "PriorityClass", "other", value=8, globalDefault=True)
    assert "already marked as default" in (await refused(second)).message
    await write(default, old=default)


async def test_an_update_keeps_the_priority(write, make):
    old = await write(pod(make))
    assert (await write(pod(make), old=old))["spec"]["priority"] == 0


async def test_a_runtime_class_adds_overhead_and_selector(write, reader, make):
    scheduling = {"nodeSelector": {"vm": "yes"}, "tolerations": [{"key": "vm", "operator": "Exists"}]}
    reader.put(
        make(
            "node.k8s.io/v1",
            "RuntimeClass",
            "vm",
            handler="vm",
            overhead={"podFixed": {"cpu": "10m"}},
            scheduling=scheduling,
        )
    )
    spec = (await write(pod(make, runtimeClassName="vm")))["spec"]
    assert (spec["overhead"], spec["nodeSelector"], spec["tolerations"][-1]["key"]) == (
        {"cpu": "10m"},
        {"vm": "yes"},
        "vm",
    )


async def test_the_recorded_limits(write, refused, reader, facts):
    for row in facts("admission"):
        if not row["name"].startswith("limit"):
            continue
        body = copy.deepcopy(row["body"])
        body["metadata"]["namespace"] = "lim"
        if row["name"] == "limits":
            apply_defaults(kind_of(body), body)
            reader.put(body)
        elif row["status"] == 403:
            assert (await refused(body)).message == row["answer"]["message"], row["name"]
        else:
            made, wanted = await write(body), row["answer"]
            assert made["spec"]["containers"][0]["resources"] == wanted["spec"]["containers"][0]["resources"]
            assert made["metadata"]["annotations"] == wanted["metadata"]["annotations"]


# Nodes


async def test_a_new_node_is_tainted(write, make):
    node = await write(make("v1", "Node", "n1"), NODE)
    assert node["spec"]["taints"] == [{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}]


@pytest.mark.parametrize(
    ("api_version", "kind", "key", "spec", "said"),
    [
        ("v1", "Node", "n2", {}, 'nodes "n2" is forbidden: node "n1" is not allowed to modify node "n2"'),
        ("v1", "Pod", "acc/x", {"nodeName": "n1"}, 'pods "x" is forbidden: pod does not have "kubernetes.io/config.mirror" annotation, node "n1" can only create mirror pods'),
        ("coordination.k8s.io/v1", "Lease", "kube-node-lease/n2", {}, 'leases.coordination.k8s.io "n2" is forbidden: can only access node lease with the same name as the requesting node'),
    ],
)  # fmt: skip
async def test_what_a_node_may_not_create(refused, make, api_version, kind, key, spec, said):
    assert (await refused(make(api_version, kind, key, spec=spec), NODE)).message == said


async def test_a_node_may_not_give_itself_restricted_labels(refused, write, make):
    old = make("v1", "Node", "n1", spec={})
    restricted = make("v1", "Node", "n1", spec={}, metadata={"labels": {"node-restriction.kubernetes.io/x": "1"}})
    error = await refused(restricted, NODE, old=old)
    assert error.message == 'nodes "n1" is forbidden: is not allowed to modify labels: node-restriction.kubernetes.io/x'
    await write(make("v1", "Node", "n1", spec={}, metadata={"labels": {"mine": "1"}}), NODE, old=old)


@pytest.mark.parametrize(
    ("label", "allowed"),
    [
        ("mine", True),
        ("example.com/x", True),
        ("kubernetes.io/hostname", True),
        ("node.kubernetes.io/anything", True),
        ("x.kubelet.kubernetes.io/y", True),
        ("node-role.kubernetes.io/control-plane", False),
        ("kubernetes.io/role", False),
        ("x.node-restriction.kubernetes.io/y", False),
        ("a.k8s.io/b", False),
    ],
)
def test_labels_of_a_node(label, allowed):
    assert (forbidden_labels({label: "1"}, {}) == []) is allowed


async def test_a_node_may_not_take_off_its_taints(refused, make):
    old = make("v1", "Node", "n1", spec={"taints": [{"key": "a", "effect": "NoSchedule"}]})
    error = await refused(make("v1", "Node", "n1", spec={}), NODE, old=old)
    assert 'node "n1" is not allowed to modify taints' in error.message


@pytest.mark.parametrize(("node", "allowed"), [("n1", True), ("n2", False)])
async def test_a_node_writes_the_status_of_its_own_pods(write, refused, make, node, allowed):
    bound = pod(make, nodeName=node)
    if allowed:
        await write(bound, NODE, old=bound, subresource="status")
        await write(None, NODE, old=bound, operation="DELETE")
    else:
        await refused(bound, NODE, old=bound, subresource="status")
        await refused(None, NODE, old=bound, operation="DELETE")


async def test_a_mirror_pod_names_nothing(write, refused, make):
    owner = {"apiVersion": "v1", "kind": "Node", "name": "n1", "uid": "u"}
    meta = {"annotations": {"kubernetes.io/config.mirror": "h"}, "ownerReferences": [owner]}
    await write(pod(make, metadata=meta, nodeName="n1"), NODE)
    volumes = [{"name": "v", "secret": {"secretName": "s"}}]
    error = await refused(pod(make, metadata=meta, nodeName="n1", volumes=volumes), NODE)
    assert error.message == 'pods "x" is forbidden: node "n1" can not create pods that reference secrets'


async def test_a_node_asks_tokens_for_its_own_pods(write, refused, reader, make):
    from master.api.rows import SERVICE_ACCOUNT

    sources = [{"serviceAccountToken": {"path": "token"}}, {"serviceAccountToken": {"path": "t", "audience": "vault"}}]
    volumes = [{"name": "t", "projected": {"sources": sources}}]
    reader.put(pod(make, "acc/mine", nodeName="n1", volumes=volumes))
    reader.put(pod(make, "acc/other", nodeName="n2", volumes=volumes))

    def token(name, *audiences):
        bound = {"apiVersion": "v1", "kind": "Pod", "name": name, "uid": f"uid-of-{name}"}
        meta = {"name": "default", "namespace": "acc"}
        return {"metadata": meta, "spec": {"boundObjectRef": bound if name else None, "audiences": list(audiences)}}

    for audiences in ((), ("vault",)):
        await write(token("mine", *audiences), NODE, subresource="token", kind=SERVICE_ACCOUNT)
    for audiences in (("other",), ("vault", "")):
        assert (
            "audience"
            in (await refused(token("mine", *audiences), NODE, subresource="token", kind=SERVICE_ACCOUNT)).message
        )
    for name in ("other", ""):
        await refused(token(name), NODE, subresource="token", kind=SERVICE_ACCOUNT)


# Rights and certificates


async def test_nobody_grants_what_they_do_not_hold(refused, write, reader, make):
    up = make(RBAC, "Role", "acc/up", rules=[{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}])
    error = await refused(up, ANN)
    assert error.message == (
        'roles.rbac.authorization.k8s.io "up" is forbidden: user "ann" (groups=["system:authenticated"]) is attempting '
        "to grant RBAC permissions not currently held:\n"
        '{APIGroups:[""], Resources:["pods"], Verbs:["get","list"]}'
    )
    await write(up, ADMIN)
    reader.put(make(RBAC, "Role", "acc/have", rules=[{"apiGroups": [""], "resources": ["pods"], "verbs": ["*"]}]))
    bind(reader, make, "have")
    await write(up, ANN)


def bind(reader, make, role):
    subjects = [{"kind": "User", "name": "ann"}]
    reader.put(make(RBAC, "RoleBinding", "acc/b", subjects=subjects, roleRef={"kind": "Role", "name": role}))


async def test_nobody_binds_a_role_they_do_not_hold(refused, write, reader, make):
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}
    binding = make(RBAC, "RoleBinding", "acc/new", subjects=[{"kind": "User", "name": "bob"}], roleRef=reference)
    assert "permissions not currently held" in (await refused(binding, ANN)).message
    rule = {
        "apiGroups": ["rbac.authorization.k8s.io"],
        "resources": ["clusterroles"],
        "verbs": ["bind"],
        "resourceNames": ["view"],
    }
    reader.put(make(RBAC, "Role", "acc/binder", rules=[rule]))
    bind(reader, make, "binder")
    await write(binding, ANN)


async def test_a_role_that_aggregates_may_grant_everything(refused, make):
    role = make(RBAC, "ClusterRole", "all", aggregationRule={"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]})
    assert "permissions not currently held" in (await refused(role, ANN)).message


def request(make, signer="kubernetes.io/kube-apiserver-client", groups=()):
    csr = base64.b64encode(make_csr(make_key(), Subject("bob", groups))).decode()
    spec = {"signerName": signer, "request": csr, "usages": ["client auth"]}
    return make("certificates.k8s.io/v1", "CertificateSigningRequest", "c", spec=spec)


async def test_nobody_asks_to_be_a_master(refused, write, make):
    await write(request(make), ANN)
    assert (
        "system:masters group is not allowed" in (await refused(request(make, groups=("system:masters",)), ANN)).message
    )


async def test_who_asks_for_a_certificate_is_the_servers_to_say(write, make):
    lying = request(make)
    lying["spec"] |= {"username": "system:node:n1", "groups": ["system:masters"], "uid": "7"}
    made = await write(lying, ANN)
    assert {key: made["spec"].get(key) for key in ("username", "groups", "uid")} == {
        "username": "ann",
        "groups": ["system:authenticated"],
        "uid": None,
    }
    assert (await write(lying, ADMIN, old=made))["spec"] == made["spec"]


async def test_approving_needs_a_right_on_the_signer(refused, write, make):
    csr = request(make)
    error = await refused(csr, ANN, old=csr, subresource="approval")
    assert 'not permitted to approve requests with signerName "kubernetes.io/kube-apiserver-client"' in error.message
    await write(csr, ADMIN, old=csr, subresource="approval")


# Claims


async def test_a_claim_gets_the_newest_default_class(write, reader, make):
    for day, name in enumerate(("a", "b"), 1):
        made = parse(f"2026-01-0{day}T00:00:00Z").astimezone(UTC)
        meta = {"annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}
        meta["creationTimestamp"] = datetime.isoformat(made)
        reader.put(make("storage.k8s.io/v1", "StorageClass", name, metadata=meta, provisioner="p"))
    claim = make("v1", "PersistentVolumeClaim", "acc/c", spec={"resources": {"requests": {"storage": "1Gi"}}})
    assert (await write(claim))["spec"]["storageClassName"] == "b"
    claim["spec"]["storageClassName"] = ""
    assert (await write(claim))["spec"]["storageClassName"] == ""


async def test_an_ingress_gets_the_newest_default_class(write, reader, make):
    spec = {"defaultBackend": {"service": {"name": "s", "port": {"number": 80}}}}
    ingress = make("networking.k8s.io/v1", "Ingress", "acc/i", spec=spec)
    assert "ingressClassName" not in (await write(ingress))["spec"]
    for name, day in (("old", "01"), ("new", "02")):
        marked = make("networking.k8s.io/v1", "IngressClass", name, spec={"controller": "x/y"})
        marked["metadata"]["annotations"] = {"ingressclass.kubernetes.io/is-default-class": "true"}
        marked["metadata"]["creationTimestamp"] = f"2026-01-{day}T00:00:00Z"
        reader.put(marked)
    assert (await write(ingress))["spec"]["ingressClassName"] == "new"
    ingress["metadata"]["annotations"] = {"kubernetes.io/ingress.class": "mine"}
    assert "ingressClassName" not in (await write(ingress))["spec"]


@pytest.mark.parametrize(
    ("phase", "expands", "said"),
    [("Pending", True, "Only bound"), ("Bound", False, "must support resize"), ("Bound", True, "")],
)
async def test_a_claim_grows_where_its_class_lets_it(write, refused, reader, make, phase, expands, said):
    reader.put(make("storage.k8s.io/v1", "StorageClass", "c", provisioner="x/y", allowVolumeExpansion=expands))
    spec = {"storageClassName": "c", "resources": {"requests": {"storage": "1Gi"}}}
    old = make("v1", "PersistentVolumeClaim", "acc/p", spec=spec, status={"phase": phase})
    new = copy.deepcopy(old)
    new["spec"]["resources"]["requests"]["storage"] = "2Gi"
    if said:
        assert said in (await refused(new, old=old)).message
    else:
        await write(new, old=old)
    await write(old, old=new)


async def test_a_pod_gets_the_topology_of_its_node(write, reader, make):
    labels = {"topology.kubernetes.io/zone": "z", "topology.kubernetes.io/region": "r", "other": "o"}
    node = make("v1", "Node", "n")
    node["metadata"]["labels"] = labels
    reader.put(node)
    binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "p", "namespace": "acc"}}
    binding["target"] = {"kind": "Node", "name": "n"}
    bound = await write(binding, subresource="binding", kind=kind_of(make("v1", "Pod", "acc/p")))
    assert bound["metadata"]["labels"] == {key: labels[key] for key in list(labels)[:2]}
