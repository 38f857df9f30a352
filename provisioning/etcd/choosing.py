"""Where a cluster's state shall lie, as settings: chosen at the first `master up`, and kept."""

from __future__ import annotations

from dataclasses import replace

from kube.config import MasterConfig


class ChoiceError(Exception):
    """The store cannot be chosen any more; one sentence."""


def chosen(config: MasterConfig, kind: str, begun: bool, member: str) -> MasterConfig:
    """The settings with this kind of store; `begun`: the cluster has a state, `member`: what a member here is called.

    No kind leaves them alone, and so does an etcd that somebody else keeps.
    """
    if not kind or kind == config.store.kind:
        return config
    if begun:
        raise ChoiceError(
            f"the cluster's state lies in {config.store.kind}: {kind} is chosen at the first `master up` of a cluster"
        )
    return stored_in(config, kind, member)


def stored_in(config: MasterConfig, kind: str, member: str) -> MasterConfig:
    """The settings of a master whose state is in `kind`; of etcd, in a member of its own."""
    kept = member if kind == "etcd" and not config.store.endpoints else ""
    return replace(config, store=replace(config.store, kind=kind), etcd=replace(config.etcd, member=kept))
