"""Claims to storage: what is bound, what is not yet, and who owns the files."""

import pytest

from agent.pods.volumes import ownership
from agent.pods.volumes.claims import Claims, bound_volume
from agent.pods.volumes.mounting import Unsupported, give_volume, host_folder, make_volume
from agent.pods.volumes.payloads import Missing
from kube.errors import not_found

POD = {"metadata": {"name": "p", "namespace": "n", "uid": "u"}, "spec": {"volumes": []}}
CLAIMED = {"name": "data", "persistentVolumeClaim": {"claimName": "c"}}
EPHEMERAL = {"name": "data", "ephemeral": {"volumeClaimTemplate": {}}}


class Storage:
    """The claims and volumes of an API."""

    def __init__(self, claims=(), volumes=()):
        self.objects = {o["metadata"]["name"]: o for o in (*claims, *volumes)}

    async def get(self, kind, namespace, name, subresource=""):
        if name not in self.objects:
            raise not_found(kind.plural, name)
        return self.objects[name]


def claim(name="c", phase="Bound", **meta):
    return {
        "metadata": {"name": name, "namespace": "n", "uid": "claim"} | meta,
        "spec": {"volumeName": "v"},
        "status": {"phase": phase},
    }


def volume(uid="claim", **spec):
    return {"metadata": {"name": "v"}, "spec": {"claimRef": {"uid": uid}, "local": {"path": "/disk"}} | spec}


async def resolved(asked, claims=(), volumes=()):
    return await Claims(Storage(claims, volumes)).volume(POD, asked)


async def test_a_bound_claim_is_its_volume():
    found = await resolved(CLAIMED, [claim()], [volume()])
    assert found == {"name": "data", "local": {"path": "/disk", "readOnly": False}}


async def test_an_ephemeral_volume_is_a_claim_of_the_pod():
    owner = [{"uid": "u", "controller": True}]
    found = await resolved(EPHEMERAL, [claim("p-data", ownerReferences=owner)], [volume()])
    assert found["local"]["path"] == "/disk"


async def test_another_volume_is_itself():
    assert await resolved({"name": "e", "emptyDir": {}}) == {"name": "e", "emptyDir": {}}


@pytest.mark.parametrize(
    ("asked", "claims", "volumes", "complaint"),
    [
        pytest.param(CLAIMED, [], [], 'persistentvolumeclaims "c" not found', id="no claim"),
        pytest.param(CLAIMED, [claim(phase="Pending")], [], "PVC is not bound", id="not bound"),
        pytest.param(CLAIMED, [claim(deletionTimestamp="then")], [], "PVC is being deleted", id="it goes"),
        pytest.param(EPHEMERAL, [claim("p-data")], [volume()], "pod is not owner", id="of another pod"),
        pytest.param(CLAIMED, [claim()], [volume("other")], "PV v is not bound to PVC c", id="bound to another"),
    ],
)
async def test_what_is_missing(asked, claims, volumes, complaint):
    with pytest.raises(Missing, match=complaint):
        await resolved(asked, claims, volumes)


@pytest.mark.parametrize("spec", [{"volumeMode": "Block"}, {"local": None, "csi": {}}])
def test_what_the_node_does_not_mount_is_refused_by_name(spec):
    found = volume(**spec)
    found["spec"] = {key: value for key, value in found["spec"].items() if value is not None}
    with pytest.raises(Unsupported, match="PersistentVolume v"):
        bound_volume(CLAIMED, claim(), found)


@pytest.mark.parametrize(
    ("asked", "modes", "read_only"),
    [
        (CLAIMED, ["ReadWriteOnce"], False),
        (CLAIMED, ["ReadOnlyMany"], True),
        ({"name": "data", "persistentVolumeClaim": {"claimName": "c", "readOnly": True}}, [], True),
    ],
)
def test_who_may_only_read(asked, modes, read_only):
    assert bound_volume(asked, claim(), volume(accessModes=modes))["local"]["readOnly"] is read_only


def test_a_local_volume_must_be_there(tmp_path):
    found = {"name": "data", "local": {"path": str(tmp_path / "none")}}
    with pytest.raises(Missing, match="does not exist"):
        make_volume(found, "u", None)
    assert host_folder(found, "u", None) == tmp_path / "none"


def test_the_group_gets_every_file(tmp_path):
    (tmp_path / "sub").mkdir(mode=0o700)
    (tmp_path / "sub/file").write_text("x")
    (tmp_path / "sub/file").chmod(0o600)
    (tmp_path / "link").symlink_to("nowhere")
    group = tmp_path.stat().st_gid
    pod = {**POD, "spec": {"securityContext": {"fsGroup": group}}}
    give_volume({"name": "data", "local": {"path": str(tmp_path)}}, pod)
    assert (tmp_path / "sub/file").stat().st_mode & 0o7777 == 0o660
    assert (tmp_path / "sub").stat().st_mode & 0o7777 == 0o2770


def test_a_volume_that_is_right_is_left_alone(tmp_path):
    group = tmp_path.stat().st_gid
    ownership.give(tmp_path, group)
    (tmp_path / "file").write_text("x")
    (tmp_path / "file").chmod(0o600)
    ownership.give(tmp_path, group, only_on_mismatch=True)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600
