"""A container's environment: expansion, sources, the variables of Services."""

import pytest

from agent.pods.environment import ConfigError, Surroundings, container_environment, expand, field_value

POD = {
    "metadata": {"name": "p", "namespace": "n", "uid": "u", "labels": {"b": 'say "hi"', "a": "1"}},
    "spec": {"containers": [], "nodeName": "node"},
}
SETTINGS = {"data": {"colour": "blue", "bad=name": "x"}}
HIDDEN = {"data": {"key": "c2VjcmV0"}}


def service(service_name, namespace="n", address="10.43.0.9", **port):
    return {
        "metadata": {"name": service_name, "namespace": namespace},
        "spec": {"clusterIP": address, "ports": [{"port": 80, "protocol": "TCP"} | port]},
    }


AROUND = Surroundings(
    node_name="node",
    host_ips=("192.0.2.1",),
    pod_ips=("10.42.0.2", "fd00::2"),
    allocatable={"memory": "8Gi", "cpu": "4"},
    objects={("ConfigMap", "settings"): SETTINGS, ("Secret", "hidden"): HIDDEN},
)


def environment(*env, env_from=(), pod=POD, around=AROUND, **container):
    return dict(container_environment(pod, {"name": "c", "env": env, "envFrom": env_from} | container, around))


def value_from(kind, **source):
    return environment({"name": "X", "valueFrom": {kind: source}})


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("$(A)", "1"),
        ("x$(A)y$(B)", "x1y2"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$(NONE)", "$(NONE)"),
        ("$A $", "$A $"),
        ("$(A", "$(A"),
        ("$$", "$"),
    ],
)
def test_expansion(text, expanded):
    assert expand(text, {"A": "1", "B": "2"}) == expanded


def test_a_later_value_may_name_an_earlier_one_only():
    env = environment({"name": "A", "value": "$(B)"}, {"name": "B", "value": "1"}, {"name": "C", "value": "$(B)"})
    assert env == {"A": "$(B)", "B": "1", "C": "1"}


@pytest.mark.parametrize(
    ("kind", "source", "value"),
    [
        ("configMapKeyRef", {"name": "settings", "key": "colour"}, "blue"),
        ("secretKeyRef", {"name": "hidden", "key": "key"}, "secret"),
        ("fieldRef", {"fieldPath": "status.podIPs"}, "10.42.0.2,fd00::2"),
        ("fieldRef", {"fieldPath": "metadata.labels['a']"}, "1"),
        ("resourceFieldRef", {"resource": "limits.memory", "divisor": "1Gi"}, "8"),
        ("resourceFieldRef", {"resource": "limits.cpu"}, "4"),
        ("resourceFieldRef", {"resource": "requests.cpu", "divisor": "1m"}, "0"),
    ],
)
def test_sources(kind, source, value):
    assert value_from(kind, **source) == {"X": value}


@pytest.mark.parametrize(
    ("kind", "source", "complaint"),
    [
        ("configMapKeyRef", {"name": "none", "key": "x"}, 'configmap "none" not found'),
        ("secretKeyRef", {"name": "none", "key": "x"}, 'secret "none" not found'),
        ("configMapKeyRef", {"name": "settings", "key": "x"}, "couldn't find key x in ConfigMap n/settings"),
        ("fieldRef", {"fieldPath": "spec.magic"}, "unsupported fieldPath: spec.magic"),
    ],
)
def test_what_is_missing_is_named(kind, source, complaint):
    with pytest.raises(ConfigError, match=complaint):
        value_from(kind, **source)


def test_optional_sources_may_be_missing():
    assert value_from("configMapKeyRef", name="none", key="x", optional=True) == {}
    assert environment(env_from=[{"secretRef": {"name": "none", "optional": True}}]) == {}


def test_whole_objects_with_a_prefix_and_without_impossible_names():
    assert environment(env_from=[{"prefix": "P_", "configMapRef": {"name": "settings"}}]) == {"P_colour": "blue"}


def test_labels_are_sorted_and_escaped():
    assert field_value(POD, "metadata.labels", AROUND) == 'a="1"\nb="say \\"hi\\""'


def test_service_variables():
    around = Surroundings(
        services=(service("my-web", name="http"), service("none", address="None"), service("far", "m"))
    )
    assert environment(around=around) == {
        "MY_WEB_SERVICE_HOST": "10.43.0.9",
        "MY_WEB_SERVICE_PORT": "80",
        "MY_WEB_SERVICE_PORT_HTTP": "80",
        "MY_WEB_PORT": "tcp://10.43.0.9:80",
        "MY_WEB_PORT_80_TCP": "tcp://10.43.0.9:80",
        "MY_WEB_PORT_80_TCP_PROTO": "tcp",
        "MY_WEB_PORT_80_TCP_PORT": "80",
        "MY_WEB_PORT_80_TCP_ADDR": "10.43.0.9",
    }


def test_without_links_only_the_api_is_told():
    pod = {**POD, "spec": {**POD["spec"], "enableServiceLinks": False}}
    around = Surroundings(services=(service("web"), service("kubernetes", "default")))
    assert set(environment(pod=pod, around=around)) >= {"KUBERNETES_SERVICE_HOST"}
    assert "WEB_SERVICE_HOST" not in environment(pod=pod, around=around)
