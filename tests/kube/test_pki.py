"""The master's PKI: made once, kept, renewed when due; certificates that TLS accepts."""

import ssl
import stat
from datetime import UTC, datetime, timedelta

import pytest

from kube.certificates import (
    LEAF_DAYS,
    Subject,
    is_issued_by,
    make_csr,
    make_key,
    read_certificate,
    read_csr,
    sign_csr,
)
from kube.connections import read_kubeconfig
from kube.layout import Layout
from kube.pki import Names, PkiError, cluster_id, ensure_master_pki, read_pair

NOW = datetime(2027, 5, 1, tzinfo=UTC)


@pytest.fixture
def layout(tmp_path):
    layout = Layout(tmp_path)
    ensure_master_pki(layout, Names(addresses=("192.0.2.2",)), NOW)
    return layout


def test_the_second_start_writes_nothing(layout):
    assert ensure_master_pki(layout, Names(addresses=("192.0.2.2",)), NOW) == []


def test_a_new_address_gets_a_new_serving_certificate_and_nothing_else_of_the_api(layout):
    written = ensure_master_pki(layout, Names(addresses=("192.0.2.3",)), NOW)
    assert {path.name for path in written} == {
        "apiserver.crt", "apiserver.key", "server.crt", "server.key", "peer.crt", "peer.key"
    }  # fmt: skip
    assert "192.0.2.3" in read_certificate(read_pair(layout, "apiserver").certificate).names


def test_a_certificate_near_its_end_is_renewed_and_its_authority_kept(layout):
    authority = read_pair(layout, "ca")
    ensure_master_pki(layout, Names(addresses=("192.0.2.2",)), NOW + timedelta(days=LEAF_DAYS - 20))
    assert read_certificate(read_pair(layout, "apiserver").certificate).not_after > NOW + timedelta(days=LEAF_DAYS)
    assert read_pair(layout, "ca") == authority


def test_a_new_key_beside_an_old_certificate_is_mended(layout):
    (layout.pki / "apiserver.key").write_bytes(make_key())
    ensure_master_pki(layout, Names(addresses=("192.0.2.2",)), NOW)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(layout.pki / "apiserver.crt", layout.pki / "apiserver.key")


@pytest.mark.parametrize("key", ["ca.key", "apiserver.key", "sa.key", "etcd/server.key"])
def test_keys_are_readable_by_root_alone(layout, key):
    assert stat.S_IMODE((layout.pki / key).stat().st_mode) == 0o600


def test_a_board_that_lives_in_1970_makes_certificates_that_are_good_today(tmp_path):
    layout = Layout(tmp_path)
    ensure_master_pki(layout, Names(), datetime(1970, 1, 1, tzinfo=UTC))
    assert read_certificate(read_pair(layout, "apiserver").certificate).not_after.year == 2027


def test_etcd_has_an_authority_of_its_own(layout):
    authority = read_pair(layout, "ca").certificate
    assert not is_issued_by(read_pair(layout, "etcd/server").certificate, authority)
    assert is_issued_by(read_pair(layout, "apiserver-kubelet-client").certificate, authority)


def test_admin_conf_is_a_whole_kubeconfig_in_the_masters_group(layout):
    access = read_kubeconfig(layout.admin_conf)
    facts = read_certificate(access.cert_data)
    assert (access.servers[0], facts.common_name, facts.organizations) == (
        "https://127.0.0.1:6443", "kubernetes-admin", ("system:masters",)
    )  # fmt: skip


@pytest.mark.parametrize("name", ["127.0.0.1", "10.43.0.1", "localhost", "kubernetes.default.svc"])
def test_tls_between_the_certificates(tmp_path, name):
    layout = Layout(tmp_path)
    ensure_master_pki(layout, Names())
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context(cafile=layout.pki / "ca.crt")
    server.load_cert_chain(layout.pki / "apiserver.crt", layout.pki / "apiserver.key")
    server.load_verify_locations(layout.pki / "ca.crt")
    server.verify_mode = ssl.CERT_REQUIRED
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    client.load_cert_chain(layout.pki / "apiserver-kubelet-client.crt", layout.pki / "apiserver-kubelet-client.key")
    assert _handshake(server, client, name)["subject"] == (
        (("organizationName", "system:masters"),),
        (("commonName", "kube-apiserver-kubelet-client"),),
    )


def _handshake(server, client, name):
    """The certificate the server saw, after a handshake through memory."""
    ends = [ssl.MemoryBIO() for _ in range(4)]
    asked = client.wrap_bio(ends[0], ends[1], server_hostname=name)
    answering = server.wrap_bio(ends[2], ends[3], server_side=True)
    done = set()
    while len(done) < 2:
        for side in (asked, answering):
            try:
                side.do_handshake()
                done.add(side)
            except ssl.SSLWantReadError:
                pass
            ends[2].write(ends[1].read())
            ends[0].write(ends[3].read())
    return answering.getpeercert()


def test_a_nodes_request_becomes_its_certificate(layout):
    csr = make_csr(make_key(), Subject("system:node:n1", ("system:nodes",), ("n1", "192.0.2.9")))
    assert read_csr(csr) == Subject("system:node:n1", ("system:nodes",), ("n1", "192.0.2.9"))
    facts = read_certificate(sign_csr(read_pair(layout, "ca"), csr, NOW, server=True, client=False))
    assert (facts.common_name, facts.organizations) == ("system:node:n1", ("system:nodes",))
    assert facts.names == {"n1", "192.0.2.9"}


def test_the_cluster_id_follows_the_authority(layout, tmp_path):
    other = Layout(tmp_path / "other")
    ensure_master_pki(other, Names(), NOW)
    assert len(cluster_id(layout)) == 16
    assert cluster_id(layout) != cluster_id(other)


def test_a_damaged_certificate_is_made_anew(layout):
    (layout.pki / "apiserver.crt").write_text("")
    assert {path.name for path in ensure_master_pki(layout, Names(addresses=("192.0.2.2",)), NOW)} == {
        "apiserver.crt", "apiserver.key"
    }  # fmt: skip


def test_an_authority_without_its_key_is_never_replaced(layout):
    (layout.pki / "ca.key").unlink()
    with pytest.raises(PkiError, match=r"ca\.key is missing"):
        ensure_master_pki(layout, Names(), NOW)
