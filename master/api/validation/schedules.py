"""Schedules of cron, refused in the words of whoever reads them."""

from __future__ import annotations

from kube import schedules


def schedule(text: str) -> tuple[str, ...]:
    """What is wrong with a schedule."""
    if text.startswith(("TZ=", "CRON_TZ=")) or "TZ" in text:
        return ("cannot use TZ or CRON_TZ in schedule, use timeZone field instead",)
    try:
        schedules.parse(text)
    except ValueError as error:
        return (str(error),)
    return ()
