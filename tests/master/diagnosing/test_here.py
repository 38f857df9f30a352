import pytest

from kube.config import MasterConfig, read_master
from kube.layout import Layout
from master.diagnosing.here import store_finding
from master.doctoring import store_findings
from master.store.sqlite.notes import note_damage
from probes.findings import Level

ETCD = '[store]\nkind = "etcd"\n'


@pytest.fixture
def layout(tmp_path):
    found = Layout(tmp_path)
    found.state.mkdir(parents=True)
    found.config.mkdir(parents=True)
    return found


def configured(layout, text):
    path = layout.config / "master.toml"
    path.write_text(text)
    return read_master(path)


def test_a_store_and_the_room_below_it(layout):
    assert store_finding(layout, MasterConfig()).level is Level.UNSURE
    (layout.state / "store.db").write_bytes(bytes(3 << 10))
    found = store_finding(layout, MasterConfig())
    assert found.level is Level.WELL and found.said.startswith("3 KiB, ")


def test_a_store_lies_where_the_settings_say(layout):
    (layout.root / "own.db").write_bytes(bytes(5 << 10))
    config = configured(layout, '[store]\npath = "own.db"\n')
    assert store_finding(layout, config).said.startswith("5 KiB, ")


def test_etcd_is_asked_by_the_api(layout):
    assert store_finding(layout, configured(layout, ETCD)).level is Level.WELL


def test_damage_that_was_noted_is_told(layout):
    store = layout.state / "store.db"
    store.write_bytes(b"x")
    note_damage(store, "value of /registry/pods/a/b")
    found = store_finding(layout, MasterConfig())
    assert (found.level, found.said) == (Level.TROUBLE, "damaged: value of /registry/pods/a/b")
    assert "restart" in found.fix


def test_settings_that_cannot_be_read_are_told(layout):
    (layout.config / "master.toml").write_text("[store\n")
    (found,) = store_findings(layout)
    assert (found.check, found.level) == ("settings", Level.TROUBLE)
    assert "master.toml" in found.said
