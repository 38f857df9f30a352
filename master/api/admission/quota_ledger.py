"""What a namespace has used of its quotas, counted by compare-and-set: two that ask for the last place get one.

How it works: charges of a namespace that wait together are judged one after the other against the quotas as they are now,
and what they come to is written in one transaction; when any quota was written by another meanwhile, all is judged anew.
So a burst costs a write a batch, and no charge is counted that was not stored.
"""

from __future__ import annotations

import asyncio
import copy
from collections import defaultdict
from dataclasses import dataclass
from typing import Any, Protocol

from kube import quotas, times
from kube.apply import track_update
from kube.errors import ApiError, conflict
from kube.kinds import Kind
from kube.quotas import ZERO, Amounts
from master.api.admission.plugin import refusal
from master.api.contract import Attributes, Object
from master.api.rows import RESOURCE_QUOTA

ATTEMPTS = 32
MANAGER = "kube-apiserver"


class Transactions(Protocol):
    async def read(self, kind: Kind, namespace: str) -> list[Any]: ...
    async def replace(self, changed: list[tuple[Any, Object]]) -> bool: ...


@dataclass(frozen=True, slots=True)
class Charge:
    """What one write adds to its namespace, and who waits for the verdict."""

    attributes: Attributes
    amounts: Amounts
    verdict: asyncio.Future[None]


class Ledger:
    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions
        self._waiting: dict[str, list[Charge]] = defaultdict(list)
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def charge(self, attributes: Attributes, amounts: Amounts) -> None:
        """Returns when the amounts are counted; 403 when they exceed a quota."""
        namespace = attributes.namespace
        charge = Charge(attributes, amounts, asyncio.get_running_loop().create_future())
        self._waiting[namespace].append(charge)
        if namespace not in self._tasks:
            self._tasks[namespace] = asyncio.create_task(self._settle_all(namespace))
        await charge.verdict

    async def _settle_all(self, namespace: str) -> None:
        try:
            while batch := self._waiting.pop(namespace, None):
                await self._answer(namespace, batch)
        finally:
            del self._tasks[namespace]

    async def _answer(self, namespace: str, batch: list[Charge]) -> None:
        """Whatever happens, everyone who waits is told."""
        refused: dict[int, ApiError] = {}
        failure: Exception | None = None
        try:
            refused = await self._settle(namespace, batch)
        except Exception as error:
            failure = error
        for charge in batch:
            answer = failure or refused.get(id(charge))
            if charge.verdict.done():
                continue
            if answer is None:
                charge.verdict.set_result(None)
            else:
                charge.verdict.set_exception(answer)

    async def _settle(self, namespace: str, batch: list[Charge]) -> dict[int, ApiError]:
        """Who is refused, once the others are counted."""
        for _ in range(ATTEMPTS):
            entries = await self._transactions.read(RESOURCE_QUOTA, namespace)
            present = [entry.decode() for entry in entries]
            counted = copy.deepcopy(present)
            refused: dict[int, ApiError] = {}
            for charge in batch:
                if charge.verdict.done():
                    continue
                try:
                    count(charge, counted)
                except ApiError as error:
                    refused[id(charge)] = error
            changed = [
                (entry, signed(old, new))
                for entry, old, new in zip(entries, present, counted, strict=True)
                if old != new
            ]
            if not changed or await self._transactions.replace(changed):
                return refused
        raise conflict(RESOURCE_QUOTA.plural, namespace, "its quotas are written too often to be counted; try again")


def signed(old: Object, new: Object) -> Object:
    track_update(RESOURCE_QUOTA, old, new, MANAGER, "status", times.now())
    return new


def count(charge: Charge, present: list[Object]) -> None:
    """Adds the charge to every quota it falls under, in place; a refusal leaves them as they were."""
    attributes = charge.attributes
    under = [
        (quota, amounts)
        for quota in present
        if quotas.covers(quota, attributes.kind, attributes.object or {})
        and (amounts := quotas.constrained(quota, charge.amounts))
    ]
    for quota, amounts in under:
        check(attributes, quota, amounts)
    if attributes.dry_run:
        return
    for quota, amounts in under:
        used = quota["status"]["used"]
        for name, amount in amounts.items():
            used[name] = str(quotas.parsed(used)[name] + amount)


def check(attributes: Attributes, quota: Object, amounts: Amounts) -> None:
    """Only what grows can exceed."""
    name, hard = quota["metadata"]["name"], quotas.parsed(quota["spec"].get("hard"))
    used = quotas.parsed((quota.get("status") or {}).get("used"))
    if unknown := sorted(amounts.keys() - used.keys()):
        raise refusal(attributes, f"status unknown for quota: {name}, resources: {','.join(unknown)}")
    over = sorted(each for each, amount in amounts.items() if amount.nanos > 0 and hard[each] < used[each] + amount)
    if over:
        told = [_listing(over, side) for side in (amounts, used, hard)]
        raise refusal(attributes, f"exceeded quota: {name}, requested: {told[0]}, used: {told[1]}, limited: {told[2]}")


def _listing(names: list[str], amounts: Amounts) -> str:
    return ",".join(f"{name}={amounts.get(name, ZERO)}" for name in names)
