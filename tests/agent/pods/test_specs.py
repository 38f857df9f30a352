"""A spec into the runtime's words: resources, sandboxes, security, images."""

import base64
import json

import pytest

from agent.pods.images import invalid_name, logins, pull_policy
from agent.pods.places import NodeFacts, Paths, parse_resolv_conf
from agent.pods.resources import cgroup_parent, container_resources, pod_resources, qos_class
from agent.pods.sandboxes import dns, host_name, hosts_file, runtime_handler, sandbox_config
from agent.pods.security import Refused, check_pod, container_security, sysctl_name
from agent.runtime.words import Dns, Image, Namespace, PortMapping

NODE = NodeFacts("node", ("192.0.2.1",), host_dns=Dns(("192.0.2.53",), ("lan",), ("rotate",)))
GIB = 1 << 30


def pod(*containers, **spec):
    containers = containers or ({"name": "c", "image": "i"},)
    return {
        "metadata": {"name": "p", "namespace": "n", "uid": "u"},
        "spec": {"containers": list(containers)} | spec,
    }


def container(name="c", requests=None, limits=None, **more):
    return {"name": name, "image": "i", "resources": {"requests": requests or {}, "limits": limits or {}}} | more


# Resources


@pytest.mark.parametrize(
    ("given", "qos"),
    [
        pytest.param(container(), "BestEffort", id="nothing asked"),
        pytest.param(container(requests={"cpu": "1"}), "Burstable", id="asked"),
        pytest.param(container(limits={"cpu": "1", "memory": "1Gi"}), "Guaranteed", id="limits alone are requests"),
        pytest.param(
            container(requests={"cpu": "500m"}, limits={"cpu": "1", "memory": "1Gi"}),
            "Burstable",
            id="less than the limit",
        ),
        pytest.param(container(limits={"memory": "1Gi"}), "Burstable", id="memory alone"),
    ],
)
def test_quality_of_service(given, qos):
    assert qos_class(pod(given)) == qos


@pytest.mark.parametrize(
    ("qos", "requests", "score"),
    [
        ("Guaranteed", {"memory": "1Gi"}, -997),
        ("BestEffort", {}, 1000),
        ("Burstable", {"memory": "1Gi"}, 875),
        ("Burstable", {"cpu": "1"}, 999),
        ("Burstable", {"memory": "8Gi"}, 3),
    ],
)
def test_oom_scores(qos, requests, score):
    assert (
        container_resources(container(requests=requests), qos, NodeFacts("node", memory=8 * GIB)).oom_score_adj == score
    )


def test_limits_as_the_kernel_counts_them():
    found = container_resources(
        container(requests={"cpu": "250m"}, limits={"cpu": "1500m", "memory": "64Mi"}), "Burstable", NodeFacts("node")
    )
    assert (found.cpu_shares, found.cpu_quota, found.cpu_period, found.memory_limit) == (
        256,
        150_000,
        100_000,
        64 << 20,
    )


def test_more_cpus_than_the_node_has_are_what_it_has():
    greedy = container(limits={"cpu": "1250m"})
    assert container_resources(greedy, "Burstable", NodeFacts("node", cpus=1)).cpu_quota == 100_000
    assert pod_resources(pod(greedy), cpus=1).cpu_quota == 100_000


def test_a_pod_is_limited_where_each_container_is():
    both = pod(container(limits={"cpu": "1", "memory": "1Gi"}), container("d", limits={"cpu": "1"}))
    assert (pod_resources(both).cpu_quota, pod_resources(both).memory_limit) == (200_000, 0)


def test_an_init_container_counts_where_it_needs_more():
    given = pod(container(limits={"cpu": "1"}), initContainers=[container("i", limits={"cpu": "3"})])
    assert pod_resources(given).cpu_quota == 300_000


