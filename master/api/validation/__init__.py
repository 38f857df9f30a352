"""What is wrong with an object: pure functions from objects to causes, in the server's reasons, fields and order.

In here: the words rules are written in (`problems`, `rules`), the parts objects share (`metadata`, `labels`, `volumes`,
...), a file a group of kinds, and one table from kind to rules (`table`).  Not in here: what needs the cluster's state
(allocation, quotas, admission), reading bodies (`kube.decoding`), filling in defaults (`master.api.defaults`).

Objects are decoded and completed with defaults before they are validated.  An update is given with the object it
replaces, both complete.
"""

from __future__ import annotations

from kube.errors import Cause
from kube.kinds import Kind, is_built_in
from master.api.validation.metadata import validate_metadata, validate_metadata_update
from master.api.validation.problems import Problems
from master.api.validation.rules import Object
from master.api.validation.table import CREATE, SUBRESOURCE, UPDATE, WITHOUT_METADATA


def validate_create(kind: Kind, obj: Object) -> list[Cause]:
    """The causes for which an object may not be created; its name is already generated."""
    out = Problems()
    name = _table_name(kind)
    if name not in WITHOUT_METADATA:
        validate_metadata(obj, out, kind.namespaced, name)
    if kind.custom is not None:
        out += kind.custom.problems(obj, None, "")
    elif rules := CREATE.get(name):
        rules(obj, out)
    return out


def validate_update(kind: Kind, obj: Object, old: Object, subresource: str = "") -> list[Cause]:
    """The causes for which `obj` may not take the place of `old`; what did not change is not judged again."""
    out = Problems()
    name = _table_name(kind)
    validate_metadata_update(obj, old, out)
    out += out  # the server asks about metadata twice, and answers twice
    if kind.custom is not None:
        out += kind.custom.problems(obj, old, subresource)
    elif subresource:
        if change := SUBRESOURCE.get((name, subresource)):
            change(obj, old, out)
    elif _same_content(obj, old):
        return out
    elif update := UPDATE.get(name):
        update(obj, old, out)
    elif rules := CREATE.get(name):
        rules(obj, out)
    return out


def _table_name(kind: Kind) -> str:
    """The kind's name in the tables; none of a custom resource, whose schema is its rule."""
    return kind.kind if is_built_in(kind) else ""


def _same_content(obj: Object, old: Object) -> bool:
    return all(obj.get(name) == old.get(name) for name in {*obj, *old} if name != "metadata")
