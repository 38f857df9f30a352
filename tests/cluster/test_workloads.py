"""Workloads on the running cluster: sets with data of their own, jobs by the clock."""

from __future__ import annotations

IMAGE = "wherry.local/busybox:1"

DATABASE = f"""
apiVersion: apps/v1
kind: StatefulSet
metadata: {{name: db}}
spec:
  replicas: 2
  serviceName: db
  persistentVolumeClaimRetentionPolicy: {{whenDeleted: Delete, whenScaled: Delete}}
  selector: {{matchLabels: {{app: db}}}}
  template:
    metadata: {{labels: {{app: db}}}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: c
        image: {IMAGE}
        command: [sh, -c, "echo $HOSTNAME >> /data/name; sleep 9999"]
        volumeMounts: [{{name: data, mountPath: /data}}]
  volumeClaimTemplates:
  - metadata: {{name: data}}
    spec: {{accessModes: [ReadWriteOnce], resources: {{requests: {{storage: 10Mi}}}}}}
"""


def volumes(cluster, space) -> dict[str, str]:
    """Claim → directory, of the space's volumes."""
    found = cluster.json("get", "pv")["items"]
    return {
        volume["spec"]["claimRef"]["name"]: volume["spec"]["hostPath"]["path"]
        for volume in found
        if volume["spec"]["claimRef"]["namespace"] == space
    }


def holds(cluster, path: str) -> list[str]:
    """The nodes where the directory is."""
    script = f"test -d {path} && echo yes || true"
    return [node for node in cluster.nodes() if "yes" in cluster.on_node(node, "sh", "-c", script)]


def test_data_outlives_its_pod_and_goes_with_its_claim(cluster, space, until):
    cluster.kubectl("-n", space, "apply", "-f", "-", stdin=DATABASE)
    cluster.kubectl("-n", space, "rollout", "status", "statefulset/db", "--timeout=50s")
    paths = volumes(cluster, space)
    assert set(paths) == {"data-db-0", "data-db-1"}
    assert all(len(holds(cluster, path)) == 1 for path in paths.values())
    cluster.kubectl("-n", space, "delete", "pod", "db-0", "--wait=true")

    def twice() -> bool:
        said = cluster.kubectl("-n", space, "exec", "db-0", "--", "cat", "/data/name", check=False)
        return said.split() == ["db-0", "db-0"]

    until(twice, 60, "the second pod to write beside the first")
    cluster.kubectl("-n", space, "delete", "statefulset", "db")
    until(lambda: not volumes(cluster, space), 60, "the volumes to go with their claims")
    assert not any(holds(cluster, path) for path in paths.values())


def test_a_cronjob_makes_jobs(cluster, space, until):
    cluster.kubectl("-n", space, "create", "cronjob", "tick", f"--image={IMAGE}", "--schedule=@every 1s", "--", "true")

    def succeeded() -> bool:
        found = cluster.json("-n", space, "get", "cronjob", "tick")
        return "lastSuccessfulTime" in found["status"]

    until(succeeded, 120, "a run that succeeded")
    cluster.kubectl("-n", space, "create", "job", "--from=cronjob/tick", "by-hand")
    cluster.kubectl("-n", space, "wait", "--for=condition=complete", "job/by-hand", "--timeout=60s")
