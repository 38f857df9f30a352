"""A Secret for an account's token: filled in by the master, and a way into the API as long as it is there."""

from __future__ import annotations

import base64

SECRET = """
apiVersion: v1
kind: Secret
type: kubernetes.io/service-account-token
metadata: {name: robot, annotations: {kubernetes.io/service-account.name: robot}}
"""


def test_a_secret_is_filled_and_opens_the_api(cluster, space, until):
    cluster.kubectl("-n", space, "create", "serviceaccount", "robot")
    cluster.kubectl("-n", space, "apply", "-f", "-", stdin=SECRET)

    def filled() -> dict:
        data = cluster.json("-n", space, "get", "secret", "robot").get("data") or {}
        return data if {"token", "ca.crt", "namespace"} <= data.keys() else {}

    token = base64.b64decode(until(filled, 30, "the token")["token"]).decode()

    def name() -> str:
        said = cluster.kubectl(
            "--kubeconfig=/dev/null", *way(cluster), f"--token={token}", "auth", "whoami", check=False
        )
        return said if f"system:serviceaccount:{space}:robot" in said else ""

    until(name, 30, "the token to be known")
    cluster.kubectl("-n", space, "delete", "secret", "robot")
    until(lambda: not name(), 90, "the token to end with its Secret")


def way(cluster) -> list[str]:
    server = cluster.kubectl("config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}")
    return [f"--server={server}", f"--certificate-authority={cluster.root}/etc/kubernetes/pki/ca.crt"]
