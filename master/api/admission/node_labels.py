"""Which labels a node may give itself: its own, and of Kubernetes' those that a kubelet sets."""

from __future__ import annotations

from collections.abc import Mapping

KUBELET_LABELS = frozenset(
    {
        "beta.kubernetes.io/arch",
        "beta.kubernetes.io/instance-type",
        "beta.kubernetes.io/os",
        "failure-domain.beta.kubernetes.io/region",
        "failure-domain.beta.kubernetes.io/zone",
        "kubernetes.io/arch",
        "kubernetes.io/hostname",
        "kubernetes.io/os",
        "node.kubernetes.io/instance-type",
        "topology.kubernetes.io/region",
        "topology.kubernetes.io/zone",
    }
)
KUBELET_DOMAINS = ("kubelet.kubernetes.io", "node.kubernetes.io")
RESTRICTED = "node-restriction.kubernetes.io"
KUBERNETES_DOMAINS = ("kubernetes.io", "k8s.io")


def forbidden_labels(new: Mapping[str, str], old: Mapping[str, str]) -> list[str]:
    """The labels that differ and that a node may not touch, sorted."""
    changed = {key for key in {*new, *old} if new.get(key) != old.get(key)}
    return sorted(filter(_is_forbidden, changed))


def _is_forbidden(label: str) -> bool:
    domain = label.rpartition("/")[0]
    if _lies_in(domain, RESTRICTED):
        return True
    if not any(_lies_in(domain, each) for each in KUBERNETES_DOMAINS):
        return False
    return label not in KUBELET_LABELS and not any(_lies_in(domain, each) for each in KUBELET_DOMAINS)


def _lies_in(domain: str, parent: str) -> bool:
    return domain == parent or domain.endswith("." + parent)
