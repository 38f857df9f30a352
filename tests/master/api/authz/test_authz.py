"""RBAC and the Node authorizer against what kube-apiserver answered."""

# ruff: noqa: E501 (messages as they were recorded)

import pytest

from kube.errors import ApiError
from master.api import authz
from master.api.authz.reviews import self_subject_rules_review, subject_access_review
from master.api.contract import RequestInfo, UserInfo
from master.api.default_objects import read

RBAC = "rbac.authorization.k8s.io"
ANN = UserInfo("ann", ("system:authenticated",))
NODE = UserInfo("system:node:n1", ("system:nodes", "system:authenticated"))
RULES = [
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]},
    {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["one"], "verbs": ["get"]},
]


def asking(verb, resource, namespace="acc", name="", group="", subresource="", fields=""):
    return RequestInfo(
        verb, "", True, group, "v1", resource, subresource, namespace, name, field_selector=fields
    )  # fmt: skip


@pytest.fixture
def access(reader, make):
    for obj in read():
        if obj["apiVersion"].startswith(RBAC):
            reader.put(obj)
    access = authz.build(reader)
    reader.put(make(f"{RBAC}/v1", "Role", "acc/r", rules=RULES))
    reader.put(
        make(
            f"{RBAC}/v1",
            "RoleBinding",
            "acc/b",
            subjects=[{"kind": "User", "name": "ann", "apiGroup": RBAC}],
            roleRef={"apiGroup": RBAC, "kind": "Role", "name": "r"},
        )
    )
    return access


@pytest.mark.parametrize(
    ("user", "request_", "allowed"),
    [
        (ANN, asking("list", "pods"), True),
        (ANN, asking("list", "pods", "default"), False),
        (ANN, asking("list", "pods", ""), False),
        (ANN, asking("create", "pods"), False),
        (ANN, asking("get", "pods", subresource="log"), False),
        (ANN, asking("get", "configmaps", name="one"), True),
        (ANN, asking("get", "configmaps", name="two"), False),
        (ANN, asking("get", "configmaps"), False),
        (ANN, RequestInfo("get", "/api"), True),
        (ANN, RequestInfo("get", "/apis/apps/v1"), True),
        (ANN, RequestInfo("get", "/metrics"), False),
        (ANN, asking("create", "selfsubjectaccessreviews", "", group="authorization.k8s.io"), True),
        (UserInfo("root", ("system:masters",)), asking("delete", "nodes", ""), True),
        (UserInfo("system:kube-scheduler"), asking("create", "pods", subresource="binding"), True),
        (UserInfo("system:anonymous", ("system:unauthenticated",)), RequestInfo("get", "/healthz"), True),
        (UserInfo("system:anonymous", ("system:unauthenticated",)), RequestInfo("get", "/api"), False),
    ],
)
def test_rbac_decides(access, user, request_, allowed):
    assert access.authorize(user, request_).allowed is allowed


@pytest.mark.parametrize(
    ("user", "request_", "message", "details"),
    [
        (ANN, asking("list", "nodes", ""), 'nodes is forbidden: User "ann" cannot list resource "nodes" in API group "" at the cluster scope', {"kind": "nodes"}),
        (ANN, asking("get", "deployments", name="x", group="apps"), 'deployments.apps "x" is forbidden: User "ann" cannot get resource "deployments" in API group "apps" in the namespace "acc"', {"name": "x", "group": "apps", "kind": "deployments"}),
        (ANN, asking("create", "pods", name="x", subresource="exec"), 'pods "x" is forbidden: User "ann" cannot create resource "pods/exec" in API group "" in the namespace "acc"', {"name": "x", "kind": "pods"}),
        (ANN, RequestInfo("get", "/metrics"), 'forbidden: User "ann" cannot get path "/metrics"', {}),
        (NODE, asking("list", "secrets", ""), 'secrets is forbidden: User "system:node:n1" cannot list resource "secrets" in API group "" at the cluster scope: can only read namespaced object of this type', {"kind": "secrets"}),
        (NODE, asking("get", "secrets", name="s"), 'secrets "s" is forbidden: User "system:node:n1" cannot get resource "secrets" in API group "" in the namespace "acc": no relationship found between node \'n1\' and this object', {"name": "s", "kind": "secrets"}),
        (NODE, asking("list", "pods", ""), 'pods is forbidden: User "system:node:n1" cannot list resource "pods" in API group "" at the cluster scope: can only list/watch pods with spec.nodeName field selector', {"kind": "pods"}),
    ],
)  # fmt: skip
def test_a_refusal_is_worded_as_upstream_words_it(access, user, request_, message, details):
    with pytest.raises(ApiError) as error:
        access.check(user, request_)
    assert (error.value.message, error.value.to_status()["details"]) == (message, details)


