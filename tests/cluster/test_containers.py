"""Containers through kubectl: run, logs, exec, attach, port-forward, deletion with grace; an agent's restart."""

import os
import pty
import select
import subprocess
import time

import pytest

BUSYBOX = "--image=wherry.local/busybox:1"


def converse(cluster, argv, script, seconds=20):
    """Runs argv on a terminal of 40 rows and 100 columns: `script` is (wait for, then type) pairs; returns what was shown."""
    leader, follower = pty.openpty()
    import fcntl
    import struct
    import termios

    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    child = cluster.start(*argv, stdin=follower, stdout=follower, stderr=follower, start_new_session=True)
    os.close(follower)
    shown, end = "", time.monotonic() + seconds
    steps = list(script)
    try:
        while time.monotonic() < end and (steps or child.poll() is None):
            if select.select([leader], [], [], 0.1)[0]:
                try:
                    shown += os.read(leader, 4096).decode(errors="replace")
                except OSError:
                    break
            if steps and steps[0][0] in shown:
                os.write(leader, steps.pop(0)[1].encode())
        child.wait(5)
        return shown
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()
        os.close(leader)


@pytest.fixture(scope="module")
def pod(cluster):
    """A pod that stays, shared by the tests of this file."""
    cluster.kubectl("create", "namespace", "containers")
    cluster.kubectl("-n", "containers", "run", "stay", BUSYBOX, "--restart=Never", "--command", "--", "sleep", "10000")
    cluster.kubectl("-n", "containers", "wait", "pod/stay", "--for=condition=Ready", "--timeout=40s")
    yield "stay"
    cluster.kubectl("delete", "namespace", "containers", "--wait=false")


PROTOCOLS = pytest.mark.parametrize("websocket", ["true", "false"], ids=["websocket", "spdy"])


def exec_in(cluster, websocket, *argv, **options):
    env = {"KUBECTL_REMOTE_COMMAND_WEBSOCKETS": websocket}
    return cluster.run("kubectl", "-n", "containers", "exec", *argv, env=env, check=False, **options)


@PROTOCOLS
def test_exec_output_errors_and_exit_code(cluster, pod, websocket):
    done = exec_in(cluster, websocket, pod, "--", "sh", "-c", "echo out; echo err >&2; exit 7")
    assert (done.stdout, done.returncode) == ("out\n", 7)
    assert done.stderr.startswith("err\n")


@PROTOCOLS
def test_stdin_is_closed_half_way(cluster, pod, websocket):
    text = "".join(f"line {i}\n" for i in range(20_000))
    done = exec_in(cluster, websocket, "-i", pod, "--", "sh", "-c", "cat | wc -c; echo after", stdin=text)
    assert done.stdout.split() == [str(len(text)), "after"]


def test_an_interactive_shell_has_a_terminal_of_the_right_size(cluster, pod):
    argv = ("kubectl", "-n", "containers", "exec", "-it", pod, "--", "sh")
    shown = converse(cluster, argv, [("# ", "stty size; tty\n"), ("40 100", "exit 3\n")])
    assert "40 100" in shown and "/dev/pts/" in shown


def test_run_interactively_and_gone(cluster, space):
    argv = ("kubectl", "-n", space, "run", "-it", "--rm", "--restart=Never", "shell", BUSYBOX, "--", "sh")
    shown = converse(cluster, argv, [("# ", "echo in-$((40+2))\n"), ("in-42", "exit\n")], seconds=40)
    assert "in-42" in shown and 'pod "shell" deleted' in shown


def test_logs(cluster, space):
    script = "for i in 1 2 3 4; do echo line $i; sleep 0.5; done"
    cluster.kubectl("-n", space, "run", "talk", BUSYBOX, "--restart=Never", "--command", "--", "sh", "-c", script)
    cluster.kubectl(
        "-n", space, "wait", "pod/talk", "--for=jsonpath={.status.containerStatuses[0].started}=true", "--timeout=40s"
    )
    followed = cluster.kubectl("-n", space, "logs", "-f", "talk")
    assert followed.split("\n") == ["line 1", "line 2", "line 3", "line 4", ""]
    assert cluster.kubectl("-n", space, "logs", "talk", "--tail=2") == "line 3\nline 4\n"
    assert cluster.kubectl("-n", space, "logs", "talk", "--limit-bytes=4") == "line"
    stamped = cluster.kubectl("-n", space, "logs", "talk", "--timestamps", "--tail=1")
    assert stamped.startswith("20") and stamped.endswith("Z line 4\n")
    refused = cluster.run("kubectl", "-n", space, "logs", "talk", "-c", "nope", check=False)
    assert "container nope is not valid for pod talk" in refused.stderr


def test_restarts_back_off_and_the_logs_before(cluster, space, until):
    cluster.kubectl("-n", space, "run", "fails", BUSYBOX, "--command", "--", "sh", "-c", "echo try; exit 3")
    status = lambda: cluster.json("-n", space, "get", "pod", "fails")["status"].get("containerStatuses", [{}])[0]  # noqa: E731
    until(lambda: status().get("restartCount", 0) >= 1, 40, "a restart")
    found = until(
        lambda: (s := status()) and s.get("state", {}).get("waiting", {}).get("reason") == "CrashLoopBackOff" and s,
        30,
        "back-off",
    )
    assert found["lastState"]["terminated"]["exitCode"] == 3 and found["lastState"]["terminated"]["reason"] == "Error"
    assert cluster.kubectl("-n", space, "logs", "fails", "--previous") == "try\n"


