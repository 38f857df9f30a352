"""CronJobs over the real API: a run that is due starts, is seen to its end, and becomes history."""

from __future__ import annotations

from kube import kinds

CRON_JOB = kinds.kind_of({"apiVersion": "batch/v1", "kind": "CronJob"})
JOB = kinds.kind_of({"apiVersion": "batch/v1", "kind": "Job"})
EVENT = kinds.kind_of({"apiVersion": "v1", "kind": "Event"})
LONG_AGO = {"status": {"lastScheduleTime": "2025-06-01T00:00:00Z"}}


def cron(name: str, **spec) -> dict:
    pod = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}
    job = {"metadata": {"labels": {"l": "v"}}, "spec": {"template": {"spec": pod}}}
    spec = {"schedule": "0 0 1 1 *", "suspend": True, "jobTemplate": job, **spec}
    return {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": name}, "spec": spec}


async def overdue(cluster, name: str, **spec) -> None:
    """A CronJob whose yearly run was missed."""
    await cluster.create(cron(name, **spec))
    await cluster.client.patch(CRON_JOB, "default", name, LONG_AGO, subresource="status")
    await cluster.client.patch(CRON_JOB, "default", name, {"spec": {"suspend": False}})


async def reasons(cluster) -> set[str]:
    events, _ = await cluster.client.list(EVENT, "default")
    return {event["reason"] for event in events if event["source"]["component"] == "cronjob-controller"}


async def test_a_missed_run_starts_once_and_is_seen_to_its_end(cluster):
    cluster.exits = 0
    await cluster.node("node-1")
    await overdue(cluster, "yearly")

    async def succeeded() -> bool:
        status = (await cluster.client.get(CRON_JOB, "default", "yearly"))["status"]
        return "lastSuccessfulTime" in status and "active" not in status

    await cluster.until(succeeded)
    jobs, _ = await cluster.client.list(JOB, "default")
    assert len(jobs) == 1
    assert jobs[0]["metadata"]["name"].startswith("yearly-")
    assert jobs[0]["metadata"]["labels"]["l"] == "v"

    async def told() -> bool:
        return await reasons(cluster) == {"SuccessfulCreate", "SawCompletedJob"}

    await cluster.until(told)


async def test_a_running_one_is_replaced(cluster):
    await cluster.node("node-1")
    await overdue(cluster, "again", concurrencyPolicy="Replace")

    async def active() -> list:
        return (await cluster.client.get(CRON_JOB, "default", "again"))["status"].get("active") or []

    first = await cluster.until(active)
    await cluster.client.patch(CRON_JOB, "default", "again", LONG_AGO, subresource="status")
    await cluster.client.patch(CRON_JOB, "default", "again", {"spec": {"schedule": "0 0 2 1 *"}})

    async def replaced() -> bool:
        now = await active()
        return len(now) == 1 and now[0]["uid"] != first[0]["uid"]

    await cluster.until(replaced)
    await cluster.gone(JOB, "default", first[0]["name"])


async def test_history_is_bounded_and_all_goes_with_the_cronjob(cluster):
    cluster.exits = 0
    await cluster.node("node-1")
    await overdue(cluster, "short", successfulJobsHistoryLimit=0)

    async def cleaned() -> bool:
        return "SuccessfulDelete" in await reasons(cluster)

    await cluster.until(cleaned)
    await cluster.client.delete(CRON_JOB, "default", "short", propagation="Foreground")
    await cluster.gone(CRON_JOB, "default", "short")
