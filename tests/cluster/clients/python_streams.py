"""exec and port-forward as the kubernetes client for Python speaks them; prints what it got.  NAMESPACE POD WEB-POD."""

import json
import sys

from kubernetes import client, config
from kubernetes.stream import portforward, stream

namespace, pod, web = sys.argv[1:4]
config.load_kube_config()
core = client.CoreV1Api()
execute = core.connect_get_namespaced_pod_exec

whole = stream(execute, pod, namespace, command=["sh", "-c", "echo out; echo err >&2"], stderr=True, stdout=True)

session = stream(execute, pod, namespace, command=["sh"], stdin=True, stdout=True, stderr=True, _preload_content=False)
session.write_stdin("echo $((40+2)); exit 7\n")
typed = ""
while session.is_open():
    session.update(timeout=1)
    typed += session.read_stdout(timeout=0) or ""
session.close()

forward = portforward(core.connect_get_namespaced_pod_portforward, web, namespace, ports="80")
socket = forward.socket(80)
socket.setblocking(True)
socket.sendall(b"GET / HTTP/1.0\r\nHost: x\r\n\r\n")
answer = b""
while block := socket.recv(4096):
    answer += block
socket.close()

print(
    json.dumps(
        {"whole": whole, "typed": typed, "code": session.returncode, "forwarded": answer.decode().splitlines()[-1]}
    )
)
