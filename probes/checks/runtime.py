"""The container runtime: containerd up and answering, its settings and metadata sound, the images that pods need."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from typing import Any

from probes import bolt
from probes.boards import architecture
from probes.checks.services import control, last_words, process_state, service_states
from probes.findings import Finding, trouble, unsure, well
from probes.looking import CouldNotLook, Looker
from probes.settings import settings

SERVICE = "wherry-containerd"
CONFIG = "/etc/wherry/containerd.toml"
CRI = "io.containerd.grpc.v1.cri"
META = "/var/lib/wherry/containerd/io.containerd.metadata.v1.bolt/meta.db"
WRONG_FORMAT = "exec format error"
PODS_BREAK = "no container can be started or stopped; running ones go on"
POD_LOGS = ("sh", "-c", f"grep -rlsi --include='*.log' '{WRONG_FORMAT}' /var/log/pods | head -n 3")


def ctr(look: Looker, *words: str) -> tuple[str, ...]:
    return ("ctr", "--address", settings(look).socket, "--connect-timeout", "2s", "--timeout", "2s", *words)


def containerd(look: Looker) -> Finding:
    """Whether containerd answers, and if not, why."""
    name = "containerd"
    try:
        version = look.run(ctr(look, "version"), seconds=2.5)
    except CouldNotLook as error:
        return _why_silent(look, str(error))
    found = re.search(r"Server:\s+Version:\s+(\S+)", version)
    return well(name, f"answers, version {found[1] if found else 'unknown'}")


def _why_silent(look: Looker, words: str) -> Finding:
    name, socket = "containerd", settings(look).socket
    if "not installed" in words:
        return trouble(name, "is not installed", "apt-get install -y containerd", breaks=PODS_BREAK, evidence=words)
    states, program = service_states(look), control(look)
    state, pid = states.get(SERVICE, ("not installed", 0))
    running = process_state(look, pid)
    restart = f"{program} restart {SERVICE}"
    if running in ("T", "t"):
        said, fix, undo = "is stopped by a signal (SIGSTOP)", f"kill -CONT {pid}", f"kill -STOP {pid}"
    elif not running:
        said, fix, undo = (
            f"does not run: {SERVICE} is {state}",
            f"{program} start {SERVICE}",
            f"{program} stop {SERVICE}",
        )
    elif not _exists(look, socket):
        said, fix, undo = f"runs, but its socket {socket} is gone", restart, ""
    else:
        said, fix, undo = f"runs, but does not answer at {socket}", restart, ""
    return trouble(
        name,
        said,
        fix,
        breaks=PODS_BREAK,
        evidence=f"{words}; {last_words(look, SERVICE)}".rstrip("; "),
        safe=True,
        undo=undo,
    )


def _exists(look: Looker, path: str) -> bool:
    folder, _, name = path.rpartition("/")
    try:
        return name in look.names(folder)
    except CouldNotLook:
        return False


def configuration(look: Looker) -> Finding:
    """containerd's settings: readable, with CRI, and in agreement with the agent's."""
    name = "containerd-settings"
    try:
        table = tomllib.loads(look.read(CONFIG))
    except CouldNotLook:
        return unsure(name, f"{CONFIG}: no such file; joining writes it")
    except tomllib.TOMLDecodeError as error:
        return _wrong(f"{CONFIG} cannot be read: {error}")
    plugin: dict[str, Any] = table.get("plugins", {}).get(CRI, {})
    ours = settings(look)
    if any(word in (CRI, "cri") for word in table.get("disabled_plugins", ())):
        return _wrong(f"{CONFIG} switches the CRI plugin off, through which the agent speaks to it")
    if plugin.get("sandbox_image", ours.pause_image) != ours.pause_image:
        return _wrong(f"sandbox_image is {plugin['sandbox_image']}, agent.toml's pause_image {ours.pause_image}")
    address = table.get("grpc", {}).get("address", ours.socket)
    if address != ours.socket:
        return _wrong(f"containerd listens at {address}, and the agent looks for it at {ours.socket}")
    return well(name, "agree with the agent's")


def _wrong(said: str) -> Finding:
    fix = "master join NAME (on the master): it writes the runtime's settings anew"
    return trouble("containerd-settings", said, fix, breaks="pods do not start", evidence=CONFIG)


def metadata(look: Looker) -> Finding:
    """Power cuts leave the database short or empty; containerd then does not start, or hangs."""
    name = "containerd-metadata"
    head, size = look.head(META, bolt.HEAD)
    problem = bolt.problem(head, size)
    if not problem:
        return well(name, "sound")
    program = control(look)
    return trouble(
        name,
        f"containerd's metadata {problem}",
        f"{program} stop {SERVICE}; mv {META} {META}.broken && {program} start {SERVICE}",
        breaks="containerd does not start; once it is moved away, containers and images are made anew",
        evidence=f"{META}: {size} bytes",
    )


def images(look: Looker) -> list[Image]:
    return parse_images(look.run(ctr(look, "--namespace", "k8s.io", "images", "list"), seconds=2.5))


@dataclass(frozen=True, slots=True)
class Image:
    name: str
    platforms: tuple[str, ...]


def parse_images(text: str) -> list[Image]:
    """`ctr images list`'s table; names that are only digests repeat others."""
    found = []
    for line in text.splitlines()[1:]:
        words = line.split()
        if len(words) < 5 or words[0].startswith("sha256:"):
            continue
        platforms = next((word for word in words[3:] if "/" in word and not word.startswith("io.")), "")
        found.append(Image(words[0], tuple(platforms.split(",")) if platforms else ()))
    return found


def pause_image(look: Looker) -> Finding:
    """The image that every pod begins with; no registry has it."""
    name, wanted = "pause-image", settings(look).pause_image
    if any(image.name == wanted for image in images(look)):
        return well(name, "there")
    return trouble(
        name,
        f"{wanted} is not on this node, and no registry has it",
        "master image build pause -o pause.tar && master image load pause.tar (on the master)",
        breaks="no pod can be started",
        evidence=f"ctr images list: {wanted} is not in it",
    )


def image_platform(look: Looker) -> Finding:
    """An image of another architecture: by its own words, or by what its program ended with."""
    name, own = "image-platform", f"linux/{architecture(look.run(('uname', '-m')).strip())}"
    family = "linux/arm" if own.startswith("linux/arm") else own
    wrong = [image for image in images(look) if image.platforms and not _suits(image.platforms, own, family)]
    if wrong:
        image = wrong[0]
        return trouble(
            name,
            f"{', '.join(one.name for one in wrong)} is for {', '.join(image.platforms)}, this node is {own}",
            f"ctr --address {settings(look).socket} --namespace k8s.io images remove {' '.join(i.name for i in wrong)}",
            breaks=f"its containers end at once with `{WRONG_FORMAT}`; build or pull it for {own}",
            evidence=f"ctr images list: {image.name} {','.join(image.platforms)}",
        )
    logs = look.run(POD_LOGS).split()
    if logs:
        pod = "/".join(logs[0].removeprefix("/var/log/pods/").split("_")[:2])
        return trouble(
            name,
            f"a program in pod {pod} is for another architecture than {own}",
            f"kubectl -n {pod.partition('/')[0]} describe pod {pod.partition('/')[2]}; then build its image for {own}",
            breaks="its container ends at once, again and again",
            evidence=f"{logs[0]}: {WRONG_FORMAT}",
        )
    return well(name, f"all images are for {own}")


def _suits(platforms: tuple[str, ...], own: str, family: str) -> bool:
    return any(one == own or one.startswith((own + "/", family)) for one in platforms)
