"""NamespaceLifecycle: nothing is made in a namespace that is not there or is going; three namespaces never go."""

from __future__ import annotations

from kube.errors import Cause, not_found
from master.api.admission.plugin import Plugin, refusal
from master.api.contract import Attributes
from master.api.rows import NAMESPACE
from master.api.sources import Fresh, find

IMMORTAL = frozenset({"default", "kube-system", "kube-public"})


class NamespaceLifecycle(Plugin):
    name = "NamespaceLifecycle"

    def __init__(self, reader: Fresh) -> None:
        self._reader = reader

    async def mutate(self, attributes: Attributes) -> None:
        """In this phase, so that a missing namespace is told before anything that depends on it."""
        if attributes.kind is NAMESPACE:
            if attributes.operation == "DELETE" and attributes.name in IMMORTAL:
                raise refusal(attributes, "this namespace may not be deleted")
            return
        if attributes.namespace and attributes.operation != "DELETE":
            await self._check(attributes)

    async def _check(self, attributes: Attributes) -> None:
        name = attributes.namespace
        namespace = await find(self._reader, NAMESPACE, "", name)
        if namespace is None:
            raise not_found("namespaces", name)
        if (
            attributes.operation == "CREATE"
            and not attributes.subresource
            and namespace["metadata"].get("deletionTimestamp")
        ):
            said = f"unable to create new content in namespace {name} because it is being terminated"
            error = refusal(attributes, said)
            error.causes.append(
                Cause("NamespaceTerminating", f"namespace {name} is being terminated", "metadata.namespace")
            )
            raise error
