"""When a node is short of something: signals, thresholds, and the pressures they make.  Pure, given levels and the time.

Names, formats and rules are the kubelet's: a hard threshold counts at once, a soft one after its grace, and a pressure is
told until TRANSITION seconds after the last threshold that made it was met.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kube import quantities

# Signal: the condition that it makes, and the resource that runs short.
SIGNALS = {
    "memory.available": ("MemoryPressure", "memory"),
    "nodefs.available": ("DiskPressure", "ephemeral-storage"),
    "nodefs.inodesFree": ("DiskPressure", "inodes"),
    "imagefs.available": ("DiskPressure", "ephemeral-storage"),
    "imagefs.inodesFree": ("DiskPressure", "inodes"),
    "pid.available": ("PIDPressure", "pids"),
}
TRANSITION = 300.0


@dataclass(frozen=True, slots=True)
class Level:
    """Bytes, inodes or processes."""

    available: int
    capacity: int


Levels = Mapping[str, Level]
"""By signal; one that cannot be measured is not there."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """`text` is a quantity or a percentage of the capacity; `grace` is 0 for a hard one."""

    signal: str
    text: str
    grace: float = 0.0

    def quantity(self, capacity: int) -> int:
        if self.text.endswith("%"):
            return int(capacity * float(self.text[:-1]) / 100)
        return quantities.value(self.text)

    def met(self, levels: Levels) -> bool:
        level = levels.get(self.signal)
        return level is not None and level.available < self.quantity(level.capacity)

    @property
    def condition(self) -> str:
        return SIGNALS[self.signal][0]

    @property
    def resource(self) -> str:
        return SIGNALS[self.signal][1]


def thresholds(hard: Mapping[str, str], soft: Mapping[str, str], graces: Mapping[str, str]) -> list[Threshold]:
    """In the order in which they are acted upon: memory first, then as the signals stand, hard before soft."""
    found = [Threshold(signal, text) for signal, text in hard.items()]
    found += [Threshold(signal, text, seconds(graces[signal])) for signal, text in soft.items()]
    order = list(SIGNALS)
    return sorted(found, key=lambda one: (order.index(one.signal), one.grace))


def problem(hard: Mapping[str, str], soft: Mapping[str, str], graces: Mapping[str, str]) -> str:
    """What is wrong with such settings; empty when nothing is."""
    for signal, text in [*hard.items(), *soft.items()]:
        if signal not in SIGNALS:
            return f"no signal {signal!r}; there are {', '.join(SIGNALS)}"
        try:
            Threshold(signal, text).quantity(100)
        except ValueError:
            return f"{signal}: {text!r} is neither a quantity such as 100Mi nor a percentage such as 10%"
    missing = [signal for signal in soft if signal not in graces]
    return f"{missing[0]}: a soft threshold needs a grace" if missing else ""


def seconds(text: str) -> float:
    """`90`, `90s`, `1m30s`, `1h`."""
    total, number = 0.0, ""
    for char in text:
        if char in UNITS:
            total, number = total + float(number) * UNITS[char], ""
        else:
            number += char
    return total + float(number or 0)


UNITS = {"h": 3600, "m": 60, "s": 1}


@dataclass
class Judge:
    """Remembers since when a threshold is met, and until when its pressure is told."""

    thresholds: Sequence[Threshold]
    transition: float = TRANSITION
    _since: dict[Threshold, float] = field(default_factory=dict)
    _until: dict[str, float] = field(default_factory=dict)

    def met(self, levels: Levels, now: float) -> list[Threshold]:
        """The thresholds that call for something to be done now."""
        for one in self.thresholds:
            if one.met(levels):
                self._since.setdefault(one, now)
            else:
                self._since.pop(one, None)
        found = [one for one in self.thresholds if one in self._since and now - self._since[one] >= one.grace]
        self._until |= {one.condition: now + self.transition for one in found}
        return found

    def pressures(self, now: float) -> frozenset[str]:
        """The conditions that are true."""
        return frozenset(kind for kind, until in self._until.items() if now < until)
