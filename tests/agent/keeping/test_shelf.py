"""The shelf: sealed rows that survive, and what happens to a file that does not open."""

import pytest

from agent.keeping.sealing import Seal, Unreadable
from agent.keeping.shelf import Shelf


@pytest.fixture
def seal(tmp_path):
    return Seal.of(tmp_path / "etc" / "kept.key", b"our authority")


def test_rows_are_there_after_the_file_was_opened_again(tmp_path, seal):
    shelf = Shelf(tmp_path / "kept.db", seal)
    shelf.write([("Pod", "n/a", b"1"), ("Pod", "n/b", b"2"), ("Node", "/x", b"3")])
    shelf.write([("Pod", "n/a", None), ("Pod", "n/b", b"22")])
    shelf.close()
    again = Shelf(tmp_path / "kept.db", seal)
    assert again.read("Pod") == {"n/b": b"22"}
    assert again.read_one("Node", "/x") == b"3"
    assert again.read_one("Node", "/y") is None
    again.close()


def test_nothing_kept_can_be_read_from_the_disk(tmp_path, seal):
    shelf = Shelf(tmp_path / "kept.db", seal)
    shelf.write([("Secret", "n/s", b"the very password")])
    shelf.close()
    assert all(b"password" not in path.read_bytes() for path in tmp_path.glob("kept.db*"))
    assert (tmp_path / "etc/kept.key").stat().st_mode & 0o777 == 0o600


def test_what_another_cluster_left_is_put_aside(tmp_path, seal):
    shelf = Shelf(tmp_path / "kept.db", seal)
    shelf.write([("Pod", "n/a", b"1")])
    shelf.close()
    theirs = Shelf(tmp_path / "kept.db", Seal.of(tmp_path / "etc/kept.key", b"another authority"))
    assert theirs.read("Pod") == {}
    theirs.write([("Pod", "n/c", b"3")])
    assert theirs.read("Pod") == {"n/c": b"3"}
    theirs.close()


def test_a_damaged_file_is_put_aside(tmp_path, seal, caplog):
    (tmp_path / "kept.db").write_bytes(b"no database at all" * 100)
    shelf = Shelf(tmp_path / "kept.db", seal)
    assert shelf.read("Pod") == {}
    assert "begun anew" in caplog.text
    assert (tmp_path / "kept.db.damaged").exists()
    shelf.close()


def test_a_box_that_was_changed_does_not_open(seal):
    sealed = bytearray(seal.close(b"pod"))
    sealed[-1] ^= 1
    with pytest.raises(Unreadable):
        seal.open(bytes(sealed))
