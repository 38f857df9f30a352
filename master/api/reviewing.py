"""What is answered and not stored: who is this, may they, and a service account's new token."""

from __future__ import annotations

from aiohttp import web

from kube import apply, times
from kube.decoding import TOKEN_REQUEST
from master.api.admission import admit
from master.api.authn import Authentication, self_subject_review
from master.api.authn.issuing import TokenIssuer
from master.api.authz import Authorization
from master.api.authz.reviews import (
    self_subject_access_review,
    self_subject_rules_review,
    subject_access_review,
)
from master.api.calls import Call
from master.api.contract import Attributes, Object, UserInfo
from master.api.handling import Creator
from master.api.rows import SERVICE_ACCOUNT
from master.api.verbs import Rooms, Verb

AUTHENTICATION, AUTHORIZATION = "authentication.k8s.io", "authorization.k8s.io"


def creators(authentication: Authentication, authorization: Authorization) -> dict[tuple[str, str], Creator]:
    """(group, plural) → what completes such an object."""

    async def token(_user: UserInfo, _namespace: str, review: Object) -> Object:
        return await authentication.reviews.review(review)

    async def own(user: UserInfo, _namespace: str, _review: Object) -> Object:
        return self_subject_review(user)

    async def access(_user: UserInfo, _namespace: str, review: Object) -> Object:
        return subject_access_review(authorization, review)

    async def local_access(_user: UserInfo, namespace: str, review: Object) -> Object:
        return subject_access_review(authorization, review, namespace)

    async def own_access(user: UserInfo, _namespace: str, review: Object) -> Object:
        return self_subject_access_review(authorization, review, user)

    async def own_rules(user: UserInfo, _namespace: str, review: Object) -> Object:
        return self_subject_rules_review(authorization.rbac, review, user)

    return {
        (AUTHENTICATION, "tokenreviews"): token,
        (AUTHENTICATION, "selfsubjectreviews"): own,
        (AUTHORIZATION, "subjectaccessreviews"): access,
        (AUTHORIZATION, "localsubjectaccessreviews"): local_access,
        (AUTHORIZATION, "selfsubjectaccessreviews"): own_access,
        (AUTHORIZATION, "selfsubjectrulesreviews"): own_rules,
    }


def token_ways(issuer: TokenIssuer) -> dict[tuple[str, str, str], Verb]:
    async def token(rooms: Rooms, call: Call) -> web.StreamResponse:
        writing = call.writing()
        request = await call.object(TOKEN_REQUEST, writing)
        apply.track_update(TOKEN_REQUEST, None, request, writing.manager, "token", times.now())
        await admit(rooms.registry.admission, _issue(call, request))
        return call.shown(await issuer.token_request(call.namespace, call.info.name, request), 201)

    return {("", "serviceaccounts", "token"): token}


def _issue(call: Call, request: Object) -> Attributes:
    """The token's making as admission sees it: what a node asks for has to be for one of its pods."""
    attributes = Attributes(
        "CREATE", SERVICE_ACCOUNT, "token", call.namespace, call.info.name, request, None, call.user, warn=call.warn
    )
    attributes.body = TOKEN_REQUEST
    return attributes
