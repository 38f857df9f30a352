"""The chain every request goes through: who, may they, what, and the answer; every refusal leaves as a Status.

How it works: one handler for all of HTTP, with its own routing by splitting the path.  A path outside the resources
(discovery, health, OpenAPI) is looked up in a table of documents by its longest prefix.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import orjson
from aiohttp import web

from kube import apply, times
from kube.errors import ApiError, unauthorized
from master.api import views
from master.api.aggregation.delegates import Delegates
from master.api.authn.bearer import token_of
from master.api.authn.impersonation import impersonate
from master.api.authn.union import ANONYMOUS, anonymous
from master.api.authz.messages import forbidden
from master.api.calls import Call, respond, wants_pretty
from master.api.connections import Connection
from master.api.contract import Authenticator, Authorizer, Credentials, Object, UserInfo
from master.api.flow.turns import Turns
from master.api.media import YAML, accepted, accepted_or_json, not_acceptable
from master.api.routing import NO_QUERY, FindKind, Query, Route, as_watch, check_served, parse_query, route
from master.api.subresources import SUBRESOURCES
from master.api.verbs import VERBS, Rooms, Verb
from master.api.versions import version_of

log = logging.getLogger(__name__)

Document = Callable[[web.BaseRequest, Query], Awaitable[web.StreamResponse]]
Creator = Callable[[UserInfo, str, Object], Awaitable[Object]]
"""(caller, namespace, object) → the completed object: the kinds that are answered and not stored, such as reviews."""


def _unobserved(_asked: Route, _status: int, _seconds: float) -> None:
    """Nobody counts."""


@dataclass(slots=True)
class Api:
    """Everything the handler needs; put together in `building`."""

    rooms: Rooms
    find: FindKind
    authenticator: Authenticator
    authorizer: Authorizer
    documents: dict[str, Document] = field(default_factory=dict)
    public: dict[str, Document] = field(default_factory=dict)
    """Path → what everybody may read, without being asked who they are."""
    creators: dict[tuple[str, str], Creator] = field(default_factory=dict)
    ways: dict[tuple[str, str, str], Verb] = field(default_factory=lambda: dict(SUBRESOURCES))
    delegates: Delegates | None = None
    turns: Turns | None = None
    observe: Callable[[Route, int, float], None] = _unobserved

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        began = time.perf_counter()
        path, _, text = request.raw_path.partition("?")
        query = parse_query(text) if text else NO_QUERY
        if "/watch/" in path and request.method == "GET":
            path, query = as_watch(path, query)
        asked = route(request.method, path, query, self.find)
        response = await self._answered(request, asked, query)
        self.observe(asked, response.status, time.perf_counter() - began)
        return response

    async def _answered(self, request: web.BaseRequest, asked: Route, query: Query) -> web.StreamResponse:
        try:
            return await self._answer(request, asked, query)
        except ApiError as error:
            return refuse(request, error)
        except web.HTTPException as error:
            return refuse(request, ApiError(error.status, "BadRequest", error.reason))
        except ConnectionError:
            raise
        except Exception:
            log.exception("request failed method=%s path=%s", request.method, request.path)
            if request.writer.output_size:
                raise ConnectionError("the answer had begun") from None
            return refuse(request, ApiError(500, "InternalError", "Internal error occurred; the server's log has it"))

    async def _answer(self, request: web.BaseRequest, asked: Route, query: Query) -> web.StreamResponse:
        public = self.public.get(asked.info.path)
        if public is not None and asked.info.verb in ("get", "head"):
            return await public(request, query)
        user = await self._user(request, asked)
        if self.turns is not None:
            waiting = self.turns.enter(user, asked.info)
            if waiting is not None:
                await waiting
        self._authorize(user, asked)
        if asked.kind is None and self.delegates is not None:
            delegate = self.delegates.find(asked.info)
            if delegate is not None:
                return await delegate.serve(request, asked, query, user)
        if not asked.info.is_resource:
            return await self._document(request, asked.info.path, query)
        version = version_of(check_served(asked))
        form = accepted(request.headers.get("Accept", ""), wants_pretty(query))
        call = Call(request, asked, version, query, user, form)
        if version.kind.custom is not None and version.kind.custom.deprecation:
            call.warn(version.kind.custom.deprecation)
        return await self._resource(call)

    # Who, and may they

    async def _user(self, request: web.BaseRequest, asked: Route) -> UserInfo:
        user = await self.authenticator.authenticate(credentials(request))
        if user is None:
            user = anonymous(asked.info.path)
        if user is None:
            raise unauthorized()
        return impersonate(user, request.headers.items(), self.authorizer)

    def _authorize(self, user: UserInfo, asked: Route) -> None:
        decision = self.authorizer.authorize(user, asked.info)
        if not decision.allowed:
            raise unauthorized() if user is ANONYMOUS else forbidden(user, asked.info, decision.reason)

    # What

    async def _resource(self, call: Call) -> web.StreamResponse:
        info, kind = call.info, call.kind
        own = self.ways.get((kind.group, kind.plural, info.subresource))
        if own is not None:
            return await own(self.rooms, call)
        if info.subresource:
            return await (self.ways.get(("", "*", info.subresource)) or _as_part(call))(self.rooms, call)
        creator = self.creators.get((kind.group, kind.plural))
        if creator is not None:
            return await self._create_unstored(call, creator)
        if not kind.stored:
            raise _not_served(kind.qualified)
        return await VERBS[info.verb](self.rooms, call)

    async def _create_unstored(self, call: Call, creator: Creator) -> web.StreamResponse:
        if call.form.view:
            raise not_acceptable()  # what is not stored has no metadata, and so no row
        writing = call.writing()
        obj = await call.object(call.kind, writing)
        obj["kind"], obj["apiVersion"] = call.kind.kind, call.kind.api_version
        apply.track_update(call.kind, None, obj, writing.manager, "", times.now())
        return call.shown(await creator(call.user, call.namespace, obj), 201)

    async def _document(self, request: web.BaseRequest, path: str, query: Query) -> web.StreamResponse:
        found = self.documents.get(path) or self.documents.get(path.rstrip("/"))
        prefix = path
        while found is None and "/" in prefix.rstrip("/"):
            prefix = prefix.rstrip("/").rpartition("/")[0] + "/"
            found = self.documents.get(prefix + "*")
        if found is None:
            return not_found_page(path)
        if request.method not in ("GET", "HEAD"):
            raise ApiError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
        return await found(request, query)


def _as_part(call: Call) -> Verb:
    """The verb of a subresource that is a part of its object; what answers with another kind is refused."""
    subresource = call.route.subresource
    if subresource is None or subresource.kind or call.info.verb not in ("get", "update", "patch"):
        raise _not_served(f"{call.kind.qualified}/{call.info.subresource}")
    return VERBS[call.info.verb]


def _not_served(what: str) -> ApiError:
    return ApiError(501, "NotImplemented", f"{what} is not served")


def credentials(request: web.BaseRequest) -> Credentials:
    """What the connection and the request show of the caller."""
    connection = request.protocol
    certificate, remote = (
        (connection.certificate, connection.remote) if isinstance(connection, Connection) else (None, "")
    )
    return Credentials(certificate, token_of(request.headers), remote)


def refuse(request: web.BaseRequest, error: ApiError) -> web.Response:
    """The Status of a refusal, in a form the client can read."""
    form = accepted_or_json(request.headers.get("Accept", ""))
    status = error.to_status()
    body = views.encode(status, form) if form.format == YAML else orjson.dumps(status)
    response = respond(body, error.status, form.format)
    retry = error.details.get("retryAfterSeconds")
    if retry:
        response.headers["Retry-After"] = str(retry)
    if error.status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="wherry"'
    return response


def not_found_page(path: str) -> web.Response:
    if path.startswith(("/api/", "/apis/")):
        raise ApiError(404, "NotFound", "the server could not find the requested resource")
    return respond(b"404 page not found\n", 404, "text/plain; charset=utf-8")
