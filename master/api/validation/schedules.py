"""Schedules of cron: five fields, or a word such as `@daily`, each within its bounds."""

from __future__ import annotations

WORDS = frozenset({"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"})
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
MONTHS = {name: number for number, name in enumerate(_MONTHS, start=1)}
DAYS = {name: number for number, name in enumerate(_DAYS)}
# The fields in order: their bounds, and the names that stand for numbers.
FIELDS: tuple[tuple[int, int, dict[str, int]], ...] = (
    (0, 59, {}),
    (0, 23, {}),
    (1, 31, {}),
    (1, 12, MONTHS),
    (0, 6, DAYS),
)


def schedule(text: str) -> tuple[str, ...]:
    """What is wrong with a schedule."""
    if text.startswith(("TZ=", "CRON_TZ=")) or "TZ" in text:
        return ("cannot use TZ or CRON_TZ in schedule, use timeZone field instead",)
    if text.startswith("@"):
        if text in WORDS or text.startswith("@every "):
            return ()
        return (f"unrecognized descriptor: {text}",)
    fields = text.split()
    if len(fields) != len(FIELDS):
        return (f"expected exactly 5 fields, found {len(fields)}: [{' '.join(fields)}]",)
    for field, bounds in zip(fields, FIELDS, strict=True):
        for part in field.split(","):
            if said := _part(part, *bounds):
                return (said,)
    return ()


def _part(part: str, low: int, high: int, names: dict[str, int]) -> str:
    """`*`, `5`, `1-5`, each with `/STEP`."""
    span, slash, step = part.partition("/")
    if slash and not (_is_number(step) and int(step) > 0):
        return f"step of range should be a positive number: {part}" if step == "0" else _unparsable(step)
    if span in {"*", "?"}:
        return ""
    ends = [names.get(end.lower(), end) for end in span.split("-")]
    for end in ends:
        if isinstance(end, str) and not _is_number(end):
            return _unparsable(end)
    first, last = int(ends[0]), int(ends[-1])
    if len(ends) > 2:
        return f"too many hyphens: {part}"
    if first < low:
        return f"beginning of range ({first}) below minimum ({low}): {part}"
    if last > high:
        return f"end of range ({last}) above maximum ({high}): {part}"
    return f"beginning of range ({first}) beyond end of range ({last}): {part}" if first > last else ""


def _is_number(text: str) -> bool:
    """Digits of ASCII, and no more of them than a field can need: `²` is a digit to Python too."""
    return text.isascii() and text.isdigit() and len(text) < 10


def _unparsable(text: str) -> str:
    return f'failed to parse int from {text}: strconv.Atoi: parsing "{text}": invalid syntax'
