"""Runs the measurements and prints their table; exit code 1 when a budget is not kept.

python -m bench             all
python -m bench store       only bench/store.py
"""

from __future__ import annotations

import importlib
import sys

from bench.table import Row, render

MODULES = ["api", "controlplane", "hollow", "node", "proxy", "scheduling", "store"]


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in MODULES]
    if unknown:
        print(f"no such measurement: {', '.join(unknown)}; there are {', '.join(MODULES)}", file=sys.stderr)
        return 2
    rows: list[Row] = []
    for name in names or MODULES:
        print(f"measuring {name} …", file=sys.stderr)
        rows += importlib.import_module(f"bench.{name}").rows()
    print(render(rows))
    return 0 if all(row.kept for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
