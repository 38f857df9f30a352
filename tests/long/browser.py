"""The page in Debian's Chromium, headless, inside the network of a cluster."""

import contextlib

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

SERIOUS = ("serious", "critical")
OUTSIDE = ("--no-sandbox", "--disable-dev-shm-usage")
"""As root and without a large /dev/shm."""


class Look:
    """One visitor's page; `troubles` are the errors of its scripts and the breaches of its policy."""

    def __init__(self, page, address):
        self.page, self.address = page, address
        self.troubles = []
        page.on("pageerror", lambda error: self.troubles.append(str(error)))
        page.on("console", self._hear)
        page.goto(address)

    def _hear(self, message):
        if "Content Security Policy" in message.text:
            self.troubles.append(message.text)

    def sign_in(self, token):
        self.page.fill("#token", token)
        self.page.click("button:text-is('Sign in')")

    def visit(self, place):
        self.page.goto(f"{self.address}#/{place}")

    def barriers(self):
        """What keeps people with a screen reader or a keyboard out, as axe finds it."""
        found = Axe().run(self.page).response["violations"]
        return [(one["id"], one["help"]) for one in found if one["impact"] in SERIOUS]


@contextlib.contextmanager
def browser(cluster, folder):
    """Chromium in the cluster's network; the program that starts it there is written to `folder`."""
    program = folder / "chromium"
    program.write_text(f'#!/bin/sh\nexec nsenter --net=/run/netns/{cluster.net} chromium "$@"\n')
    program.chmod(0o755)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(program), args=[*OUTSIDE])
        yield chromium
        chromium.close()


@contextlib.contextmanager
def looking(chromium, address, width=1200, scheme="light"):
    context = chromium.new_context(
        ignore_https_errors=True, viewport={"width": width, "height": 800}, color_scheme=scheme
    )
    yield Look(context.new_page(), address)
    context.close()
