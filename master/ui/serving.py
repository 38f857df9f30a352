"""Serves the page's files to everybody: they hold nothing of the cluster.

A browser runs only what comes from here (Content-Security-Policy), shows the page in no frame of others', and asks each
time whether a file has changed.
"""

from __future__ import annotations

import hashlib
from importlib import resources
from pathlib import PurePosixPath

from aiohttp import web

from master.api.calls import respond
from master.api.handling import Document
from master.api.routing import Query

ROOT = "/ui"
MEDIA = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


def documents() -> dict[str, Document]:
    """Path → what answers it."""
    folder = resources.files("master.ui") / "files"
    found = {f"{ROOT}/{file.name}": _file(file.name, file.read_bytes()) for file in folder.iterdir()}
    return found | {f"{ROOT}/": found[f"{ROOT}/index.html"], ROOT: _moved}


def _file(name: str, content: bytes) -> Document:
    media = MEDIA[PurePosixPath(name).suffix]
    tag = f'"{hashlib.sha256(content).hexdigest()[:20]}"'

    async def serve(request: web.BaseRequest, _query: Query) -> web.StreamResponse:
        known = request.headers.get("If-None-Match") == tag
        response = respond(b"" if known else content, 304 if known else 200, media)
        response.headers.update(HEADERS | {"ETag": tag})
        return response

    return serve


async def _moved(_request: web.BaseRequest, _query: Query) -> web.StreamResponse:
    response = respond(b"", 301, "text/plain; charset=utf-8")
    response.headers["Location"] = f"{ROOT}/"
    return response