def test_a_pod_s_own_resources_go_before_the_sum_and_overhead_on_top():
    own = {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m"}}
    given = pod(container(limits={"cpu": "100m"}), resources=own, overhead={"cpu": "250m"})
    found = pod_resources(given)
    assert (found.cpu_shares, found.cpu_quota, found.memory_limit) == (768, 125_000, GIB)
    assert qos_class(given) == "Burstable"


@pytest.mark.parametrize(
    ("spec", "objects", "handler"),
    [
        ({}, {}, ""),
        ({"runtimeClassName": "r"}, {("RuntimeClass", "r"): {"handler": "runc"}}, "runc"),
    ],
)
def test_what_a_runtime_class_means(spec, objects, handler):
    assert runtime_handler(pod(**spec), objects) == handler


def test_a_runtime_class_that_is_not_there():
    with pytest.raises(LookupError, match="not found"):
        runtime_handler(pod(runtimeClassName="r"), {("RuntimeClass", "r"): None})


@pytest.mark.parametrize(
    ("qos", "path"),
    [
        ("Guaranteed", "/kubepods/podu"),
        ("Burstable", "/kubepods/burstable/podu"),
        ("BestEffort", "/kubepods/besteffort/podu"),
    ],
)
def test_where_a_pod_s_cgroup_lies(qos, path):
    assert cgroup_parent("/", pod(), qos) == path


# Sandboxes


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        pytest.param(
            {}, Dns(("10.43.0.10",), ("n.svc.cluster.local", "svc.cluster.local", "cluster.local", "lan"), ("ndots:5",)),
            id="ClusterFirst",
        ),
        pytest.param({"dnsPolicy": "Default"}, NODE.host_dns, id="Default"),
        pytest.param({"hostNetwork": True}, NODE.host_dns, id="host network"),
        pytest.param(
            {"dnsPolicy": "None", "dnsConfig": {"nameservers": ["1.1.1.1"], "options": [{"name": "ndots", "value": "2"}]}},
            Dns(("1.1.1.1",), (), ("ndots:2",)),
            id="None",
        ),
        pytest.param(
            {"dnsPolicy": "Default", "dnsConfig": {"searches": ["lan", "more"], "options": [{"name": "edns0"}]}},
            Dns(("192.0.2.53",), ("lan", "more"), ("rotate", "edns0")),
            id="added to",
        ),
    ],
)  # fmt: skip
def test_dns(spec, expected):
    assert dns(pod(**spec), NODE) == expected


def test_resolv_conf():
    text = (
        "# made\nnameserver 10.0.0.1\nnameserver fe80::1%eth0 ; old\ndomain a\nsearch b c\noptions timeout:1 rotate\n"
    )
    assert parse_resolv_conf(text) == Dns(("10.0.0.1", "fe80::1%eth0"), ("b", "c"), ("timeout:1", "rotate"))


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ({}, "p"),
        ({"hostname": "h"}, "h"),
        ({"hostname": "h", "hostnameOverride": "o.example", "subdomain": "s", "setHostnameAsFQDN": True}, "o.example"),
        ({"hostname": "h", "subdomain": "s", "setHostnameAsFQDN": True}, "h.s.n.svc.cluster.local"),
    ],
)
def test_host_names(spec, name):
    assert host_name(pod(**spec), NODE) == name


def test_the_hosts_file_names_the_pod_its_node_and_its_aliases():
    given = pod(hostname="h", subdomain="s", hostAliases=[{"ip": "1.2.3.4", "hostnames": ["a", "b"]}])
    text = hosts_file(given, NODE, ["10.42.0.2"])
    assert text.startswith("# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n")
    assert "# node: node\n10.42.0.2\th.s.n.svc.cluster.local\th\n" in text
    assert text.endswith("\n# Entries added by HostAliases.\n1.2.3.4\ta\tb\n")


def test_a_sandbox_carries_what_a_new_agent_reads_back():
    ports = [{"containerPort": 80, "hostPort": 8080, "protocol": "TCP"}, {"containerPort": 81}]
    config = sandbox_config(pod(container(ports=ports), hostPID=True), 2, NODE, Paths())
    assert config.labels["io.kubernetes.pod.uid"] == "u" and config.attempt == 2
    assert config.ports == (PortMapping("TCP", 80, 8080),)
    assert (config.namespaces.pid, config.log_directory) == (Namespace.NODE, "/var/log/pods/n_p_u")


# Security


