"""Compile the .proto files of this folder in place: `python -m agent.runtime.proto` (needs grpcio-tools)."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> int:
    from grpc_tools import _proto, protoc

    root = HERE.parents[2]
    well_known = Path(next(iter(_proto.__path__)))
    sources = [str(path.relative_to(root)) for path in sorted(HERE.glob("*.proto"))]
    arguments = [f"--proto_path={root}", f"--proto_path={well_known}", f"--python_out={root}", f"--pyi_out={root}"]
    return int(protoc.main(["protoc", *arguments, *sources]))


if __name__ == "__main__":
    sys.exit(main())
