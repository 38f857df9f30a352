"""The condition Available of APIServices: asked for its resources now and then, and when something has changed."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from kube import times
from kube.errors import ApiError
from master.api.aggregation.delegates import API_SERVICE, Delegates
from master.api.aggregation.remote import Remote
from master.api.contract import Object
from master.api.registry import Registry

log = logging.getLogger(__name__)

EVERY = 15.0
PASSED = ("True", "Passed", "all checks passed")


@dataclass
class Availability:
    delegates: Delegates
    registry: Registry

    async def run(self) -> None:
        """Until cancelled."""
        changed = asyncio.Event()
        changed.set()
        self.delegates.changed = changed.set
        while True:
            try:
                async with asyncio.timeout(EVERY if list(self.delegates.remote()) else None):
                    await changed.wait()
            except TimeoutError:
                log.debug("looking at APIServices again")
            changed.clear()
            await asyncio.gather(*(self._check(name, remote) for name, remote in self.delegates.remote()))

    async def _check(self, name: str, delegate: object) -> None:
        if not isinstance(delegate, Remote):
            return
        found = PASSED
        try:
            resources = await delegate.look()
        except ApiError as error:
            resources, found = (), condition_of(error, delegate)
        if resources != delegate.resources:
            delegate.resources = resources
            self.delegates.publish()
        try:
            await self._write(name, found)
        except ApiError as error:
            log.info("availability of %s not written: %s", name, error)

    async def _write(self, name: str, wanted: tuple[str, str, str]) -> None:
        present = self.registry.cache.get(API_SERVICE, "", name)
        if present is not None and available(present) != wanted:
            log.info("APIService %s: available=%s %s", name, wanted[0], wanted[2])
            await self.registry.rewrite(API_SERVICE, "", name, lambda obj: set_available(obj, wanted, times.now()))


def condition_of(error: ApiError, remote: Remote) -> tuple[str, str, str]:
    """(status, reason, message) of what keeps it from answering."""
    service = remote.spec["service"]
    where = f'service/{service["name"]} in "{service["namespace"]}"'
    if error.status == 404 and error.details.get("kind") == "services":
        return "False", "ServiceNotFound", f"{where} is not present"
    if error.message.startswith("no endpoints available"):
        return "False", "MissingEndpoints", f"endpoints for {where} have no addresses"
    return "False", "FailedDiscoveryCheck", f"failing or missing response from https://{remote.host}: {error.message}"


def available(service: Object) -> tuple[str, str, str] | None:
    for one in (service.get("status") or {}).get("conditions") or ():
        if one["type"] == "Available":
            return one["status"], one.get("reason", ""), one.get("message", "")
    return None


def set_available(service: Object, wanted: tuple[str, str, str], now: str) -> None:
    status, reason, message = wanted
    conditions = service.setdefault("status", {}).setdefault("conditions", [])
    before = next((one for one in conditions if one["type"] == "Available"), None)
    since = before["lastTransitionTime"] if before is not None and before["status"] == status else now
    condition = {"type": "Available", "status": status, "lastTransitionTime": since}
    conditions[:] = [one for one in conditions if one["type"] != "Available"]
    conditions.append(condition | {"reason": reason, "message": message})
