"""What a write may not say: before an object is created or replaced, the server takes back what is not the client's.

A create starts with an empty status and generation 1.  An update of the object keeps the status, an update of the
status keeps the rest, and the generation counts the changes of what the object asks for.  In here: tables from kind to
what is kept, reset or derived (`tables`), the two ways of a write (`creating`, `updating`), and the warnings that go
with it (`cautions`).  Objects are changed in place; they come decoded, complete with defaults and with the metadata that
the server gives (`name`, `namespace`, `uid`, `creationTimestamp`).  Not in here: what hangs on the cluster's state.
"""

from __future__ import annotations

from master.api.strategies.cautions import warnings
from master.api.strategies.creating import prepare_create
from master.api.strategies.updating import prepare_update

__all__ = ["prepare_create", "prepare_update", "warnings"]
