"""Admission: what a write must satisfy beyond its shape, and what it is completed with.  One file a plugin.

Belongs here: plugins of upstream's names that look at the object written and at the cluster around it.
Does not: what needs no cluster (defaults, validation), and who may ask at all (authz).

`chain` is the order in which they run; all `mutate` come before all `validate`.
"""

from __future__ import annotations

from collections.abc import Iterable

from master.api.admission import policies
from master.api.admission.certificates import Certificates
from master.api.admission.claim_resize import ClaimResize
from master.api.admission.completing import Completing
from master.api.admission.default_tolerations import DefaultTolerations
from master.api.admission.equivalence import Equivalence
from master.api.admission.ingress_class import DefaultIngressClass
from master.api.admission.limit_ranger import LimitRanger
from master.api.admission.mutating_policies import MutatingPolicies
from master.api.admission.namespace_lifecycle import NamespaceLifecycle
from master.api.admission.node_restriction import NodeRestriction
from master.api.admission.node_taint import NodeTaint
from master.api.admission.plugin import admit
from master.api.admission.pod_security import PodSecurity
from master.api.admission.policies import Cases, PolicyChecks
from master.api.admission.priority import Priority
from master.api.admission.quota_ledger import Transactions
from master.api.admission.rbac_escalation import RbacEscalation
from master.api.admission.resource_quota import ResourceQuotas
from master.api.admission.runtime_class import RuntimeClass
from master.api.admission.service_account import ServiceAccounts
from master.api.admission.storage_class import DefaultStorageClass
from master.api.admission.storage_protection import StorageProtection
from master.api.admission.topology_labels import TopologyLabels
from master.api.admission.validating_policies import ValidatingPolicies
from master.api.admission.webhooks import MUTATING, VALIDATING, Hooks, MutatingWebhooks, ValidatingWebhooks
from master.api.allocation import ServiceAllocation
from master.api.authz import Authorization
from master.api.contract import Admission
from master.api.customs.converting import Converting
from master.api.posting import Poster
from master.api.reaching import Reach
from master.api.sources import Fresh

__all__ = ["admit", "chain", "connect"]


def chain(
    reader: Fresh,
    access: Authorization,
    allocation: ServiceAllocation,
    toleration_seconds: int = 300,
    reach: Reach | None = None,
) -> tuple[Admission, ...]:
    """Every plugin, in order.  Allocation is the last to change the object: a number is given only when nothing else is
    left to refuse it for; quotas count what nobody has refused.  `reach` is the way to webhooks that are Services."""
    before = (
        NamespaceLifecycle(reader),
        LimitRanger(reader),
        ServiceAccounts(reader),
        NodeRestriction(reader),
        NodeTaint(),
        PodSecurity(reader),
        Priority(reader),
        DefaultTolerations(toleration_seconds),
        DefaultStorageClass(reader),
        DefaultIngressClass(reader),
        TopologyLabels(reader),
        RuntimeClass(reader),
        ClaimResize(reader),
        StorageProtection(),
        Certificates(access),
        RbacEscalation(access),
    )
    poster = Poster(reach or Reach(reader, None))
    same = Equivalence(Converting(poster))
    completing = (
        MutatingPolicies(Cases(reader, access, policies.MUTATING, policies.MUTATING_BINDING, same)),
        MutatingWebhooks(Hooks(reader, MUTATING, poster, access, same)),
    )
    return (
        *before,
        Completing(completing, before),
        PolicyChecks(),
        ValidatingPolicies(Cases(reader, access, policies.VALIDATING, policies.VALIDATING_BINDING, same)),
        ValidatingWebhooks(Hooks(reader, VALIDATING, poster, access, same)),
        allocation,
        ResourceQuotas(reader),
    )


def connect(plugins: Iterable[Admission], transactions: Transactions) -> None:
    """Gives the plugins that write what they write with; before the first request."""
    for plugin in plugins:
        if isinstance(plugin, ResourceQuotas):
            plugin.connect(transactions)
