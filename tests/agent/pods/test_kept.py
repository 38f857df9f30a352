"""Objects and tokens of pods while no API answers: what was kept does."""

import asyncio

import aiohttp
import pytest

from agent.pods import references
from agent.pods.references import References
from agent.pods.tokens import RETRY, Tokens
from agent.pods.volumes.payloads import TokenAsked

POD = {"metadata": {"name": "p", "namespace": "n", "uid": "u"}, "spec": {"serviceAccountName": "me"}}
ASKED = TokenAsked("", 3600)
SECRET = {"metadata": {"name": "s", "namespace": "n"}, "data": {"a": "Yg=="}}


class Kept:
    def __init__(self, **rows):
        self.rows = rows

    def recall(self, drawer, key):
        return self.rows.get(f"{drawer} {key}")

    def keep(self, drawer, key, what):
        self.rows[f"{drawer} {key}"] = what

    def prune(self, drawer, needed):
        self.rows = {row: what for row, what in self.rows.items() if row.split()[0] != drawer or needed(row.split()[1])}


class Api:
    """Refuses connections until it is `there`."""

    def __init__(self):
        self.there = False
        self.asked = 0

    async def create(self, *_call):
        self.asked += 1
        if not self.there:
            raise aiohttp.ClientConnectionError("refused")
        return {"spec": {"expirationSeconds": 7200}, "status": {"token": f"t{self.asked}"}}

    async def pages(self, *_scope, **_more):
        if not self.there:
            raise aiohttp.ClientConnectionError("refused")
        yield [SECRET], "1"

    async def watch(self, *_scope, **_more):
        yield await asyncio.Event().wait()


async def test_a_token_that_was_kept_does_until_the_api_answers():
    now, api, kept = [0.0], Api(), Kept()
    api.there = True
    tokens = Tokens(api, lambda: now[0], kept)
    first = await tokens.get(POD, ASKED)
    api.there, now[0] = False, 7000.0  # four fifths of two hours are over
    again = Tokens(api, lambda: now[0], kept)
    assert (await again.get(POD, ASKED)).text == first.text
    assert (await again.get(POD, ASKED)).renew_at == 7000 + RETRY
    api.there, now[0] = True, 7000.0 + RETRY
    assert (await again.get(POD, ASKED)).text != first.text
    again.forget("u")
    assert kept.recall("Token", "u//3600") is None


async def test_a_token_kept_under_a_clock_that_was_ahead_is_renewed_in_time():
    now, api, kept = [1e9], Api(), Kept()
    api.there = True
    first = await Tokens(api, lambda: now[0], kept).get(POD, ASKED)
    now[0] = 0.0
    again = Tokens(api, lambda: now[0], kept)
    assert (await again.get(POD, ASKED)).text == first.text
    now[0] = 3600.0
    assert (await again.get(POD, ASKED)).text != first.text


async def test_a_token_that_was_never_kept_is_a_failure():
    with pytest.raises(aiohttp.ClientConnectionError):
        await Tokens(Api(), lambda: 0.0, Kept()).get(POD, ASKED)


async def test_objects_that_were_kept_do_until_the_api_answers(monkeypatch):
    monkeypatch.setattr(references, "KEPT_DOES", 0.01)
    api, kept = Api(), Kept(**{"pods-Secret n/s": [SECRET], "pods-ConfigMap n/old": [{}]})
    followed = References(api, lambda uid: None, kept)
    await followed.follow("u", {("Secret", "n", "s")})
    assert followed.objects("u") == {("Secret", "s"): SECRET}
    followed.prune()
    assert kept.recall("pods-ConfigMap", "n/old") is None, "no pod names it"
    followed.forget("u")
    assert kept.recall("pods-Secret", "n/s") is None
    followed.close()


async def test_what_the_api_tells_is_kept():
    api, kept = Api(), Kept()
    api.there = True
    followed = References(api, lambda uid: None, kept)
    await followed.follow("u", {("Secret", "n", "s"), ("Secret", "n", "none")})
    assert kept.recall("pods-Secret", "n/s") == [SECRET]
    followed.close()
