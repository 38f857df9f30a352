"""Machines that the master knows by their key before it meets them: one entry each of a ConfigMap, so every master knows them.

An entry holds a public key and a date, nothing that opens the cluster.  It expires, and can be taken back.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from kube import times
from kube.client import Client
from kube.errors import ApiError
from kube.kinds import known
from provisioning.virtual.records import Enrolment

CONFIG_MAP = known("v1", "ConfigMap")
NAMESPACE, NAME = "kube-system", "wherry-enrolments"
LIFE = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Enrolled:
    """`expires` as the API writes times; a machine that has joined needs its entry no more, but keeps it as its key's record."""

    name: str
    host_key: str
    expires: str

    def expired(self, now: datetime) -> bool:
        return times.parse(self.expires) <= now


async def record(client: Client, enrolments: Sequence[Enrolment], now: datetime | None = None) -> bool:
    """Adds what is not known yet; False when nothing was to do."""
    known_already = await read(client)
    expires = times.text((now or datetime.now(UTC)) + LIFE)
    new = {
        row.name: Enrolled(row.name, row.host_key, expires)
        for row in enrolments
        if row.name not in known_already or known_already[row.name].host_key != row.host_key
    }
    if new:
        await _write(client, {name: json.dumps(asdict(row)) for name, row in new.items()})
    return bool(new)


async def revoke(client: Client, name: str) -> None:
    await _write(client, {name: None})


async def read(client: Client) -> dict[str, Enrolled]:
    """Every entry by name; a damaged one is left out, as if it had been revoked."""
    try:
        found = await client.get(CONFIG_MAP, NAMESPACE, NAME)
    except ApiError as error:
        if error.status != 404:
            raise
        return {}
    rows = {}
    for name, text in (found.get("data") or {}).items():
        try:
            rows[name] = Enrolled(**json.loads(text))
        except (ValueError, TypeError):
            continue
    return rows


async def _write(client: Client, data: dict[str, str | None]) -> None:
    try:
        await client.patch(CONFIG_MAP, NAMESPACE, NAME, {"data": data})
    except ApiError as error:
        if error.status != 404:
            raise
        meta = {"name": NAME, "namespace": NAMESPACE}
        fresh = {key: value for key, value in data.items() if value is not None}
        await client.create(
            CONFIG_MAP, NAMESPACE, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": fresh}
        )
