"""Admission as the real server answered it: every recorded request, in order, with the refusals in its words."""

import json

import pytest

from master.controllers.quotas import used

LEVELS = {"psb": "baseline", "psr": "restricted"}


@pytest.fixture
async def prepared(api):
    for name in ("lim", "quo", "psb", "psr"):
        labels = {"pod-security.kubernetes.io/enforce": LEVELS[name]} if name in LEVELS else {}
        meta = {"name": name, "labels": labels}
        await api.create("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": meta})
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}
        await api.create(f"/api/v1/namespaces/{name}/serviceaccounts", account)
    return api


async def count_quota(api):
    """What the controller writes once the quota is made."""
    path = "/api/v1/namespaces/quo/resourcequotas/q"
    quota = (await api.ask("GET", path))[1]
    counted = {name: str(amount) for name, amount in used(quota, []).items()}
    status = {"status": {"hard": quota["spec"]["hard"], "used": counted}}
    headers = {"User-Agent": "kube-controller-manager"}
    await api.ask("PATCH", f"{path}/status", status, "application/merge-patch+json", headers=headers)


async def dead_webhook(api):
    client = {"url": "https://127.0.0.1:9/x"}
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}
    hook = {"name": "dead.example.com", "clientConfig": client, "rules": [rule], "sideEffects": "None"}
    hook |= {"admissionReviewVersions": ["v1"], "timeoutSeconds": 2}
    body = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration"}
    path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
    await api.create(path, body | {"metadata": {"name": "dead"}, "webhooks": [hook]})


UNRECORDED = {"quota no request": count_quota, "dead webhook answer": dead_webhook}


def said(answer):
    """A refusal's words, but for those of a socket."""
    return str(answer.get("message", "")).partition("?timeout=2s")[0]


async def test_admission(prepared, recording, agrees, capsys):
    found = {}
    rows = recording("admission")
    for row in rows:
        for cause in (row["answer"].get("details") or {}).get("causes") or []:
            cause.setdefault("reason", "")
        if row["name"] in UNRECORDED:
            await UNRECORDED[row["name"]](prepared)
        status, answer, headers = await prepared.ask(row["method"], row["path"], row.get("body"), row.get("type", ""))
        for cause in (answer.get("details") or {}).get("causes") or []:
            cause.setdefault("reason", "")
        trouble = agrees(row, status, answer, headers)
        if not trouble and said(answer) != said(row["answer"]):
            trouble = f"says {said(answer)!r}, expected {said(row['answer'])!r}"
        if trouble:
            found[row["name"]] = trouble
    with capsys.disabled():
        print(f"\nadmission: {len(rows) - len(found)} of {len(rows)} recorded answers agree, words included")
    assert not found, json.dumps(found, indent=1)
