"""NetworkPolicies across nodes: who is let in, and that a policy's end opens the way again."""

POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from: [{podSelector: {matchLabels: {run: friend}}}]
    ports: [{port: 80}]
"""
CLIENT = ("--image=wherry.local/busybox:1", "--command", "--", "sleep", "10000")


def test_a_policy_lets_in_whom_it_names(cluster, space, until):
    k = lambda *argv, **options: cluster.kubectl("-n", space, *argv, **options)  # noqa: E731
    k("create", "deployment", "web", "--image=wherry.local/web:1", "--replicas=2")
    for name in ("friend", "stranger"):
        k("run", name, *CLIENT)
    addresses = [pod["status"]["podIP"] for pod in cluster.wait_pods(space, "app=web", 2)]
    k("wait", "pod", "friend", "stranger", "--for=condition=Ready", "--timeout=40s")

    def let_in(name):
        """The addresses that answer this client."""
        fetch = ("kubectl", "-n", space, "exec", name, "--", "timeout", "2", "wget", "-qO-")
        return [a for a in addresses if "pod web" in cluster.run(*fetch, f"http://{a}/", check=False).stdout]

    for name in ("friend", "stranger"):
        until(lambda name=name: let_in(name) == addresses, 30, f"the way of {name} to both pods")
    k("apply", "-f", "-", stdin=POLICY)
    until(lambda: not let_in("stranger"), 30, "the closed way of the stranger")
    until(lambda: let_in("friend") == addresses, 30, "the open way of the friend")
    k("delete", "networkpolicy", "web")
    until(lambda: let_in("stranger") == addresses, 30, "the stranger's way after the policy's end")
    until(lambda: "wherry.dev" not in k("get", "endpointslices", "-o", "yaml"), 30, "the end of the policy's slices")
