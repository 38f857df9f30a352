"""The life of a pod on its node, as a table.  What is not in it is illegal: it raises and changes nothing.

ACTIVE: its containers are to run.  ENDING: they are to stop, and nothing starts again.  ENDED: nothing runs, the status is
final; a finished pod rests here until it is deleted.  GONE: nothing of it is left on the node.
"""

from __future__ import annotations

from enum import Enum


class Stage(Enum):
    ACTIVE = "active"
    ENDING = "ending"
    ENDED = "ended"
    GONE = "gone"


class Happening(Enum):
    """FINISHED: all containers ended and none starts again.  FAILED: its deadline passed, or the node refuses it.
    DELETED: someone asked for its end.  STOPPED: neither container nor sandbox runs.  REMOVED: the last trace is gone."""

    FINISHED = "finished"
    FAILED = "failed"
    DELETED = "deleted"
    STOPPED = "stopped"
    REMOVED = "removed"


NEXT = {
    (Stage.ACTIVE, Happening.FINISHED): Stage.ENDING,
    (Stage.ACTIVE, Happening.FAILED): Stage.ENDING,
    (Stage.ACTIVE, Happening.DELETED): Stage.ENDING,
    (Stage.ENDING, Happening.DELETED): Stage.ENDING,
    (Stage.ENDING, Happening.STOPPED): Stage.ENDED,
    (Stage.ENDED, Happening.DELETED): Stage.ENDED,
    (Stage.ENDED, Happening.REMOVED): Stage.GONE,
}


class IllegalHappening(Exception):
    """A happening that the stage does not know."""


def advance(stage: Stage, happening: Happening) -> Stage:
    try:
        return NEXT[stage, happening]
    except KeyError:
        raise IllegalHappening(f"a pod that is {stage.value} cannot be {happening.value}") from None
