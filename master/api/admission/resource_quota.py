"""ResourceQuota: what a namespace may hold in all; the last plugin, so that what is counted was refused by nobody else.

A namespace without quotas costs one look into an index.  An object that exists already is not counted: its creation is
about to be refused.
"""

from __future__ import annotations

from kube import quotas
from master.api.admission.plugin import Plugin, refusal
from master.api.admission.quota_ledger import Ledger, Transactions
from master.api.contract import Attributes, Object, Reader
from master.api.rows import PERSISTENT_VOLUME_CLAIM, POD, RESOURCE_QUOTA, SERVICE

GROWING = ((POD, "resize"), (SERVICE, ""), (PERSISTENT_VOLUME_CLAIM, ""))
"""Updates that may take more than the object did."""


class ResourceQuotas(Plugin):
    """`connect` comes before the first request: the count is written to the store that the server has opened."""

    name = "ResourceQuota"

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._ledger: Ledger | None = None

    def connect(self, transactions: Transactions) -> None:
        self._ledger = Ledger(transactions)

    async def validate(self, attributes: Attributes) -> None:
        new = attributes.object
        if new is None or not attributes.namespace or not _grows(attributes):
            return
        present = self._reader.list(RESOURCE_QUOTA, attributes.namespace)
        if not present or self._is_taken(attributes):
            return
        amounts = quotas.usage(attributes.kind, new)
        if attributes.old is not None:
            amounts = quotas.less(amounts, quotas.usage(attributes.kind, attributes.old))
        bounded = [quota for quota in present if quotas.covers(quota, attributes.kind, new)]
        _demand(attributes, bounded, new)
        if any(quotas.constrained(quota, amounts) for quota in bounded):
            if self._ledger is None:
                raise RuntimeError("ResourceQuota was never connected to a store")
            await self._ledger.charge(attributes, amounts)

    def _is_taken(self, attributes: Attributes) -> bool:
        if attributes.operation != "CREATE":
            return False
        return self._reader.get(attributes.kind, attributes.namespace, attributes.name) is not None


def _grows(attributes: Attributes) -> bool:
    if attributes.operation == "CREATE":
        return not attributes.subresource
    return attributes.operation == "UPDATE" and (attributes.kind, attributes.subresource) in GROWING


def _demand(attributes: Attributes, bounded: list[Object], new: Object) -> None:
    """Where compute is bounded, every container has to say how much it takes."""
    if attributes.kind is not POD:
        return
    for quota in bounded:
        if missing := quotas.unnamed(quota, new):
            name = quota["metadata"]["name"]
            raise refusal(attributes, f"failed quota: {name}: must specify {missing}")
