"""Directories of claims: they go with what is in them, and nothing else does."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from agent.api import volumes
from kube.errors import ApiError


async def test_a_directory_goes_and_is_gone_twice(tmp_path):
    made = tmp_path / "pvc-0a1b"
    (made / "deep").mkdir(parents=True)
    (made / "deep" / "file").write_text("data")
    for _ in range(2):
        await volumes.remove(SimpleNamespace(match_info={"name": "pvc-0a1b"}), tmp_path)
        assert not made.exists()


async def test_a_link_is_not_followed(tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "pvc-1").symlink_to(tmp_path / "kept")
    await volumes.remove(SimpleNamespace(match_info={"name": "pvc-1"}), tmp_path)
    assert (tmp_path / "kept").is_dir()
    assert not (tmp_path / "pvc-1").is_symlink()


@pytest.mark.parametrize("name", ["..", "pvc-..", "pvc-a/../b", "data", ""])
async def test_other_names_are_refused(tmp_path, name):
    with pytest.raises(ApiError):
        await volumes.remove(SimpleNamespace(match_info={"name": name}), tmp_path)
