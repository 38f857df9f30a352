"""Secrets of the type kubernetes.io/service-account-token: filled with a token of their account, gone with the account.

The token is bound to its Secret and lasts 136 years, the longest there is: it ends when the Secret is deleted, as those of
old do.
"""

from __future__ import annotations

import base64

from kube.errors import ApiError
from kube.informers import Index, Informer
from master.controllers.context import Context
from master.controllers.loop import Loop
from master.controllers.objects import Key, Object, is_deleting, key_of, kind
from master.controllers.serviceaccounts import SERVICE_ACCOUNT

SECRET = kind("v1", "Secret")
TYPE = "kubernetes.io/service-account-token"
ACCOUNT_NAME, ACCOUNT_UID = "kubernetes.io/service-account.name", "kubernetes.io/service-account.uid"
LONGEST = 2**32


def build(context: Context) -> Loop:
    return AccountTokens(context).loop


def account_of(secret: Object) -> Key:
    meta = secret["metadata"]
    return meta["namespace"], (meta.get("annotations") or {}).get(ACCOUNT_NAME, "")


def is_of(secret: Object, account: Object) -> bool:
    """Whether the Secret is this very account's, and not that of one of the same name before it."""
    told = (secret["metadata"].get("annotations") or {}).get(ACCOUNT_UID)
    return told in (None, "", account["metadata"]["uid"])


def missing(secret: Object, authority: str) -> dict[str, str]:
    """What is to be filled in, but for the token itself."""
    given = {"ca.crt": authority, "namespace": secret["metadata"]["namespace"]}
    encoded = {name: base64.b64encode(value.encode()).decode() for name, value in given.items()}
    return {name: value for name, value in encoded.items() if (secret.get("data") or {}).get(name) != value}


class AccountTokens:
    def __init__(self, context: Context) -> None:
        self._client, self._authority = context.client, context.root_ca
        self._secrets = context.also(Informer(context.client, SECRET, fields=f"type={TYPE}"))
        self._accounts = context.metadata(SERVICE_ACCOUNT)
        self._by_account = Index(self._secrets, lambda secret: [account_of(secret)])
        self.loop = Loop("tokens-controller", self.reconcile, lambda: list(self._secrets.store), workers=1)
        self._secrets.on_change(lambda _event, old, new: self.loop.add(key_of(new or old)))
        self._accounts.on_change(self._account_changed)

    async def reconcile(self, key: Key) -> None:
        secret = self._secrets.store.get(key)
        if secret is None or is_deleting(secret):
            return
        account = await self._account(account_of(secret))
        if account is None or not is_of(secret, account):
            await self._client.delete(SECRET, *key, uid=secret["metadata"]["uid"])
            return
        data = missing(secret, self._authority)
        if not (secret.get("data") or {}).get("token"):
            data["token"] = await self._token(secret, account)
        told = (secret["metadata"].get("annotations") or {}).get(ACCOUNT_UID)
        if data or not told:
            version = secret["metadata"]["resourceVersion"]
            meta = {"resourceVersion": version, "annotations": {ACCOUNT_UID: account["metadata"]["uid"]}}
            await self._client.patch(SECRET, *key, {"metadata": meta, "data": data})

    async def _account(self, key: Key) -> Object | None:
        """The API is asked before an account is taken for gone."""
        known = self._accounts.store.get(key)
        if known is not None or not key[1]:
            return known
        try:
            return await self._client.get(SERVICE_ACCOUNT, *key)
        except ApiError as error:
            if error.status != 404:
                raise
            return None

    async def _token(self, secret: Object, account: Object) -> str:
        meta, named = secret["metadata"], account["metadata"]
        bound = {"kind": SECRET.kind, "apiVersion": "v1", "name": meta["name"], "uid": meta["uid"]}
        spec = {"audiences": [], "expirationSeconds": LONGEST, "boundObjectRef": bound}
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        answer = await self._client.create(SERVICE_ACCOUNT, named["namespace"], request, "token", named["name"])
        return base64.b64encode(answer["status"]["token"].encode()).decode()

    def _account_changed(self, _event: str, old: Object | None, new: Object | None) -> None:
        for account in filter(None, (new or old,)):
            for secret in self._by_account.get(key_of(account)):
                self.loop.add(key_of(secret))
