"""The supervisor as one executable file, for machines that have Python and nothing of ours."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

SHEBANG = b"#!/usr/bin/python3 -I\n"
EPOCH = (1980, 1, 1, 0, 0, 0)
MAIN = "import sys\n\nfrom provisioning.supervising.commands import main\n\nsys.exit(main())\n"


def packed_supervisor() -> bytes:
    """A zip that Python runs, the same bytes for the same sources."""
    here = Path(__file__).parent
    members = {"__main__.py": MAIN, "provisioning/__init__.py": ""}
    members |= {f"provisioning/supervising/{path.name}": path.read_text() for path in sorted(here.glob("*.py"))}
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as pack:
        for name, text in sorted(members.items()):
            pack.writestr(zipfile.ZipInfo(name, EPOCH), text)
    return SHEBANG + archive.getvalue()
