"""Makes the pictures of docs/page.md: a cluster is raised, things are deployed, and the page is looked at.

As root, after `make long`:  .venv/bin/python -m tests.long.pictures
"""

import tempfile
from pathlib import Path

from playwright.sync_api import expect

from tests.cluster.clusters import CHECKOUT, raised
from tests.long.browser import browser, looking

PICTURES = CHECKOUT / "docs/pictures"
SOON = 60_000
CHATTER = "i=0; while :; do i=$((i+1)); echo $(date +%T) request $i served in $((i * 7 % 23)) ms; sleep 0.3; done"


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    with (
        raised("pic", nodes=3) as cluster,
        tempfile.TemporaryDirectory() as folder,
        browser(cluster, Path(folder)) as started,
    ):
        fill(cluster)
        address, _words, token = cluster.master("ui", "--admin").stdout.split("\n")[:3]
        with looking(started, address) as look:
            look.sign_in(token)
            expect(look.page.locator(".tile.good")).to_have_count(15, timeout=SOON)
            expect(look.page.locator(".tile.bad")).to_have_count(1, timeout=SOON)
            look.page.screenshot(path=PICTURES / "map.png")
            look.visit("pods/shop/chatter")
            log = look.page.get_by_role("log", name="Log")
            expect(log).to_contain_text("request 12 ", timeout=SOON)
            look.page.screenshot(path=PICTURES / "pod.png")
        with looking(started, address, 400, "dark") as look:
            look.sign_in(token)
            expect(look.page.locator(".tile.good")).to_have_count(15, timeout=SOON)
            look.page.screenshot(path=PICTURES / "phone.png")


def fill(cluster) -> None:
    cluster.kubectl("create", "namespace", "shop")
    for name, replicas in (("front", 5), ("cart", 3)):
        image = "--image=wherry.local/web:1"
        cluster.kubectl("create", "deployment", name, "-n", "shop", image, f"--replicas={replicas}")
    cluster.kubectl("run", "chatter", "-n", "shop", "--image=wherry.local/busybox:1", "--", "sh", "-c", CHATTER)
    missing = ("--image=registry.invalid/report:2", "--image-pull-policy=Never")
    cluster.kubectl("run", "report", "-n", "shop", *missing)


if __name__ == "__main__":
    main()
