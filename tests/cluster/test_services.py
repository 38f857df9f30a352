"""Scheduling, Services and names on two nodes: what `kubectl create deployment` and `expose` promise."""


def test_a_service_answers_by_address_and_by_name_from_everywhere(cluster, space, until):
    k = lambda *argv: cluster.kubectl("-n", space, *argv)  # noqa: E731
    k("create", "deployment", "web", "--image=wherry.local/web:1", "--replicas=4")
    k("expose", "deployment", "web", "--port=80")
    pods = cluster.wait_pods(space, "app=web", 4)
    names = {pod["metadata"]["name"] for pod in pods}
    by_node = {pod["spec"]["nodeName"]: pod["metadata"]["name"] for pod in pods}
    assert set(by_node) >= {"node-1", "node-2"}, "pods on both nodes"
    address = cluster.json("-n", space, "get", "service", "web")["spec"]["clusterIP"]
    name = f"web.{space}.svc.cluster.local"

    def heard(fetch, url):
        """Which pods answer; a Service gives each its turn.  One that is new reaches a node's kernel a moment later."""
        found = set()

        def all_heard():
            done = fetch(url)
            if done.returncode == 0:
                found.add(done.stdout.split()[1])
            return found == names

        until(all_heard, 30, f"answers of all four pods from {url}")

    for node, pod in by_node.items():
        inside = lambda url, pod=pod: cluster.run(  # noqa: E731
            "kubectl", "-n", space, "exec", pod, "--", "wget", "-qO-", url, check=False
        )
        heard(inside, f"http://{address}/")
        heard(inside, "http://web/")
        heard(inside, f"http://{name}/")
        there = lambda url, node=node: cluster.console(node, "curl", "-sS", "--max-time", "5", url, check=False)  # noqa: E731
        heard(there, f"http://{address}/")
        named = lambda node=node: cluster.on_node(node, "dig", "+short", "@10.43.0.10", name).strip()  # noqa: E731
        until(lambda named=named: named() == address, 15, f"the address of {name} on {node}")


def test_a_node_port_answers_on_every_node(cluster, space, until):
    k = lambda *argv: cluster.kubectl("-n", space, *argv)  # noqa: E731
    k("create", "deployment", "web", "--image=wherry.local/web:1")
    k("expose", "deployment", "web", "--port=80", "--type=NodePort")
    cluster.wait_pods(space, "app=web", 1)
    port = cluster.json("-n", space, "get", "service", "web")["spec"]["ports"][0]["nodePort"]
    for node in cluster.json("get", "nodes")["items"]:
        address = next(a["address"] for a in node["status"]["addresses"] if a["type"] == "InternalIP")
        url = f"http://{address}:{port}/"
        until(
            lambda url=url: "pod web" in cluster.run("curl", "-sS", "--max-time", "3", url, check=False).stdout, 15, url
        )


def test_a_pod_that_fits_nowhere_says_why(cluster, space, until):
    cluster.kubectl(
        "-n",
        space,
        "run",
        "big",
        "--image=wherry.local/busybox:1",
        "--overrides",
        '{"spec":{"containers":[{"name":"big","image":"wherry.local/busybox:1","resources":{"requests":{"cpu":"100"}}}]}}',
    )
    until(lambda: "Insufficient cpu" in cluster.kubectl("-n", space, "describe", "pod", "big"), 20, "the reason")
    assert "0/" in cluster.kubectl("-n", space, "describe", "pod", "big")


def test_taints_and_selectors_steer(cluster, space, until):
    cluster.kubectl("label", "node", "node-2", "disk=fast", "--overwrite")
    overrides = '{"spec":{"nodeSelector":{"disk":"fast"}}}'
    cluster.kubectl("-n", space, "run", "picky", "--image=wherry.local/web:1", "--overrides", overrides)
    until(lambda: cluster.json("-n", space, "get", "pod", "picky")["spec"].get("nodeName") == "node-2", 20, "node-2")
    cluster.kubectl("label", "node", "node-2", "disk-")


def test_a_namespace_takes_everything_with_it(cluster, until):
    cluster.kubectl("create", "namespace", "going")
    cluster.kubectl("-n", "going", "create", "deployment", "web", "--image=wherry.local/web:1")
    cluster.wait_pods("going", "app=web", 1)
    cluster.kubectl("delete", "namespace", "going", "--timeout=60s")
    gone = cluster.run("kubectl", "get", "namespace", "going", check=False)
    assert "not found" in gone.stderr


def test_what_a_deployment_owns_goes_with_it(cluster, space, until):
    cluster.kubectl("-n", space, "create", "deployment", "web", "--image=wherry.local/web:1", "--replicas=2")
    cluster.wait_pods(space, "app=web", 2)
    cluster.kubectl("-n", space, "delete", "deployment", "web")
    until(lambda: not cluster.json("-n", space, "get", "rs,pods")["items"], 30, "replica sets and pods gone")


def test_a_drain_waits_for_what_a_budget_can_spare(cluster, space, until):
    k = lambda *argv: cluster.kubectl("-n", space, *argv)  # noqa: E731
    k("create", "deployment", "web", "--image=wherry.local/web:1", "--replicas=2")
    cluster.wait_pods(space, "app=web", 2)
    k("create", "poddisruptionbudget", "web", "--selector=app=web", "--min-available=1")
    allowed = lambda: cluster.json("-n", space, "get", "pdb", "web").get("status", {}).get("disruptionsAllowed")  # noqa: E731
    until(lambda: allowed() == 1, 15, "one disruption allowed")
    try:
        k("drain", "node-2", "--ignore-daemonsets", "--delete-emptydir-data", "--force", "--timeout=50s")
        until(lambda: _nodes_of(cluster, space) == {"node-1"}, 30, "both pods on node-1")
        cluster.wait_pods(space, "app=web", 2)
    finally:
        cluster.kubectl("uncordon", "node-2")


def _nodes_of(cluster, space):
    pods = cluster.json("-n", space, "get", "pods", "-l", "app=web")["items"]
    return {p["spec"].get("nodeName") for p in pods if "deletionTimestamp" not in p["metadata"]}
