"""The store in one SQLite file: WAL mode, one fsync a group of writes, checks of its own, and what is done about damage.

Belongs here: the file, its rows and connections, checkpoints, recovery.  Does not: keys, revisions and watches, which are
the engine's.  Begin with `store.py`; docs/store.md has the figures.
"""

from master.store.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
