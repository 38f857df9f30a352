"""A member made ready: its certificates, its process, its first answer."""

from __future__ import annotations

import asyncio

import grpc.aio

from kube.config import MasterConfig
from kube.layout import Layout
from kube.pki import ensure_master_pki
from master.store.contract import StoreUnavailableError
from master.store.over_etcd.members import ClientTls, Members
from master.store.over_etcd.opening import address_of
from master.store.over_etcd.store import EtcdStore
from provisioning.etcd.member import LOOPBACK, member_service
from provisioning.local.reporting import Steps, Trouble
from provisioning.local.supervised import Keeper, keeper_of

READY_SECONDS = 60.0
ATTEMPT_SECONDS = 2.0
AGAIN = 0.1


async def raise_member(layout: Layout, config: MasterConfig, steps: Steps) -> None:
    """The member of this master, running and one that a leader answers through."""
    from master.api.running import names_of

    with steps.step("etcd") as step:
        await asyncio.to_thread(ensure_master_pki, layout, names_of(config))
        keeper = keeper_of(layout, member_service(layout, config))
        changed = await asyncio.to_thread(keeper.ensure)
        await await_answer(layout, config, keeper)
        step.done(changed, f"member {config.etcd.member}")


async def await_answer(layout: Layout, config: MasterConfig, keeper: Keeper) -> None:
    """Until the member answers with the word of a leader; Trouble when it ends as often as it is started, or in the end."""
    address, tls = f"{LOOPBACK}:{config.etcd.port}", client_tls(layout)
    try:
        async with asyncio.timeout(READY_SECONDS):
            while not await answers(address, tls):
                await asyncio.to_thread(keeper.refuse_crashing)
                await asyncio.sleep(AGAIN)
    except TimeoutError:
        raise Trouble(f"etcd does not answer at {address}: see {keeper.log}") from None


async def answers(address: str, tls: ClientTls) -> bool:
    try:
        store = await EtcdStore.open(Members((address_of(address),), tls, ATTEMPT_SECONDS))
    except (StoreUnavailableError, grpc.aio.AioRpcError):
        return False
    await store.close()
    return True


def client_tls(layout: Layout) -> ClientTls:
    """With what a master shows itself to etcd."""
    own = layout.pki / "apiserver-etcd-client"
    return ClientTls(layout.pki / "etcd/ca.crt", own.with_suffix(".crt"), own.with_suffix(".key"))
