"""Impersonation: a caller who may, acts as another (`Impersonate-User`, `-Group`, `-Uid`, `-Extra-KEY`)."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import unquote

from kube.errors import bad_request
from master.api.authn.service_accounts import groups_of
from master.api.authn.union import ANONYMOUS, UNAUTHENTICATED, with_authenticated
from master.api.authz.messages import forbidden
from master.api.contract import Authorizer, RequestInfo, UserInfo

USER, GROUP, UID, EXTRA = "impersonate-user", "impersonate-group", "impersonate-uid", "impersonate-extra-"
AUTHENTICATION = "authentication.k8s.io"
ACCOUNT_PREFIX = "system:serviceaccount:"


def impersonate(user: UserInfo, headers: Iterable[tuple[str, str]], authorizer: Authorizer) -> UserInfo:
    """Whom the request acts as; `user` itself without such headers.  403 where `user` may not."""
    wanted = [(name.lower(), value) for name, value in headers if name[:12].lower() == "impersonate-"]
    if not wanted:
        return user
    names = [value for name, value in wanted if name == USER]
    if not names:
        raise bad_request("requested impersonation of groups, a uid or extra without impersonating a user")
    target = _target(names[0], wanted)
    for request in _asked(target, wanted):
        decision = authorizer.authorize(user, request)
        if not decision.allowed:
            raise forbidden(user, request, decision.reason)
    return target


def _target(name: str, wanted: list[tuple[str, str]]) -> UserInfo:
    groups = tuple(value for key, value in wanted if key == GROUP)
    uid = next((value for key, value in wanted if key == UID), "")
    extra: dict[str, tuple[str, ...]] = {}
    for key, value in wanted:
        if key.startswith(EXTRA):
            field = unquote(key.removeprefix(EXTRA))
            extra[field] = (*extra.get(field, ()), value)
    account = _account(name)
    if account and not groups:
        groups = groups_of(account[0])
    if name == ANONYMOUS.name:
        return UserInfo(name, groups if UNAUTHENTICATED in groups else (*groups, UNAUTHENTICATED), uid, extra)
    return with_authenticated(UserInfo(name, groups, uid, extra))


def _asked(target: UserInfo, wanted: list[tuple[str, str]]) -> Iterable[RequestInfo]:
    """One question to authorization for each thing that is put on."""
    account = _account(target.name)
    if account:
        yield _question("serviceaccounts", account[1], namespace=account[0])
    else:
        yield _question("users", target.name)
    for key, value in wanted:
        if key == GROUP:
            yield _question("groups", value)
        elif key == UID:
            yield _question("uids", value, AUTHENTICATION)
        elif key.startswith(EXTRA):
            yield _question("userextras", value, AUTHENTICATION, subresource=unquote(key.removeprefix(EXTRA)))


def _question(resource: str, name: str, group: str = "", namespace: str = "", subresource: str = "") -> RequestInfo:
    return RequestInfo("impersonate", "", True, group, "v1", resource, subresource, namespace, name)


def _account(name: str) -> tuple[str, str] | None:
    parts = name.removeprefix(ACCOUNT_PREFIX).split(":")
    return (parts[0], parts[1]) if name.startswith(ACCOUNT_PREFIX) and len(parts) == 2 else None
