"""Is the image there, may it be pulled, and what to say when not.

Pull policies: Never, IfNotPresent, Always; without one, Always for `:latest` or no tag, IfNotPresent otherwise.
Reasons and their order (ErrImagePull, then ImagePullBackOff with a delay of 10 s that doubles to 300 s) are upstream's.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from agent.pods.observed import Trouble
from agent.pods.restarts import BackOff, after
from agent.runtime.contract import Runtime, RuntimeFailure
from agent.runtime.words import Image, Login
from kube.images import DOCKER_HUB, full_name, path_of, registry

log = logging.getLogger(__name__)

PARALLEL = 4
RECHECK = 10.0
DOMAIN = r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*(?::[0-9]+)?/)?"
PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
NAME = re.compile(
    rf"{DOMAIN}{PART}(?:/{PART})*(?::(?P<tag>\w[\w.-]{{0,127}}))?(?P<digest>@[A-Za-z0-9+._-]+:[0-9a-fA-F]{{32,}})?"
)


class ImageTrouble(Exception):
    """The image cannot be used now; `events` are (type, reason, message) of what to record."""

    def __init__(self, trouble: Trouble, events: Iterable[tuple[str, str, str]] = ()) -> None:
        super().__init__(trouble.message)
        self.trouble = trouble
        self.events = tuple(events)


@dataclass(frozen=True, slots=True)
class Found:
    image: Image
    said: str
    """What the Pulled event tells."""


class Images:
    """One for the node: pulls of the same image wait for one another, and few run at once."""

    def __init__(self, runtime: Runtime, clock: Callable[[], float]) -> None:
        self._runtime = runtime
        self._clock = clock
        self._gate = asyncio.Semaphore(PARALLEL)
        self._backoffs: dict[str, tuple[BackOff, str]] = {}

    async def ensure(
        self, container: Mapping[str, Any], logins: Mapping[str, Login], pulling: Callable[[str], None]
    ) -> Found:
        """The image of `container`, pulled where its policy says; ImageTrouble otherwise.  `pulling` hears of a pull."""
        name = container["image"]
        problem = invalid_name(name)
        if problem:
            said = f'Failed to apply default image tag "{name}": couldn\'t parse image name "{name}": {problem}'
            raise self._trouble("InvalidImageName", said, "InspectFailed")
        present = await self._runtime.image_status(name)
        rule = pull_policy(container)
        if present is not None and rule != "Always":
            said = f'Container image "{name}" already present on machine and can be accessed by the pod'
            return Found(present, said)
        if rule == "Never":
            said = f'Container image "{name}" is not present with pull policy of Never'
            raise self._trouble("ErrImageNeverPull", said, "ErrImageNeverPull")
        return await self._pull(name, logins, pulling)

    async def _pull(self, name: str, logins: Mapping[str, Login], pulling: Callable[[str], None]) -> Found:
        held = self._backoffs.get(name)
        if held and self._clock() < held[0].due(held[0].since):
            said = f'Back-off pulling image "{name}": {held[1]}'
            trouble = Trouble("ImagePullBackOff", said, held[0].due(held[0].since))
            events = [("Normal", "BackOff", f'Back-off pulling image "{name}"')]
            raise ImageTrouble(trouble, [*events, ("Warning", "Failed", "Error: ImagePullBackOff")])
        asked = self._clock()
        pulling(f'Pulling image "{name}"')
        async with self._gate:
            started = self._clock()
            try:
                await self._runtime.pull_image(name, logins.get(registry(name)))
                image = await self._runtime.image_status(name)
            except RuntimeFailure as failure:
                raise self._pull_failed(name, failure) from failure
        if image is None:
            raise self._pull_failed(name, RuntimeFailure("NOT_FOUND", "the runtime lost it again"))
        self._backoffs.pop(name, None)
        now = self._clock()
        took = f"{now - started:.3f}s ({now - asked:.3f}s including waiting)"
        return Found(image, f'Successfully pulled image "{name}" in {took}. Image size: {image.size} bytes.')

    def _pull_failed(self, name: str, failure: RuntimeFailure) -> ImageTrouble:
        now = self._clock()
        held = self._backoffs.get(name)
        backoff = after(held[0] if held else None, now)
        said = f'failed to pull image "{name}": {failure}'
        self._backoffs[name] = (backoff, f"ErrImagePull: {said}")
        trouble = Trouble("ErrImagePull", said, now + 1)
        events = [("Warning", "Failed", f'Failed to pull image "{name}": {failure}')]
        return ImageTrouble(trouble, [*events, ("Warning", "Failed", "Error: ErrImagePull")])

    def _trouble(self, reason: str, said: str, event: str) -> ImageTrouble:
        trouble = Trouble(reason, said, self._clock() + RECHECK)
        return ImageTrouble(trouble, [("Warning", event, said), ("Warning", "Failed", f"Error: {reason}")])


def pull_policy(container: Mapping[str, Any]) -> str:
    told = container.get("imagePullPolicy")
    if told:
        return str(told)
    match = NAME.fullmatch(container["image"])
    unpinned = match is not None and not match["digest"] and match["tag"] in {None, "latest"}
    return "Always" if unpinned else "IfNotPresent"


def invalid_name(name: str) -> str:
    """Why `name` is no image's, in the words of the reference format; empty when it is one."""
    if NAME.fullmatch(name):
        return ""
    path = path_of(name).partition("@")[0].partition(":")[0]
    if path != path.lower():
        return f"invalid reference format: repository name ({path}) must be lowercase"
    return "invalid reference format"


def images_of(pod: Mapping[str, Any]) -> list[str]:
    """The images that a pod's spec names, as the runtime lists them."""
    lists = (pod["spec"].get(of) or () for of in ("initContainers", "containers", "ephemeralContainers"))
    return [full_name(container["image"]) for containers in lists for container in containers if "image" in container]


def logins(secrets: Iterable[Mapping[str, Any] | None]) -> dict[str, Login]:
    """Registry → credentials, out of pull secrets of both types; one that is malformed counts as absent.  Pure."""
    found: dict[str, Login] = {}
    for secret in secrets:
        data = (secret or {}).get("data") or {}
        for key in (".dockerconfigjson", ".dockercfg"):
            if key not in data:
                continue
            try:
                config = orjson.loads(base64.b64decode(data[key]))
            except (binascii.Error, orjson.JSONDecodeError) as error:
                log.warning("pull secret malformed key=%s error=%s", key, error)
                continue
            entries = config.get("auths") or {} if key == ".dockerconfigjson" else config
            found |= {_host(server): _login(server, entry) for server, entry in entries.items()}
    return found


def _host(server: str) -> str:
    host = server.removeprefix("https://").removeprefix("http://").partition("/")[0]
    return DOCKER_HUB if host in {"index.docker.io", "registry-1.docker.io"} else host


def _login(server: str, entry: Mapping[str, Any]) -> Login:
    return Login(
        username=entry.get("username") or "",
        password=entry.get("password") or "",
        auth=entry.get("auth") or "",
        server=server,
        identity_token=entry.get("identitytoken") or "",
    )
