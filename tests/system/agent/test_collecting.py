"""Images leave the disk of a real containerd while their registry answers, and stay once it is away."""

import io
import json
import tarfile
from dataclasses import replace

import pytest
from aiohttp import web

from agent.node.collecting import Collector, Rule
from agent.node.thresholds import Level
from provisioning.images.archives import Entry, build_archive
from provisioning.images.catalogue import images

FULL = Level(1, 100)
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


class Registry:
    """The two reads of a registry over one image."""

    def __init__(self):
        (pause,) = (image for image in images() if "pause" in image.name)
        archive = build_archive([replace(pause, name="spare:1", layers=({"etc/spare": Entry(0o644, b"spare\n")},))])
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            files = {m.name: tar.extractfile(m).read() for m in tar.getmembers() if m.isfile()}
        self.blobs = {name.removeprefix("blobs/sha256/"): content for name, content in files.items()}
        self.digest = json.loads(files["index.json"])["manifests"][0]["digest"]

    async def start(self):
        app = web.Application()
        app.router.add_get("/v2/spare/manifests/{name}", self.manifest)
        app.router.add_get("/v2/spare/blobs/{name}", self.blob)
        self.runner = web.AppRunner(app)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        return f"127.0.0.1:{self.runner.addresses[0][1]}/spare:1"

    async def manifest(self, request):
        body = self.blobs[self.digest.removeprefix("sha256:")]
        return web.Response(body=body, content_type=MANIFEST, headers={"Docker-Content-Digest": self.digest})

    async def blob(self, request):
        return web.Response(body=self.blobs[request.match_info["name"].removeprefix("sha256:")])


@pytest.fixture
async def registry():
    registry = Registry()
    yield registry
    await registry.runner.cleanup()


async def test_an_image_goes_while_its_registry_answers_and_stays_when_it_is_away(runtime, registry):
    name = await registry.start()
    before = {image.id for image in await runtime.list_images()}
    collector = Collector(runtime, Rule(), lambda: FULL, list, lambda *_words: None)
    await runtime.pull_image(name)
    await collector.reclaim()
    assert await runtime.image_status(name) is None
    assert {image.id for image in await runtime.list_images()} == before  # what an archive brought is all there
    await runtime.pull_image(name)
    await registry.runner.cleanup()
    await collector.reclaim()
    assert await runtime.image_status(name) is not None
    await runtime.remove_image(name)