def test_a_change_of_a_binding_is_seen_at_once(access, reader):
    assert access.authorize(ANN, asking("list", "pods")).allowed
    binding = reader.objects["rolebindings.rbac.authorization.k8s.io", "acc", "b"]
    reader.drop(binding)
    assert not access.authorize(ANN, asking("list", "pods")).allowed


def test_a_binding_to_a_missing_role_is_mentioned(access, reader, make):
    reader.put(
        make(
            f"{RBAC}/v1",
            "ClusterRoleBinding",
            "b2",
            subjects=[{"kind": "ServiceAccount", "name": "robot", "namespace": "acc"}],
            roleRef={"apiGroup": RBAC, "kind": "ClusterRole", "name": "none"},
        )
    )
    decision = access.authorize(UserInfo("system:serviceaccount:acc:robot"), asking("list", "pods"))
    assert decision.reason == 'RBAC: clusterrole.rbac.authorization.k8s.io "none" not found'


def test_view_aggregates_the_roles_that_are_labelled_for_it(access, reader, make):
    view = UserInfo("system:serviceaccount:acc:viewer")
    reader.put(
        make(
            f"{RBAC}/v1",
            "RoleBinding",
            "acc/v",
            subjects=[{"kind": "ServiceAccount", "name": "viewer"}],
            roleRef={"apiGroup": RBAC, "kind": "ClusterRole", "name": "admin"},
        )
    )
    assert access.authorize(view, asking("list", "deployments", group="apps")).allowed
    assert access.authorize(view, asking("delete", "deployments", group="apps")).allowed
    assert not access.authorize(view, asking("list", "gadgets", group="example.com")).allowed
    labels = {"rbac.authorization.k8s.io/aggregate-to-view": "true"}
    rule = {"apiGroups": ["example.com"], "resources": ["gadgets"], "verbs": ["list"]}
    reader.put(make(f"{RBAC}/v1", "ClusterRole", "gadgets", metadata={"labels": labels}, rules=[rule]))
    assert access.authorize(view, asking("list", "gadgets", group="example.com")).allowed


def pod(make, key="acc/p", node="n1", **spec):
    return make("v1", "Pod", key, spec={"nodeName": node, "serviceAccountName": "robot", "containers": []} | spec)


