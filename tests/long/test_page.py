"""The page at /ui/ in a real browser: what happens in the cluster shows, by itself."""

import pytest
from playwright.sync_api import expect

from tests.long.browser import browser, looking

SOON = 30_000
"""Milliseconds."""


def admission(cluster, *options):
    """The page's address and a token, as `master ui` prints them."""
    address, _words, token = cluster.master("ui", *options).stdout.split("\n")[:3]
    return address, token


@pytest.fixture(scope="module")
def chromium(cluster, tmp_path_factory):
    with browser(cluster, tmp_path_factory.mktemp("chromium")) as started:
        yield started


@pytest.fixture
def look(cluster, chromium):
    address, token = admission(cluster, "--admin")
    with looking(chromium, address) as found:
        found.sign_in(token)
        expect(found.page.locator("#link")).to_have_text("live", timeout=SOON)
        yield found
        assert found.troubles == []


@pytest.fixture
def space(cluster):
    name = f"page-{next(cluster.numbers)}"
    cluster.kubectl("create", "namespace", name)
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")


def test_a_deployment_rolls_and_shows(cluster, look, space):
    tiles = look.page.locator(f".tile.good[title^='{space}/']")
    cluster.kubectl("create", "deployment", "web", "-n", space, "--image=wherry.local/web:1", "--replicas=3")
    expect(tiles).to_have_count(3, timeout=SOON)
    look.visit("workloads")
    row = look.page.locator(f"tr[data-key='Deployment {space}/web']")
    expect(row).to_contain_text("3/3", timeout=SOON)
    cluster.kubectl("scale", "deployment", "web", "-n", space, "--replicas=1")
    expect(row).to_contain_text("1/1", timeout=SOON)
    look.visit("")
    expect(tiles).to_have_count(1, timeout=SOON)


def test_a_pod_that_cannot_start_says_why(cluster, look, space):
    cluster.kubectl("run", "lost", "-n", space, "--image=nowhere.invalid/none:1", "--image-pull-policy=Never")
    tile = look.page.locator(f".tile.bad[title^='{space}/lost']")
    expect(tile).to_have_attribute("title", f"{space}/lost: ErrImageNeverPull", timeout=SOON)
    tile.click()
    expect(look.page.locator("h1")).to_contain_text("ErrImageNeverPull", timeout=SOON)
    expect(look.page.locator("tr.warning").first).to_contain_text("Failed", timeout=SOON)


def test_a_log_and_a_shell(cluster, look, space):
    script = "i=0; while :; do echo line $i; i=$((i+1)); sleep 1; done"
    cluster.kubectl("run", "talk", "-n", space, "--image=wherry.local/busybox:1", "--", "sh", "-c", script)
    look.visit(f"pods/{space}/talk")
    expect(look.page.get_by_role("log", name="Log")).to_contain_text("line 1", timeout=SOON)
    look.page.click("button:text-is('Start')")
    line = look.page.get_by_label("Line for the shell")
    expect(line).to_be_enabled(timeout=SOON)
    line.fill("echo $((6 * 7)); exit 3")
    line.press("Enter")
    shell = look.page.get_by_role("log", name="Shell")
    expect(shell).to_contain_text("42", timeout=SOON)
    expect(shell).to_contain_text("exit code 3", timeout=SOON)


def test_hostile_text_stays_text(cluster, look, space):
    cluster.kubectl(
        "run", "evil", "-n", space, "--image=wherry.local/busybox:1", "--", "echo", "<img src=x onerror=alert(1)>"
    )
    look.visit(f"pods/{space}/evil")
    expect(look.page.get_by_role("log", name="Log")).to_contain_text("<img src=x", timeout=SOON)
    assert look.page.locator("main img").count() == 0


def test_the_master_comes_back_and_so_does_the_page(cluster, look):
    before = cluster.master("down").returncode
    assert before == 0
    expect(look.page.locator("#link")).to_have_class("bad", timeout=SOON)
    cluster.master("up", "--virtual-nodes", 2, "--no-node", "--no-sample", seconds=280)
    expect(look.page.locator("#link")).to_have_text("live", timeout=SOON)


def test_a_viewer_only_looks(cluster, chromium):
    address, token = admission(cluster)
    with looking(chromium, address) as look:
        look.sign_in("not-a-token")
        expect(look.page.get_by_role("alert")).to_contain_text("refused", timeout=SOON)
        look.sign_in(token)
        expect(look.page.locator(".badge.good").first).to_have_text("Ready", timeout=SOON)
        look.page.click("button:text-is('Sign out')")
        expect(look.page.locator("#token")).to_be_visible(timeout=SOON)
        look.page.reload()
        expect(look.page.locator("#token")).to_be_visible(timeout=SOON)


@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (400, "dark")])
def test_nobody_is_kept_out(cluster, chromium, width, scheme):
    address, token = admission(cluster, "--admin")
    with looking(chromium, address, width, scheme) as look:
        assert look.barriers() == []
        look.sign_in(token)
        for place in ("", "workloads", "events", "nodes/node-1"):
            look.visit(place)
            expect(look.page.locator("h1")).to_be_visible(timeout=SOON)
            expect(look.page.locator("#link")).to_have_text("live", timeout=SOON)
            assert look.barriers() == [], place