def test_a_container_s_own_word_goes_before_the_pod_s():
    given = pod(securityContext={"runAsUser": 1, "runAsGroup": 2, "fsGroup": 3, "supplementalGroups": [4]})
    own = {
        "runAsUser": 5,
        "capabilities": {"add": ["CAP_NET_ADMIN"], "drop": ["ALL"]},
        "allowPrivilegeEscalation": False,
    }
    found = container_security(given, container(securityContext=own), None)
    assert (found.user, found.group, found.supplemental_groups) == (5, 2, (4, 3))
    assert (found.add_capabilities, found.drop_capabilities, found.no_new_privileges) == (
        ("NET_ADMIN",),
        ("ALL",),
        True,
    )
    assert "/proc/kcore" in found.masked_paths


@pytest.mark.parametrize(("image_user", "user"), [(None, 0), (7, 7), ("www", "www")])
def test_a_group_goes_with_the_image_s_user(image_user, user):
    found = container_security(pod(), container(securityContext={"runAsGroup": 2}), Image("i", (), (), 1, image_user))
    assert (found.user, found.group) == (user, 2)


@pytest.mark.parametrize(
    ("given", "name"),
    [("kernel.msgmax", "kernel.msgmax"), ("net/ipv4/conf/eth0.1/mtu", "net.ipv4.conf.eth0/1.mtu")],
)
def test_sysctls_may_be_written_with_slashes(given, name):
    assert sysctl_name(given) == name


def test_privileged_has_nothing_masked():
    found = container_security(pod(), container(securityContext={"privileged": True}), None)
    assert (found.privileged, found.masked_paths, found.readonly_paths, found.seccomp) == (True, (), (), None)


@pytest.mark.parametrize(
    ("user", "image_user", "complaint"),
    [
        (0, 1000, "runAsUser breaks non-root policy"),
        (None, 0, "image will run as root"),
        (None, None, "image will run as root"),
        (None, "www", r"non-numeric user \(www\)"),
    ],
)
def test_who_must_not_be_root(user, image_user, complaint):
    own = {"runAsNonRoot": True} | ({} if user is None else {"runAsUser": user})
    with pytest.raises(Refused, match=complaint):
        container_security(pod(), container(securityContext=own), Image("i", (), (), 1, image_user))


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        ({"hostUsers": False}, "user namespaces"),
        ({"securityContext": {"supplementalGroupsPolicy": "Strict"}}, "Strict"),
        ({"securityContext": {"seLinuxOptions": {"level": "s0"}}}, "SELinux"),
        ({"securityContext": {"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}}, "kernel.msgmax"),
    ],
)
def test_what_the_node_lacks_is_refused_by_name(spec, complaint):
    with pytest.raises(Refused, match=complaint):
        check_pod(pod(**spec))


# Images


@pytest.mark.parametrize(
    ("image", "told", "rule"),
    [
        ("busybox", None, "Always"),
        ("busybox:latest", None, "Always"),
        ("busybox:1", None, "IfNotPresent"),
        ("host:5000/busybox", None, "Always"),
        ("busybox@sha256:" + "0" * 64, None, "IfNotPresent"),
        ("busybox", "Never", "Never"),
    ],
)
def test_pull_policies(image, told, rule):
    assert pull_policy({"image": image, "imagePullPolicy": told}) == rule


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("wherry.local/web:1", ""),
        ("a/b/c", ""),
        ("HOST.example:5000/a", ""),
        ("Bad_Image!", "invalid reference format: repository name (library/Bad_Image!) must be lowercase"),
        ("a b", "invalid reference format"),
        ("", "invalid reference format"),
    ],
)
def test_image_names(name, complaint):
    assert invalid_name(name) == complaint


def test_logins_by_registry():
    config = {
        "auths": {"https://index.docker.io/v1/": {"auth": "YTpi"}, "r.example": {"username": "u", "password": "p"}}
    }
    secret = {"data": {".dockerconfigjson": base64.b64encode(json.dumps(config).encode()).decode()}}
    found = logins([secret, None, {"data": {".dockercfg": "no json"}}])
    assert {host: (login.username, login.auth) for host, login in found.items()} == {
        "docker.io": ("", "YTpi"),
        "r.example": ("u", ""),
    }
