"""An address that a pod had is offered again: what host-local finds in its folder."""

import asyncio

from agent.network.addresses import Addresses


def last(tmp_path):
    return (tmp_path / "wherry/last_reserved_ip.0").read_text()


async def test_the_address_before_counts_as_the_last_given_out(tmp_path):
    async with Addresses(tmp_path).offered("10.42.1.7"):
        assert last(tmp_path) == "10.42.1.6"


async def test_nothing_is_offered_without_an_address_or_when_it_is_taken(tmp_path):
    (tmp_path / "wherry").mkdir()
    (tmp_path / "wherry/10.42.1.7").write_text("someone else")
    for address in ("", "10.42.1.7"):
        async with Addresses(tmp_path).offered(address):
            assert not (tmp_path / "wherry/last_reserved_ip.0").exists()


async def test_offers_are_taken_one_after_the_other(tmp_path):
    addresses, seen = Addresses(tmp_path), []

    async def start(address):
        async with addresses.offered(address):
            seen.append(last(tmp_path))
            await asyncio.sleep(0)
            seen.append(last(tmp_path))

    await asyncio.gather(start("10.42.1.7"), start("10.42.1.3"))
    assert seen == ["10.42.1.6", "10.42.1.6", "10.42.1.2", "10.42.1.2"]
