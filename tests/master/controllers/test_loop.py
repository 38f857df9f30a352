"""The loop of all controllers: what a reconcile answers, and that nobody keeps the others from running."""

import asyncio

import pytest

from master.controllers.loop import Loop


@pytest.mark.parametrize("again", [-1.0, 0.0])
async def test_a_key_that_is_always_due_lets_others_run(again):
    turns = asyncio.Semaphore(0)

    async def reconcile(_key: str) -> float:
        turns.release()
        return again

    async with asyncio.timeout(30):
        task = asyncio.create_task(Loop("restless", reconcile, lambda: ["key"]).run())
        for _ in range(3):
            await turns.acquire()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
