"""A backup is whole or refused by name, and what it brings back is the cluster that it was made of."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kube.certificates import make_ca
from kube.layout import Layout
from master.backups import contents
from master.backups.archives import BackupError
from master.backups.contents import back_up
from master.backups.restoring import Restoring, restore
from master.store.contract import CompactedError, Put, Range, StoreFileError, Txn
from master.store.snapshots import snapshots_of
from master.store.sqlite import SqliteStore

NOW = datetime.now(UTC)
KEY = b"0" * 32


def made_cluster(root: Path) -> Layout:
    layout = Layout(root)
    ca = make_ca("kubernetes", NOW)
    for path, content in {
        layout.pki / "ca.crt": ca.certificate,
        layout.pki / "ca.key": ca.key,
        layout.config / "master.toml": b'[cluster]\nname = "mine"\n',
        layout.state / "keys/key1.key": KEY,
    }.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o600)
    return layout


async def written(layout: Layout, *keys: bytes) -> SqliteStore:
    store = SqliteStore.open(layout.state / "store.db")
    for key in keys:
        await store.txn(Txn((), [Put(key, b"x" * 5000)]))
    return store


async def keys(store: SqliteStore) -> list[bytes]:
    return [kv.key for kv in (await store.range(Range(b"a", b"\0"))).kvs]


@pytest.fixture
def cluster(tmp_path: Path) -> Layout:
    return made_cluster(tmp_path / "old")


@pytest.fixture
async def backup(cluster: Layout, tmp_path: Path) -> Path:
    """Of a store that is open, as under a running master."""
    store = await written(cluster, b"a", b"b", b"c")
    back_up(cluster, cluster.state / "store.db", tmp_path / "backup", NOW)
    await store.close()
    return tmp_path / "backup"


async def test_a_bare_machine_gets_the_whole_cluster(backup: Path, cluster: Layout, tmp_path: Path) -> None:
    bare = Layout(tmp_path / "new")
    assert backup.stat().st_mode & 0o777 == 0o600
    assert restore(backup, Restoring(bare, NOW)).revision == 4
    for name in ("etc/kubernetes/pki/ca.key", "etc/wherry/master.toml", "var/lib/wherry/keys/key1.key"):
        assert (bare.root / name).read_bytes() == (cluster.root / name).read_bytes()
        assert (bare.root / name).stat().st_mode & 0o777 == 0o600
    store = SqliteStore.open(bare.state / "store.db")
    assert await keys(store) == [b"a", b"b", b"c"]
    assert (await store.range(Range(b"c"))).kvs[0].mod_revision == 4
    with pytest.raises(CompactedError):
        await store.watch(b"a", None, 5)
    await store.close()


async def test_a_store_that_is_there_is_put_aside_and_its_revisions_are_never_told_again(
    backup: Path, cluster: Layout
) -> None:
    with pytest.raises(BackupError, match="there is a store already: .*; --replace puts it aside"):
        restore(backup, Restoring(cluster, NOW))
    store = await written(cluster, b"later")
    with pytest.raises(StoreFileError, match="is in use by process"):
        restore(backup, Restoring(cluster, NOW, replace=True))
    await store.close()
    restore(backup, Restoring(cluster, NOW, replace=True))
    again = SqliteStore.open(cluster.state / "store.db")
    assert await keys(again) == [b"a", b"b", b"c"]
    assert again.revision > 5
    await again.close()
    assert snapshots_of(cluster.state / "store.db").newest_first() == []
    assert len(list(cluster.state.glob("store.db.replaced-*"))) >= 1


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def newer(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"backup 1\n", b"backup 7\n", 1))


REFUSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "cut short": (cut, "it is cut short"),
    "one bit": (flip, "it is damaged: its checksum is wrong"),
    "newer format": (newer, "it is a backup of format 7, of a newer wherry"),
    "something else": (lambda path: path.write_bytes(b"PK\3\4" * 99), "it is not a backup"),
    "empty": (lambda path: path.write_bytes(b""), "it is not a backup"),
    "appended to": (lambda path: path.write_bytes(path.read_bytes() + b"x"), "something follows its end"),
}


@pytest.mark.parametrize(("change", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_refused_by_name_and_nothing_written(
    backup: Path, tmp_path: Path, change: Callable[[Path], object], said: str
) -> None:
    change(backup)
    bare = Layout(tmp_path / "new")
    with pytest.raises(BackupError, match=said):
        restore(backup, Restoring(bare, NOW))
    assert list(bare.root.iterdir()) == []


def test_another_clusters_keys_are_not_overwritten(backup: Path, tmp_path: Path) -> None:
    other = made_cluster(tmp_path / "other")
    before = (other.pki / "ca.key").read_bytes()
    with pytest.raises(BackupError, match="keys here are of another cluster, or newer than those of the backup"):
        restore(backup, Restoring(other, NOW, replace=True))
    assert (other.pki / "ca.key").read_bytes() == before


def test_an_authority_that_has_ended_is_refused(backup: Path, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="its authority's certificate ended on"):
        restore(backup, Restoring(Layout(tmp_path / "new"), NOW + timedelta(days=100 * 365)))


async def test_made_by_a_newer_wherry(cluster: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await (await written(cluster, b"a")).close()
    monkeypatch.setattr(contents, "own_version", lambda: "99.0")
    back_up(cluster, cluster.state / "store.db", tmp_path / "backup", NOW)
    with pytest.raises(BackupError, match=r"made by wherry 99\.0, newer than this one"):
        restore(tmp_path / "backup", Restoring(Layout(tmp_path / "new"), NOW))


async def test_sealed_by_a_passphrase(cluster: Layout, tmp_path: Path) -> None:
    await (await written(cluster, b"a")).close()
    sealed, bare = tmp_path / "backup", Layout(tmp_path / "new")
    back_up(cluster, cluster.state / "store.db", sealed, NOW, b"correct horse")
    assert (cluster.pki / "ca.key").read_bytes() not in sealed.read_bytes()
    with pytest.raises(BackupError, match="it is sealed"):
        restore(sealed, Restoring(bare, NOW))
    with pytest.raises(BackupError, match="its passphrase is another"):
        restore(sealed, Restoring(bare, NOW), b"wrong")
    restore(sealed, Restoring(bare, NOW), b"correct horse")
    assert (bare.state / "keys/key1.key").read_bytes() == KEY
    cut(sealed)
    with pytest.raises(BackupError, match="it is cut short"):
        restore(sealed, Restoring(Layout(tmp_path / "newer"), NOW), b"correct horse")


async def test_damage_makes_no_backup_and_leaves_the_last_one(cluster: Layout, backup: Path) -> None:
    store, before = cluster.state / "store.db", backup.read_bytes()
    store.write_bytes(store.read_bytes().replace(b"x" * 3000, b"y" * 3000))
    with pytest.raises(BackupError, match="the store is damaged .*; restart the master"):
        back_up(cluster, store, backup, NOW)
    assert backup.read_bytes() == before
    assert [path.name for path in backup.parent.glob(".*")] == []
