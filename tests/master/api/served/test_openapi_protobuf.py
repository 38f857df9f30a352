"""OpenAPI v2 in protobuf, read back with field numbers of its own."""

from kube.kinds import BUILT_IN
from kube.protobuf.wire import BYTES, VARINT, read_varint
from master.api.openapi import OpenApi, protobuf


def fields(data):
    """(number, payload) pairs of one message."""
    at = 0
    while at < len(data):
        key, at = read_varint(data, at)
        length, at = read_varint(data, at)
        if key & 7 == VARINT:
            yield key >> 3, length
            continue
        assert key & 7 == BYTES
        yield key >> 3, data[at : at + length]
        at += length


def named(data, number=1):
    rows = [dict(fields(payload)) for n, payload in fields(data) if n == number]
    return {row[1].decode(): row[2] for row in rows}


def test_a_definition_keeps_its_merge_keys_and_its_kind():
    document = dict(fields(protobuf.encode(OpenApi(BUILT_IN)._version_2())))
    definitions = named(document[9])
    pod = dict(named(definitions["io.k8s.api.core.v1.Pod"], 31))
    assert b'"kind":"Pod"' in dict(fields(pod["x-kubernetes-group-version-kind"]))[2]
    spec = named(dict(fields(definitions["io.k8s.api.core.v1.PodSpec"]))[25])
    assert dict(fields(named(spec["containers"], 31)["x-kubernetes-patch-merge-key"]))[2] == b'"name"\n'
    items = dict(fields(dict(fields(spec["containers"]))[23]))
    assert dict(fields(items[1]))[1] == b"#/definitions/io.k8s.api.core.v1.Container"
    assert "/api/v1/namespaces/{namespace}/pods" in named(document[8], 2)
