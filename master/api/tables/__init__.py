"""Table output: what `kubectl get` prints, one literal of columns a kind and pure functions that fill a row.

Belongs here: columns, cells and how a value reads in a cell.  Does not: which objects are listed, or in which form the
answer leaves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kube.kinds import Kind
from master.api.tables.columns import COLUMNS, DEFAULT, Column

Object = dict[str, Any]

__all__ = ["table"]


def table(
    kind: Kind, objects: Sequence[Object], meta: Object, include: str = "Metadata", headed: bool = True
) -> Object:
    """The Table of these objects; `include` says what each row carries of its object: None, Metadata or Object.

    Of a watch the first event alone is `headed`: later ones leave the columns out.
    """
    columns = kind.custom.columns if kind.custom is not None else COLUMNS.get((kind.group, kind.kind), DEFAULT)
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": meta,
        "columnDefinitions": [_definition(column) for column in columns] if headed else None,
        "rows": [_row(columns, obj, include) for obj in objects],
    }


def _definition(column: Column) -> Object:
    return {
        "name": column.name,
        "type": column.type,
        "format": column.format,
        "description": column.description,
        "priority": column.wide,
    }


def _row(columns: Sequence[Column], obj: Object, include: str) -> Object:
    cells = [column.cell(obj) for column in columns]
    if include == "None":
        return {"cells": cells, "object": None}
    if include == "Object":
        return {"cells": cells, "object": obj}
    partial = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}
    return {"cells": cells, "object": partial}
