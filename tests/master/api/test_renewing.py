"""A master that moves: its new address is in the certificate that the next connection sees."""

import asyncio
import ssl

from kube.certificates import read_certificate
from kube.layout import Layout
from kube.pki import Names, ensure_master_pki
from master.api.renewing import Renewal
from master.api.server import server_tls


async def seen(port, authority):
    """The names in the certificate that a connection sees."""
    trust = ssl.create_default_context(cafile=authority)
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trust)
    der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    await writer.wait_closed()
    return read_certificate(der).names


async def test_a_new_address_is_served_to_the_next_connection(tmp_path):
    layout, addresses, told = Layout(tmp_path), ["192.0.2.1"], []
    ensure_master_pki(layout, Names(addresses=tuple(addresses)))
    pki = layout.pki
    context = server_tls(pki / "apiserver.crt", pki / "apiserver.key", pki / "ca.crt")

    async def changed():
        told.append(list(addresses))

    renewal = Renewal(layout, lambda: Names(addresses=tuple(addresses)), {"apiserver": context}, changed)

    async def serve(_reader, writer):
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as server:
        port = server.sockets[0].getsockname()[1]
        assert "192.0.2.2" not in await seen(port, pki / "ca.crt")
        assert await renewal.once() == []
        addresses.append("192.0.2.2")
        assert pki / "apiserver.crt" in await renewal.once()
        assert "192.0.2.2" in await seen(port, pki / "ca.crt")
        assert told == [["192.0.2.1", "192.0.2.2"]]


async def test_it_looks_again_by_itself(tmp_path):
    layout, addresses, renewed = Layout(tmp_path), ["192.0.2.1"], asyncio.Event()
    ensure_master_pki(layout, Names(addresses=tuple(addresses)))

    async def changed():
        renewed.set()

    renewal = Renewal(layout, lambda: Names(addresses=tuple(addresses)), {}, changed, period=0.001)
    task = asyncio.create_task(renewal.run())
    addresses.append("192.0.2.2")
    await renewed.wait()
    task.cancel()
    assert "192.0.2.2" in read_certificate((layout.pki / "apiserver.crt").read_bytes()).names
