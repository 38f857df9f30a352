"""kubectl, unmodified, against the cluster: what a user types on the first day."""

import json
import subprocess

import pytest


def test_nodes_as_a_user_sees_them(cluster):
    wide = cluster.kubectl("get", "nodes", "-o", "wide")
    header, *rows = wide.splitlines()
    assert header.split()[:2] == ["NAME", "STATUS"] and "CONTAINER-RUNTIME" in header
    assert sorted(row.split()[0] for row in rows)[:2] == ["node-1", "node-2"]
    node = cluster.json("get", "node", "node-1")
    assert node["status"]["capacity"]["memory"] == "1Gi", "the cgroup's limit, not the host's memory"
    assert node["spec"]["podCIDR"].startswith("10.42.")
    described = cluster.kubectl("describe", "node", "node-1")
    for word in ("MemoryPressure", "KubeletReady", "containerd://", "Allocated resources", "Lease:"):
        assert word in described
    assert "kind: Node" in cluster.kubectl("get", "node", "node-1", "-o", "yaml")


@pytest.mark.parametrize(
    ("make", "kind", "field", "value"),
    [
        (["create", "configmap", "c", "--from-literal=a=1"], "configmap/c", "{.data.a}", "1"),
        (["create", "secret", "generic", "s", "--from-literal=p=q"], "secret/s", "{.data.p}", "cQ=="),
        (["create", "serviceaccount", "sa"], "serviceaccount/sa", "{.metadata.name}", "sa"),
        (["create", "role", "r", "--verb=get", "--resource=pods"], "role/r", "{.rules[0].verbs[0]}", "get"),
        (["create", "rolebinding", "b", "--role=r", "--user=u"], "rolebinding/b", "{.subjects[0].name}", "u"),
        (["create", "service", "clusterip", "x", "--tcp=80:8080"], "service/x", "{.spec.ports[0].targetPort}", "8080"),
    ],
    ids=lambda v: v[1] if isinstance(v, list) else None,
)
def test_create(cluster, space, make, kind, field, value):
    cluster.kubectl("-n", space, *make)
    assert cluster.kubectl("-n", space, "get", kind, "-o", f"jsonpath={field}") == value


def test_a_deployment_is_changed_in_every_way(cluster, space):
    k = lambda *argv: cluster.kubectl("-n", space, *argv)  # noqa: E731
    k("create", "deployment", "web", "--image=wherry.local/web:1")
    cluster.wait_pods(space, "app=web", 1)
    k("scale", "deployment", "web", "--replicas=2")
    cluster.wait_pods(space, "app=web", 2)
    k("label", "deployment", "web", "tier=front")
    k("annotate", "deployment", "web", "note=one two")
    k("patch", "deployment", "web", "-p", '{"spec":{"template":{"metadata":{"labels":{"more":"x"}}}}}')
    k("patch", "deployment", "web", "--type=json", "-p", '[{"op":"replace","path":"/spec/replicas","value":1}]')
    k("patch", "deployment", "web", "--type=merge", "-p", '{"spec":{"minReadySeconds":1}}')
    assert "successfully rolled out" in k("rollout", "status", "deployment", "web", "--timeout=60s")
    assert len(k("rollout", "history", "deployment", "web").strip().splitlines()) == 4
    k("rollout", "undo", "deployment", "web")
    k("rollout", "status", "deployment", "web", "--timeout=60s")
    found = cluster.json("-n", space, "get", "deployment", "web")
    assert found["metadata"]["labels"]["tier"] == "front" and found["metadata"]["annotations"]["note"] == "one two"
    assert "more" not in found["spec"]["template"]["metadata"]["labels"]
    described = k("describe", "deployment", "web")
    assert "ScalingReplicaSet" in described and "NewReplicaSet" in described
    k("delete", "deployment", "web")
    cluster.wait_pods(space, "app=web", 0)


def test_apply_twice_changes_nothing_and_once_more_changes_what_changed(cluster, space):
    text = """
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {a: "1", b: "2"}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
"""
    apply = lambda body: cluster.kubectl("-n", space, "apply", "-f", "-", stdin=body)  # noqa: E731
    assert apply(text).count("created") == 2
    assert apply(text).count("unchanged") == 2
    assert apply(text.replace('b: "2"', 'c: "3"')).count("configured") == 1
    assert cluster.json("-n", space, "get", "configmap", "settings")["data"] == {"a": "1", "c": "3"}


