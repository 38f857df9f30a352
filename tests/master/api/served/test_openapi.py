"""What the server says of itself, compared with what kube-apiserver says of leases, and asked for by its hash."""

import pytest

GROUP = "apis/coordination.k8s.io/v1"
NOT_OFFERED = {
    "shardSelector": "a list is not sharded here",
    "ignoreStoreReadErrorWithClusterBreakingPotential": "an object that cannot be read can be deleted here without it",
}
NOT_DESCRIBED = ("io.k8s.apimachinery.pkg.apis.meta.v1.ShardInfo",)


def as_json(value):
    """A recorded document, which shows the structs it was written from."""
    if isinstance(value, list):
        return [as_json(one) for one in value]
    if not isinstance(value, dict):
        return value
    made = {}
    for key, one in value.items():
        inside = key in ("Extensions", "ArbitraryKeys") or key.endswith("Props")
        made |= (as_json(one) or {}) if inside else {key: as_json(one)}
    return made


def names(operation):
    return [one["name"] for one in operation.get("parameters") or () if one["name"] not in NOT_OFFERED]


def bodies(operation):
    body = operation.get("requestBody") or {}
    return sorted(body.get("content", ())), body.get("required", False)


@pytest.fixture
def recorded(recording):
    return {row["name"]: as_json(row["answer"]) for row in recording("openapi")}


@pytest.fixture
async def served(api):
    return (await api.ask("GET", f"/openapi/v3/{GROUP}"))[1]


async def test_the_operations_are_the_recorded_ones(recorded, served):
    wanted = recorded["a group"]["paths"]
    assert served["paths"].keys() == wanted.keys()
    for path, item in wanted.items():
        found = served["paths"][path]
        assert found.keys() - {"parameters"} == item.keys() - {"parameters"}, path
        assert names(found) == names(item), path
        for method in item.keys() - {"parameters"}:
            ours, theirs = found[method], item[method]
            for key in ("operationId", "tags", "x-kubernetes-action", "x-kubernetes-group-version-kind"):
                assert ours.get(key) == theirs.get(key), (path, method, key)
            assert (names(ours), bodies(ours)) == (names(theirs), bodies(theirs)), (path, method)
            assert ours["responses"].keys() == theirs["responses"].keys(), (path, method)
            content = theirs["responses"]["200"]["content"]
            assert ours["responses"]["200"]["content"].keys() == content.keys(), (path, method)


async def test_what_they_answer_with_is_described(recorded, served):
    wanted, found = recorded["a group"]["components"]["schemas"], served["components"]["schemas"]
    assert wanted.keys() - set(NOT_DESCRIBED) == found.keys()
    for name in wanted.keys() - set(NOT_DESCRIBED):
        offered = {field for field in wanted[name].get("properties") or () if field != "shardInfo"}
        assert set(found[name].get("properties") or ()) == offered, name
        assert set(found[name].get("required") or ()) == set(wanted[name].get("required") or ()), name


async def test_version_2_has_the_same_paths(api, recorded):
    _, answer, _ = await api.ask("GET", "/openapi/v2")
    wanted = recorded["v2, the part of leases"]
    assert wanted["paths"].keys() <= answer["paths"].keys()
    assert wanted["definitions"].keys() <= answer["definitions"].keys()
    names = [
        operation["operationId"]
        for item in answer["paths"].values()
        for method, operation in item.items()
        if method != "parameters"
    ]
    assert len(names) == len(set(names)), "an operation's name is its own"


async def test_the_index_names_every_group(api, recorded):
    """Discovery and what is no resource are documented elsewhere."""
    _, answer, _ = await api.ask("GET", "/openapi/v3")
    versions = {path for path in recorded["index"]["paths"] if path == "api/v1" or path.count("/") == 2}
    assert {path for path in versions if not path.startswith("open")} == answer["paths"].keys()


async def test_a_document_asked_for_by_its_hash(api):
    _, index, _ = await api.ask("GET", "/openapi/v3")
    url = index["paths"][GROUP]["serverRelativeURL"]
    status, _, headers = await api.ask("GET", url)
    assert (status, headers["Cache-Control"]) == (200, "public, immutable")
    status, _, _ = await api.ask("GET", url, headers={"If-None-Match": headers["ETag"]})
    assert status == 304
    async with api.session.get(f"/openapi/v3/{GROUP}?hash=OLD", allow_redirects=False) as response:
        assert (response.status, response.headers["Location"]) == (301, url)


async def test_fields_are_described_in_upstreams_words(served):
    spec = served["components"]["schemas"]["io.k8s.api.coordination.v1.LeaseSpec"]
    assert spec["description"] == "LeaseSpec is a specification of a Lease."
    assert spec["properties"]["holderIdentity"]["description"].startswith("holderIdentity contains the identity of the")
    lease = served["components"]["schemas"]["io.k8s.api.coordination.v1.Lease"]["properties"]
    assert lease["spec"]["description"] and lease["spec"]["allOf"][0]["$ref"].endswith("LeaseSpec")


async def test_what_may_be_a_number_or_a_text_says_so(api):
    """`kubectl explain` shows the name of such a type, and of others what they are written as."""
    _, answer, _ = await api.ask("GET", "/openapi/v3/apis/policy/v1")
    either = answer["components"]["schemas"]["io.k8s.apimachinery.pkg.util.intstr.IntOrString"]
    assert either["oneOf"] == [{"type": "integer"}, {"type": "string"}] and "type" not in either
