"""The images we make: `wherry.local/{pause,busybox,web}:1`, each a few lines over a program.

web answers HTTP on port 80 with the pod's name (its host name) and the node's.  A pod is not told its node unless its spec
asks, and `kubectl create deployment` does not: the page reads NODE_NAME where the spec gives it, and else the line
`# node: NAME` that the agent puts into each pod's managed /etc/hosts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from provisioning.images.archives import Entry, ImageSource, Layer
from provisioning.images.packages import own_architecture, program
from provisioning.images.pause import pause_program

PREFIX = "wherry.local"
VERSION = "1"
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

PASSWD = """\
root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/bin/false
www-data:x:33:33:www-data:/www:/bin/false
nobody:x:65534:65534:nobody:/nonexistent:/bin/false
"""
GROUP = "root:x:0:\ndaemon:x:1:\ntty:x:5:\nwww-data:x:33:\nnogroup:x:65534:\n"

SERVE = """\
#!/bin/sh
# The first process of a namespace gets no signal it does not ask for.
trap 'kill $!; exit 0' TERM INT
httpd -f -p "${PORT:-80}" -h /www &
wait $!
"""
PAGE = """\
#!/bin/sh
node=${NODE_NAME:-$(sed -n 's/^# node: //p' /etc/hosts)}
printf 'Content-Type: text/plain\\r\\nConnection: close\\r\\n\\r\\n'
printf 'pod %s on node %s\\n' "$(hostname)" "${node:-unknown}"
"""


def pause(architecture: str) -> ImageSource:
    layer = {"pause": Entry(0o755, pause_program(architecture))}
    return _image("pause", architecture, (layer,), Entrypoint=["/pause"], User="65535:65535")


def busybox(architecture: str) -> ImageSource:
    return _image("busybox", architecture, (_busybox_layer(architecture),), Cmd=["sh"])


def web(architecture: str) -> ImageSource:
    page = {
        "bin/serve": Entry(0o755, SERVE.encode()),
        "www/cgi-bin/index.cgi": Entry(0o755, PAGE.encode()),
        "www/healthz": Entry(0o644, b"ok\n"),
    }
    layers = (_busybox_layer(architecture), page)
    return _image("web", architecture, layers, Cmd=["serve"], ExposedPorts={"80/tcp": {}})


CATALOGUE: dict[str, Callable[[str], ImageSource]] = {"busybox": busybox, "pause": pause, "web": web}


def images(names: Iterable[str] = CATALOGUE, architecture: str = "") -> list[ImageSource]:
    """The named images for an architecture (ours when none is given); KeyError for a name that is none of ours."""
    return [CATALOGUE[name](architecture or own_architecture()) for name in names]


def applets(binary: bytes) -> list[str]:
    """The programs in a busybox: it holds their names one after another, from `[` on, so that it need not be run."""
    start = binary.find(b"\0[\0[[\0")
    if start < 0:
        raise ValueError("this busybox holds no table of applets")
    return binary[start + 1 :].split(b"\0\0", 1)[0].decode("ascii").split("\0")


def _busybox_layer(architecture: str) -> Layer:
    binary = program("busybox-static", "/bin/busybox", architecture)
    links = {f"bin/{name}": Entry(link="busybox") for name in applets(binary) if name != "busybox"}
    return {
        **links,
        "bin/busybox": Entry(0o755, binary),
        "etc/passwd": Entry(0o644, PASSWD.encode()),
        "etc/group": Entry(0o644, GROUP.encode()),
        "home": Entry(0o755),
        "root": Entry(0o700),
        "tmp": Entry(0o1777),
        "usr/bin/env": Entry(link="../../bin/env"),
        "usr/sbin": Entry(0o755),
        "var/tmp": Entry(0o1777),
    }


def _image(name: str, architecture: str, layers: tuple[Layer, ...], **settings: object) -> ImageSource:
    return ImageSource(f"{PREFIX}/{name}:{VERSION}", architecture, layers, {"Env": [PATH], **settings})
