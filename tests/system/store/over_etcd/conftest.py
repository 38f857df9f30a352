"""The store over an etcd of the test's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from master.store.over_etcd.opening import open_etcd
from master.store.over_etcd.store import EtcdStore
from tests.system.store.over_etcd.members import Member, running


@pytest.fixture
async def member(tmp_path: Path) -> AsyncIterator[Member]:
    async with running(1, tmp_path) as (alone,):
        yield alone


@pytest.fixture
async def store(member: Member) -> AsyncIterator[EtcdStore]:
    """One that waits as long as a busy machine needs."""
    opened = await open_etcd([member.address], None, patience=30.0)
    yield opened
    await asyncio.wait_for(opened.close(), 10)
