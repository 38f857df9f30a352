"""The informer: what its callbacks see over lists, watches, gaps and projections; and the index over it."""

from __future__ import annotations

import asyncio
import contextlib
import random

import pytest

from kube import kinds
from kube.client import Client
from kube.errors import ApiError
from kube.informers import Backoff, Index, Informer

PODS = kinds.by_kind("v1", "Pod")


def pod(name: str, rv: str, **labels: str) -> dict:
    return {"metadata": {"name": name, "namespace": "ns", "resourceVersion": rv, "labels": labels}}


def listed(*items: dict, rv: str) -> dict:
    return {"metadata": {"resourceVersion": rv}, "items": list(items)}


def recorder(informer: Informer) -> list[tuple[str, str]]:
    told: list[tuple[str, str]] = []
    informer.on_change(lambda event, old, new: told.append((event, (new or old)["metadata"]["name"])))
    return told


@contextlib.asynccontextmanager
async def running(informer: Informer):
    task = asyncio.create_task(informer.run())
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


GONE = ("ERROR", ApiError(410, "Expired", "too old").to_status())


async def test_list_then_watch(scripted_api, eventually):
    scripted_api.lists = [listed(pod("a", "1"), rv="5")]
    scripted_api.watches = [[("ADDED", pod("b", "6")), ("DELETED", pod("a", "7")), None]]
    async with Client(scripted_api.url) as client:
        informer = Informer(client, PODS)
        told = recorder(informer)
        async with running(informer):
            await eventually(lambda: len(told) == 3)
        assert informer.synced.is_set()
    assert told == [("ADDED", "a"), ("ADDED", "b"), ("DELETED", "a")]
    assert list(informer.store) == [("ns", "b")]
    assert scripted_api.requests[1].query["resourceVersion"] == "5"


async def test_a_broken_watch_resumes_at_the_last_version(scripted_api, eventually):
    scripted_api.lists = [listed(rv="5")]
    scripted_api.watches = [[("ADDED", pod("a", "6")), ("BOOKMARK", pod("", "8"))], [None]]
    async with Client(scripted_api.url) as client, running(Informer(client, PODS)):
        await eventually(lambda: len(scripted_api.requests) == 3)
    assert scripted_api.requests[2].query["resourceVersion"] == "8"


async def test_a_gap_is_told_as_differences(scripted_api, eventually):
    scripted_api.lists = [
        listed(pod("stays", "1"), pod("goes", "2"), pod("moves", "3"), rv="5"),
        listed(pod("stays", "1"), pod("moves", "8"), pod("comes", "9"), rv="9"),
    ]
    scripted_api.watches = [[GONE], [None]]
    async with Client(scripted_api.url) as client:
        informer = Informer(client, PODS)
        told = recorder(informer)
        async with running(informer):
            await eventually(lambda: len(scripted_api.requests) == 4)
    assert told[3:] == [("DELETED", "goes"), ("MODIFIED", "moves"), ("ADDED", "comes")]


async def test_a_projection_hides_what_it_drops():
    async with Client("http://127.0.0.1:1") as client:
        informer = Informer(client, PODS, project=lambda obj: obj["metadata"]["name"])
    told: list[str] = []
    informer.on_change(lambda event, old, new: told.append(event))
    informer.apply(("ns", "a"), "a")
    informer.apply(("ns", "a"), "a")
    assert told == ["ADDED"]


async def test_a_failing_callback_is_logged_and_stops_nobody(caplog):
    informer = Informer(Client("http://127.0.0.1:1"), PODS)
    informer.on_change(lambda event, old, new: {}["absent"])
    told = recorder(informer)
    informer.apply(("ns", "a"), pod("a", "1"))
    assert told == [("ADDED", "a")]
    assert "callback failed kind=pods object=ns/a" in caplog.text


async def test_an_index_follows_every_change():
    informer = Informer(Client("http://127.0.0.1:1"), PODS)
    informer.apply(("ns", "a"), pod("a", "1", app="x"))
    index = Index(informer, lambda obj: [obj["metadata"]["labels"].get("app")])
    informer.apply(("ns", "b"), pod("b", "2", app="x"))
    assert [obj["metadata"]["name"] for obj in index.get("x")] == ["a", "b"]
    informer.apply(("ns", "a"), pod("a", "3", app="y"))
    informer.apply(("ns", "b"), None)
    assert index.get("x") == []
    assert "x" not in index
    assert [obj["metadata"]["name"] for obj in index.get("y")] == ["a"]


def test_backoff_doubles_within_its_spread():
    backoff = Backoff(1, 4, random.Random(1))
    bases = [1, 2, 4, 4]
    for base in bases:
        assert 0.5 * base <= backoff.delay() <= 1.5 * base
    backoff.reset()
    assert backoff.delay() <= 1.5


@pytest.mark.parametrize("status", [403, 500])
async def test_a_refused_list_is_tried_again(scripted_api, eventually, status):
    scripted_api.answers = [(status, ApiError(status, "Forbidden", "no").to_status())]
    scripted_api.lists = [listed(rv="5")]
    async with Client(scripted_api.url) as client:
        informer = Informer(client, PODS)
        async with running(informer):
            await eventually(informer.synced.is_set)
