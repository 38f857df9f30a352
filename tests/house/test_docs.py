"""What the documentation says of commands and settings is what the code has."""

import importlib.util
import re
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
DOCS = CHECKOUT / "docs"
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")


def generator():
    spec = importlib.util.spec_from_file_location("writing_docs", CHECKOUT / "packaging/docs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["commands.md", "settings.md", "doctor.md"])
def test_every_command_and_setting_is_documented(name):
    page = DOCS / name
    assert page.read_text() == generator().pages()[page], "run `.venv/bin/python packaging/docs.py`"


@pytest.mark.parametrize(
    "page", sorted([*DOCS.rglob("*.md"), *CHECKOUT.glob("*.md")]), ids=lambda page: str(page.relative_to(CHECKOUT))
)
def test_links_between_pages_lead_somewhere(page):
    lost = [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    assert not lost
