"""Snapshots of a store while its master runs: when one is due, and the child process that reads the whole state for it.

How it works: the child (`python -m master.store.sqlite.snapshotting FILE`) reads beside the master at a low priority, so
that neither the event loop nor its memory notices.  It checks every value that it reads.  What is damaged makes no
snapshot, since the older ones are then what mends the store at its next start; a note beside the file asks for that.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import apsw

from master.store.dumps import State
from master.store.snapshots import Snapshots, snapshots_of
from master.store.sqlite.files import is_damage
from master.store.sqlite.notes import note_damage
from master.store.sqlite.reading import UNREADABLE, open_state

log = logging.getLogger(__name__)

LEAST_WAIT = 60.0
"""Seconds: so long the start of a master, or what made the last one fail, has the disk for itself."""
NICE = 10
DAMAGED = 3

Tell = Callable[[str], Awaitable[None]]


def wait(now: float, newest: float | None, interval: float) -> float:
    """Seconds until the next snapshot; a clock that was set back does not put it off."""
    if newest is None or newest > now:
        return LEAST_WAIT
    return max(LEAST_WAIT, newest + interval - now)


class Snapshotting:
    def __init__(self, path: Path, interval: float, tell: Tell, clock: Callable[[], float] = time.time) -> None:
        """`interval` in seconds; `tell` is awaited with what is wrong with the file."""
        self._path = path
        self._interval = interval
        self._tell = tell
        self._clock = clock
        self._snapshots = snapshots_of(path)

    async def run(self) -> None:
        """Until cancelled; a failure (a full disk) is logged and tried again."""
        while True:
            await asyncio.sleep(wait(self._clock(), self._snapshots.made(), self._interval))
            await self.once()

    async def once(self) -> None:
        command = (sys.executable, "-P", "-m", __name__, str(self._path))
        pipe = asyncio.subprocess.PIPE
        child = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.DEVNULL, stderr=pipe)
        try:
            said = (await child.communicate())[1].decode(errors="replace").strip()
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
        if child.returncode == DAMAGED:
            log.error("store %s is damaged: %s", self._path, said)
            await self._tell(said)
        elif child.returncode:
            log.warning("no snapshot of %s: %s", self._path, said.rpartition("\n")[2])


def take(path: Path) -> Path | None:
    """None where nothing was written since the newest one, which counts as new again."""
    snapshots = snapshots_of(path)
    with open_state(path) as state:
        if (newest := _same(snapshots, state)) is not None:
            os.utime(newest)
            return None
        return snapshots.add(state)


def _same(snapshots: Snapshots, state: State) -> Path | None:
    found = snapshots.newest_first()[:1]
    return found[0] if found and snapshots.newest_revision() == state.revision else None


def main(path: Path) -> int:
    os.nice(NICE)
    try:
        take(path)
    except UNREADABLE as error:
        if isinstance(error, apsw.Error) and not is_damage(error):
            raise
        note_damage(path, str(error))
        print(error, file=sys.stderr)
        return DAMAGED
    except OSError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