def test_watching(cluster, space):
    watch = cluster.start(
        "kubectl",
        "-n",
        space,
        "get",
        "configmaps",
        "-w",
        "--no-headers",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        assert "kube-root-ca.crt" in watch.stdout.readline()
        cluster.kubectl("-n", space, "create", "configmap", "seen")
        assert watch.stdout.readline().startswith("seen")
    finally:
        watch.kill()
        watch.wait()
        watch.stdout.close()


def test_what_there_is_and_what_one_may(cluster, space):
    resources = cluster.kubectl("api-resources")
    for word in ("pods", "deployments", "endpointslices", "certificatesigningrequests", "leases"):
        assert word in resources
    assert "apps/v1" in cluster.kubectl("api-versions")
    assert cluster.kubectl("auth", "can-i", "create", "pods").strip() == "yes"
    nobody = cluster.run("kubectl", "auth", "can-i", "create", "pods", "--as", "nobody", check=False)
    assert (nobody.stdout.strip(), nobody.returncode) == ("no", 1)
    assert cluster.json("version")["serverVersion"]["minor"] == "36"


def test_a_token_opens_what_it_may_and_nothing_else(cluster, space):
    cluster.kubectl("-n", space, "create", "serviceaccount", "maker")
    cluster.kubectl(
        "-n", space, "create", "rolebinding", "maker", "--clusterrole=edit", f"--serviceaccount={space}:maker"
    )
    token = cluster.kubectl("-n", space, "create", "token", "maker").strip()
    server = cluster.kubectl("config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}")
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "by-curl"},
        "spec": {"containers": [{"name": "c", "image": "wherry.local/busybox:1", "command": ["sleep", "100"]}]},
    }

    def curl(path, *more, bearer=token):
        words = [
            "curl",
            "-sS",
            "-o",
            "/dev/stdout",
            "-w",
            "\n%{http_code}",
            "--cacert",
            cluster.root / "etc/kubernetes/pki/ca.crt",
        ]
        auth = ["-H", f"Authorization: Bearer {bearer}"] if bearer else []
        answer, _, code = cluster.run(*words, *auth, *more, f"{server}{path}").stdout.rpartition("\n")
        return int(code), json.loads(answer)

    json_body = ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
    pods = f"/api/v1/namespaces/{space}/pods"
    assert curl(pods, "-X", "POST", *json_body)[0] == 201
    assert curl(pods, "-X", "POST", *json_body)[0] == 409
    assert curl("/api/v1/nodes")[0] == 403
    assert curl(pods, bearer="")[0] == 401
    assert curl(pods, bearer="nonsense")[0] == 401
    assert curl(pods, "-X", "POST", "-H", "Content-Type: application/json", "-d", "{")[0] == 400
    assert curl(pods, "-X", "POST", "-H", "Content-Type: text/weird", "-d", "{}")[0] == 415
    assert curl(pods, "-H", "Accept: text/weird")[0] == 406
    code, status = curl(pods, "-X", "POST", "-H", "Content-Type: application/json", "-d", '{"spec":{}}')
    assert (code, status["kind"], status["reason"]) == (422, "Status", "Invalid")


def test_secrets_are_sealed_on_disk(cluster, space, until):
    cluster.kubectl("-n", space, "create", "secret", "generic", "sealed", "--from-literal=word=planted-secret-word")
    files = list((cluster.root / "var/lib/wherry").glob("store.db*"))
    assert files
    assert not any(
        b"planted-secret-word" in path.read_bytes() or b"cGxhbnRlZC1zZWNyZXQ" in path.read_bytes() for path in files
    )
    found = cluster.run(*etcdctl(cluster), "get", f"/registry/secrets/{space}/sealed", "--print-value-only").stdout
    assert found.startswith("k8s:enc:secretbox:v1:")


def etcdctl(cluster):
    pki = cluster.root / "etc/kubernetes/pki/etcd"
    certificates = ["--cacert", pki / "ca.crt", "--cert", pki / "server.crt", "--key", pki / "server.key"]
    return ["env", "ETCDCTL_API=3", "etcdctl", *certificates, "--endpoints", "https://127.0.0.1:2379"]


def test_etcdctl_sees_the_cluster(cluster, space, until):
    e = etcdctl(cluster)
    keys = cluster.run(*e, "get", "/", "--prefix", "--keys-only").stdout.split()
    assert "/registry/minions/node-1" in keys and f"/registry/namespaces/{space}" in keys
    assert "is healthy" in cluster.run(*e, "endpoint", "health").stderr + cluster.run(*e, "endpoint", "health").stdout
    watch = cluster.start(*e, "watch", "--prefix", "/mine/", stdout=subprocess.PIPE)
    try:
        cluster.run(*e, "put", "/mine/key", "before")

        def heard():
            cluster.run(*e, "put", "/mine/key", "value")
            return True

        until(heard, 5, "a put")
        assert watch.stdout.readline().strip() == "PUT"
    finally:
        watch.kill()
        watch.wait()
        watch.stdout.close()
    assert cluster.run(*e, "get", "/mine/key", "--print-value-only").stdout.strip() == "value"


def test_a_write_by_etcdctl_is_seen_by_kubectl(cluster, space, until):
    value = json.dumps(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "byhand", "namespace": space, "uid": "u-1"}}
    )
    cluster.run(*etcdctl(cluster), "put", f"/registry/configmaps/{space}/byhand", value)
    until(lambda: "byhand" in cluster.kubectl("-n", space, "get", "configmaps"), 5, "the key that etcdctl put")


def test_a_nodes_certificate_does_not_open_the_store(cluster):
    pki = cluster.root / "etc/kubernetes/pki"
    words = [
        "--cacert",
        pki / "etcd/ca.crt",
        "--cert",
        pki / "apiserver-kubelet-client.crt",
        "--key",
        pki / "apiserver-kubelet-client.key",
    ]
    refused = cluster.run("env", "ETCDCTL_API=3", "etcdctl", *words, "--command-timeout=2s", "get", "/", check=False)
    assert refused.returncode != 0