def test_an_image_that_is_not_there_is_named(cluster, space, until):
    cluster.kubectl("-n", space, "run", "none", "--image=wherry.local/none:1", "--image-pull-policy=Never")

    def reason():
        status = cluster.json("-n", space, "get", "pod", "none")["status"].get("containerStatuses", [{}])[0]
        return status.get("state", {}).get("waiting", {}).get("reason")

    until(lambda: reason() == "ErrImageNeverPull", 30, "ErrImageNeverPull")


def test_volumes_environment_and_the_account(cluster, space):
    cluster.kubectl("-n", space, "create", "configmap", "conf", "--from-literal=a.txt=from-config")
    cluster.kubectl("-n", space, "create", "secret", "generic", "sec", "--from-literal=b=from-secret")
    manifest = """
apiVersion: v1
kind: Pod
metadata: {name: vols}
spec:
  restartPolicy: Never
  containers:
  - name: c
    image: wherry.local/busybox:1
    command: [sh, -c]
    args:
    - |
      cat /conf/a.txt; echo; cat /sec/b; echo; echo $(WHO) $B $NODE; echo x > /empty/x && cat /empty/x
      cut -c1-3 /var/run/secrets/kubernetes.io/serviceaccount/token; cat /var/run/secrets/kubernetes.io/serviceaccount/namespace
    env:
    - {name: WHO, value: me}
    - {name: B, valueFrom: {secretKeyRef: {name: sec, key: b}}}
    - {name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
    volumeMounts: [{name: conf, mountPath: /conf}, {name: sec, mountPath: /sec}, {name: empty, mountPath: /empty}]
  volumes:
  - {name: conf, configMap: {name: conf}}
  - {name: sec, secret: {secretName: sec}}
  - {name: empty, emptyDir: {}}
"""
    cluster.kubectl("-n", space, "apply", "-f", "-", stdin=manifest)
    cluster.kubectl("-n", space, "wait", "pod/vols", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=40s")
    node = cluster.json("-n", space, "get", "pod", "vols")["spec"]["nodeName"]
    expected = ["from-config", "from-secret", f"me from-secret {node}", "x", "eyJ", space]
    assert cluster.kubectl("-n", space, "logs", "vols").splitlines() == expected


def test_deletion_is_graceful(cluster, space):
    script = "trap 'sleep 1; exit 0' TERM; while true; do sleep 0.1; done"
    cluster.kubectl("-n", space, "run", "slow", BUSYBOX, "--command", "--", "sh", "-c", script)
    cluster.kubectl("-n", space, "wait", "pod/slow", "--for=condition=Ready", "--timeout=40s")
    started = time.monotonic()
    cluster.kubectl("-n", space, "delete", "pod", "slow", "--grace-period=20")
    took = time.monotonic() - started
    assert 0.9 < took < 15, f"its own second to end, and not the whole grace: {took:.1f} s"


def test_port_forward(cluster, space, until):
    cluster.kubectl("-n", space, "run", "web", "--image=wherry.local/web:1", "--port=80")
    cluster.kubectl("-n", space, "wait", "pod/web", "--for=condition=Ready", "--timeout=40s")
    forward = cluster.start("kubectl", "-n", space, "port-forward", "pod/web", ":80", stdout=subprocess.PIPE)
    try:
        port = forward.stdout.readline().split("127.0.0.1:")[1].split()[0]
        fetch = ("curl", "-sS", "--max-time", "5", f"http://127.0.0.1:{port}/")
        until(lambda: "pod web" in cluster.run(*fetch, check=False).stdout, 30, "the server in the pod")
        for _ in range(5):
            assert "pod web" in cluster.run(*fetch).stdout
    finally:
        forward.kill()
        forward.wait()
        forward.stdout.close()


def test_an_agents_restart_leaves_pods_untouched(cluster, space, until):
    cluster.kubectl("-n", space, "create", "deployment", "web", "--image=wherry.local/web:1", "--replicas=4")

    def ids():
        pods = cluster.wait_pods(space, "app=web", 4)
        return {p["metadata"]["name"]: p["status"]["containerStatuses"][0]["containerID"] for p in pods}

    before = ids()
    for node in ("node-1", "node-2"):
        cluster.on_node(node, "wherry-supervise", "restart", "wherry-agent")
    until(lambda: all(cluster.nodes().values()), 30, "both nodes Ready")
    assert ids() == before
    restarts = cluster.json("-n", space, "get", "pods", "-l", "app=web")["items"]
    assert all(p["status"]["containerStatuses"][0]["restartCount"] == 0 for p in restarts)


def test_what_the_doctors_say_of_a_healthy_cluster(cluster, until):
    until(lambda: all(cluster.nodes().values()), 30, "both nodes Ready")
    said = (
        cluster.run(*("agent", "doctor"), check=False)
        if False
        else cluster.on_node("node-1", "/opt/wherry/current/bin/agent", "doctor")
    )
    assert "✗" not in said and "✓ containerd" in said
    overall = cluster.master("doctor", check=False)
    assert overall.returncode == 0, overall.stdout