@pytest.mark.parametrize(
    ("resource", "name", "verb", "spec"),
    [
        ("secrets", "s", "get", {"volumes": [{"name": "v", "secret": {"secretName": "s"}}]}),
        ("secrets", "s", "watch", {"volumes": [{"name": "v", "projected": {"sources": [{"secret": {"name": "s"}}]}}]}),
        ("secrets", "s", "get", {"imagePullSecrets": [{"name": "s"}]}),
        ("secrets", "s", "get", {"containers": [{"name": "c", "envFrom": [{"secretRef": {"name": "s"}}]}]}),
        ("configmaps", "m", "get", {"initContainers": [{"name": "c", "env": [{"name": "E", "valueFrom": {"configMapKeyRef": {"name": "m"}}}]}]}),
        ("configmaps", "m", "list", {"volumes": [{"name": "v", "configMap": {"name": "m"}}]}),
        ("persistentvolumeclaims", "c", "get", {"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]}),
        ("persistentvolumeclaims", "p-v", "get", {"volumes": [{"name": "v", "ephemeral": {}}]}),
    ],
)  # fmt: skip
def test_a_node_reads_what_its_pods_name_and_only_while_they_are_there(
    access, reader, make, resource, name, verb, spec
):
    wanted = asking(verb, resource, name=name)
    assert not access.authorize(NODE, wanted).allowed
    bound = reader.put(pod(make, **spec))
    assert access.authorize(NODE, wanted).allowed
    assert not access.authorize(UserInfo("system:node:n2", ("system:nodes",)), wanted).allowed
    reader.drop(bound)
    assert not access.authorize(NODE, wanted).allowed


def test_a_mirror_pod_opens_no_secret(access, reader, make):
    mirror = {"annotations": {"kubernetes.io/config.mirror": "x"}}
    volumes = [{"name": "v", "secret": {"secretName": "s"}}]
    reader.put(make("v1", "Pod", "acc/p", metadata=mirror, spec={"nodeName": "n1", "volumes": volumes}))
    assert not access.authorize(NODE, asking("get", "secrets", name="s")).allowed


def test_a_pod_concerns_a_node_from_its_binding_on(access, reader, make):
    reader.put(pod(make, node=""))
    assert not access.authorize(NODE, asking("get", "pods", name="p")).allowed
    reader.put(pod(make))
    assert access.authorize(NODE, asking("get", "pods", name="p")).allowed


@pytest.mark.parametrize(
    ("request_", "allowed"),
    [
        (asking("list", "pods", "", fields="spec.nodeName=n1"), True),
        (asking("watch", "pods", "", fields="spec.nodeName=n2"), False),
        (asking("create", "nodes", ""), True),
        (asking("get", "nodes", "", "n1"), True),
        (asking("get", "nodes", "", "n2"), False),
        (asking("patch", "nodes", "", "n1", subresource="status"), True),
        (asking("delete", "nodes", "", "n1"), False),
        (asking("create", "leases", "kube-node-lease", group="coordination.k8s.io"), True),
        (asking("update", "leases", "kube-node-lease", "n1", group="coordination.k8s.io"), True),
        (asking("update", "leases", "kube-node-lease", "n2", group="coordination.k8s.io"), False),
        (asking("get", "leases", "kube-system", "n1", group="coordination.k8s.io"), False),
        (asking("create", "serviceaccounts", name="robot", subresource="token"), False),
        (asking("create", "certificatesigningrequests", "", group="certificates.k8s.io"), True),
        (asking("list", "services", ""), True),
        (asking("create", "events", "default"), True),
    ],
)
def test_a_node_does_its_own_things(access, request_, allowed):
    assert access.authorize(NODE, request_).allowed is allowed


def test_a_node_asks_tokens_for_its_pods_accounts(access, reader, make):
    reader.put(pod(make))
    assert access.authorize(NODE, asking("create", "serviceaccounts", name="robot", subresource="token")).allowed


def test_access_reviews_say_why(access):
    attributes = {"namespace": "acc", "verb": "get", "resource": "pods"}
    review = {"spec": {"user": "ann", "resourceAttributes": attributes}}
    assert subject_access_review(access, review)["status"] == {
        "allowed": True,
        "reason": 'RBAC: allowed by RoleBinding "b/acc" of Role "r" to User "ann"',
    }
    review["spec"]["resourceAttributes"] = attributes | {"verb": "delete"}
    assert subject_access_review(access, review)["status"] == {"allowed": False}


def test_rules_review_lists_what_the_caller_may(access):
    status = self_subject_rules_review(access.rbac, {"spec": {"namespace": "acc"}}, ANN)["status"]
    assert status["resourceRules"] == [
        {"verbs": ["create"], "apiGroups": ["authorization.k8s.io"], "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"]},
        {"verbs": ["create"], "apiGroups": ["authentication.k8s.io"], "resources": ["selfsubjectreviews"]},
        *RULES,
    ]  # fmt: skip
    assert [rule["nonResourceURLs"][0] for rule in status["nonResourceRules"]] == ["/api", "/healthz"]
