"""The settings files: strict about keys and types, and kind to the comments that people write."""

from dataclasses import replace

import pytest

from kube import config
from kube.config import AgentConfig, MasterConfig, SettingsError


def read(tmp_path, text):
    path = tmp_path / "master.toml"
    path.write_text(text)
    return config.read_master(path)


def test_no_file_means_the_defaults(tmp_path):
    assert config.read_master(tmp_path / "none.toml") == MasterConfig()


def test_what_is_written_is_read(tmp_path):
    read_back = read(tmp_path, '[api]\nport = 7443\nadvertise = ["192.0.2.1"]\n[cluster]\nnode_ports = "31000-31999"\n')
    assert (read_back.api.port, read_back.api.advertise) == (7443, ("192.0.2.1",))
    assert read_back.cluster.node_ports == "31000-31999"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[api]\nprot = 1", "api.prot: unknown key; did you mean port?"),
        ("[apu]\nport = 1", "apu: unknown section; did you mean api?"),
        ("[api]\nzzz = 1", "api.zzz: unknown key; known are bind, port, advertise"),
        ("api = 1", r"api: must be a section: write \[api\]"),
        ('[api]\nport = "6443"', "api.port: must be a whole number, not '6443'; for example port = 6443"),
        ("[api]\nport = true", "api.port: must be a whole number, not True"),
        ("[api]\nport = 70000", "api.port: must be between 1 and 65535, not 70000"),
        ("[api]\nadvertise = '192.0.2.1'", "api.advertise: must be a list of texts"),
        ("[api]\nadvertise = ['x']", "api.advertise: must be an IP address, not 'x'"),
        ("[store]\nkind = 'zfs'", "store.kind: must be one of sqlite, etcd, memory, not 'zfs'"),
        ("[store]\nendpoints = ['http://a:2379']", "store.endpoints: http://a:2379 is no https://HOST:PORT"),
        ("[cluster]\npod_cidr = '10.42.1.0/16'", "cluster.pod_cidr: must be a network such as 10.42.0.0/16"),
        ("[cluster]\npod_cidr = '10.43.0.0/16'", "cluster.service_cidr: 10.43.0.0/16 overlaps cluster.pod_cidr"),
        ("[cluster]\ndns = '10.99.0.10'", "cluster.dns: 10.99.0.10 must lie in cluster.service_cidr"),
        ("[cluster]\nnode_prefix = 12", "cluster.node_prefix: /12 must be smaller than 10.42.0.0/16"),
        ("[cluster]\nnode_ports = '9-'", "cluster.node_ports: must be two ports"),
        ("[api\n", "not TOML"),
    ],
)
def test_a_mistake_is_named_with_its_fix(tmp_path, text, said):
    with pytest.raises(SettingsError, match=said) as error:
        read(tmp_path, text)
    assert str(tmp_path / "master.toml") in str(error.value)


def test_a_new_file_explains_every_key_and_reads_back(tmp_path):
    path = tmp_path / "agent.toml"
    wanted = AgentConfig(node=replace(AgentConfig().node, name="n1", labels={"disk": "ssd"}))
    config.write(wanted, path)
    assert config.read_agent(path) == wanted
    assert "# the node's name; empty: the host's\nname = \"n1\"\n" in path.read_text()


def test_writing_keeps_what_a_person_wrote(tmp_path):
    path = tmp_path / "master.toml"
    path.write_text("# mine\n[api]\nport = 6443  # do not touch\n\n[etcd]\nport = 2379\n")
    before = config.read_master(path)
    config.write(replace(before, etcd=replace(before.etcd, port=12379, bind="0.0.0.0")), path)
    text = path.read_text()
    assert text.startswith("# mine\n[api]\nport = 6443  # do not touch\n")
    assert config.read_master(path).etcd.port == 12379
    assert config.read_master(path).etcd.bind == "0.0.0.0"


def test_writing_what_is_there_changes_nothing():
    from kube.settings import render

    text = render(MasterConfig())
    assert render(MasterConfig(), text) == text
