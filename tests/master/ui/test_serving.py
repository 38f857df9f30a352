import re
from pathlib import Path

import pytest
from aiohttp import ClientSession

import master.ui
from master.api.building import Parts, open_server
from master.api.contract import Decision
from master.api.server import Listener
from master.store.memory import MemoryStore
from master.ui import serving
from master.ui.commands import ADMIN, VIEWER, rights

FILES = Path(master.ui.__file__).parent / "files"


class Nobody:
    """Knows no caller."""

    async def authenticate(self, _credentials):
        return None


class Nothing:
    """Allows nothing."""

    def authorize(self, _user, _info):
        return Decision(False)


@pytest.fixture
async def page():
    store = MemoryStore()
    server = await open_server(store, lambda _cache: Parts(Nobody(), Nothing(), public=serving.documents()))
    listener = Listener(server.api.handle, "127.0.0.1", 0)
    await listener.start()
    async with ClientSession(f"http://127.0.0.1:{listener.port}") as session:
        yield session
    await listener.stop()
    await server.stop()
    await store.close()


async def test_every_file_is_served_as_what_it_is(page):
    for file in FILES.iterdir():
        async with page.get(f"/ui/{file.name}") as answer:
            assert answer.status == 200
            assert answer.headers["Content-Type"] == serving.MEDIA[file.suffix]
            assert await answer.read() == file.read_bytes()


async def test_the_page_runs_nothing_but_its_own_files(page):
    async with page.get("/ui/") as answer:
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        text = await answer.text()
    assert not re.search(r"<script(?![^>]*\ssrc=)|\son\w+=|style=|https?://", text)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/ui/", 200),
        ("HEAD", "/ui/", 200),
        ("POST", "/ui/", 401),
        ("GET", "/ui/other.js", 401),
        ("GET", "/ui/../version", 401),
        ("GET", "/api/v1/pods", 401),
    ],
)
async def test_only_the_page_is_everybodys(page, method, path, status):
    async with page.request(method, path) as answer:
        assert answer.status == status


async def test_an_unchanged_file_is_not_sent_again(page):
    async with page.get("/ui/main.js") as answer:
        tag = answer.headers["ETag"]
    async with page.get("/ui/main.js", headers={"If-None-Match": tag}) as answer:
        assert (answer.status, await answer.read()) == (304, b"")


async def test_the_folder_is_found_without_its_slash(page):
    async with page.get("/ui", allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (301, "/ui/")


def test_modules_import_only_each_other():
    for file in FILES.glob("*.js"):
        for name in re.findall(r'^import .* from "(.*)";$', file.read_text(), re.MULTILINE):
            assert (FILES / name).exists(), f"{file.name} imports {name}"


def test_nothing_of_the_cluster_becomes_markup():
    forbidden = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc")
    assert not [file.name for file in FILES.glob("*.js") if forbidden.search(file.read_text())]


def test_a_viewer_may_only_look():
    rules = [rule for obj in rights(VIEWER) for rule in obj.get("rules", ())]
    assert {verb for rule in rules for verb in rule["verbs"]} == {"get", "list", "watch"}
    assert [obj["roleRef"]["name"] for obj in rights(VIEWER) if "roleRef" in obj] == ["view", "wherry:ui"]
    assert [obj["roleRef"]["name"] for obj in rights(ADMIN) if "roleRef" in obj] == ["cluster-admin"]
