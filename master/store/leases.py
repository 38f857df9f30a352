"""Leases: how long each still lives and which keys die with it.

A restart gives every lease its whole ttl again, as etcd does.  The keys noted for a lease are those that were ever put
with it; whether a key still belongs to it says the key's present version.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from master.store.contract import LeaseNotFoundError


@dataclass(slots=True)
class Lease:
    number: int
    ttl: int
    deadline: float
    keys: set[bytes] = field(default_factory=set)


class Leases:
    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._leases: dict[int, Lease] = {}

    def __contains__(self, number: object) -> bool:
        return number in self._leases

    def numbers(self) -> list[int]:
        return sorted(self._leases)

    def add(self, number: int, ttl: int) -> None:
        self._leases[number] = Lease(number, ttl, self._now() + ttl)

    def get(self, number: int) -> Lease:
        """Raises LeaseNotFoundError, also for one that has expired and is about to be revoked."""
        lease = self._leases.get(number)
        if lease is None or lease.deadline <= self._now():
            raise LeaseNotFoundError(f"lease {number:x} does not exist or has expired")
        return lease

    def take(self, number: int) -> Lease:
        if number not in self._leases:
            raise LeaseNotFoundError(f"lease {number:x} does not exist or has expired")
        return self._leases.pop(number)

    def put_back(self, lease: Lease) -> None:
        self._leases[lease.number] = lease

    def renew(self, number: int) -> int:
        lease = self.get(number)
        lease.deadline = self._now() + lease.ttl
        return lease.ttl

    def remaining(self, lease: Lease) -> int:
        return max(0, int(lease.deadline - self._now()))

    def attach(self, number: int, keys: Iterable[bytes]) -> None:
        if number in self._leases:
            self._leases[number].keys.update(keys)

    def expired(self) -> list[int]:
        now = self._now()
        return [lease.number for lease in self._leases.values() if lease.deadline <= now]

    def wait(self) -> float | None:
        """Seconds until the next lease expires."""
        if not self._leases:
            return None
        return max(0.0, min(lease.deadline for lease in self._leases.values()) - self._now())
