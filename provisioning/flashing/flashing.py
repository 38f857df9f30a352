"""One image onto several devices at once: read once, a writer a device, each ends alone.

source ─▶ one bounded queue a device ─▶ write, flush, read back, settle, first chunk
"""

from __future__ import annotations

import contextlib
import enum
import queue
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from provisioning.flashing.cards import Card
from provisioning.flashing.filesystems import boot_and_root
from provisioning.flashing.forms import settle
from provisioning.flashing.pieces import FlashError, Piece
from provisioning.flashing.settings import Settings
from provisioning.flashing.sources import Source

WAITING = 4
"""Pieces that wait for a device; a slow one holds back the source, not the memory."""
POLL_SECONDS = 0.2


class Phase(enum.Enum):
    WRITING = "writing"
    CHECKING = "checking"
    SETTLING = "settling"
    DONE = "done"
    FAILED = "failed"


@dataclass(slots=True)
class Job:
    """One device, what it shall become, and how far it is; without settings the image is written as it is."""

    path: str
    settings: Settings | None = None
    phase: Phase = Phase.WRITING
    done: int = 0
    problem: str = ""


class Stopped(FlashError):
    """The operator ended it."""


@dataclass(slots=True)
class _Writer:
    """A job's thread and what waits for it."""

    job: Job
    halt: threading.Event
    waiting: queue.Queue[Piece | None] = field(default_factory=lambda: queue.Queue(WAITING))

    def offer(self, piece: Piece | None) -> None:
        """Blocks while the device is behind; nothing once it has failed."""
        while self.job.phase is Phase.WRITING and not self.halt.is_set():
            with contextlib.suppress(queue.Full):
                self.waiting.put(piece, timeout=POLL_SECONDS)
                break

    def run(self) -> None:
        """The whole life of a card."""
        job = self.job
        try:
            card = self._write()
            with card:
                card.finish()
            job.phase = Phase.DONE
        except (FlashError, OSError) as error:
            job.problem, job.phase = str(error), Phase.FAILED

    def _write(self) -> Card:
        """Up to the settings; between, the device is free for the tools that write them."""
        job, card = self.job, Card(self.job.path)
        with card:
            card.blank()
            while piece := self._take():
                card.put(piece)
                job.done = card.done
            card.flush()
            job.phase, job.done = Phase.CHECKING, 0
            card.read_back(self._told)
        if job.settings:
            job.phase = Phase.SETTLING
            settle(*boot_and_root(job.path, bytes(card.head)), job.settings)
        return card

    def _take(self) -> Piece | None:
        while True:
            self._look()
            try:
                return self.waiting.get(timeout=POLL_SECONDS)
            except queue.Empty:
                continue

    def _told(self, done: int) -> None:
        self._look()
        self.job.done = done

    def _look(self) -> None:
        if self.halt.is_set():
            raise Stopped(f"{self.job.path}: interrupted: it does not boot; flash it again")


def flash(source: Source, jobs: Sequence[Job], halt: threading.Event) -> None:
    """Write the image to every job's device; each job says in the end whether it is done, or its problem.

    `halt` ends it; so does an image that is damaged.  What is not done does not boot.
    """
    writers = [_Writer(job, halt) for job in jobs]
    threads = [threading.Thread(target=writer.run, name=writer.job.path) for writer in writers]
    for thread in threads:
        thread.start()
    problem = ""
    try:
        deal(source.pieces(), [writer.offer for writer in writers])
    except (FlashError, OSError) as error:
        problem = str(error)
        halt.set()
    except BaseException:
        halt.set()
        raise
    finally:
        for thread in threads:
            thread.join()
    if problem:
        for job in jobs:
            job.problem, job.phase = f"{job.path}: {problem}", Phase.FAILED


def deal(pieces: Iterable[Piece], offers: Sequence[Callable[[Piece | None], None]]) -> None:
    """Every piece to every writer, and the end."""
    for piece in pieces:
        for offer in offers:
            offer(piece)
    for offer in offers:
        offer(None)
