"""Defaults of what extends the API itself: definitions, aggregated services, webhooks and policies, flow control."""

from __future__ import annotations

from typing import Any

from master.api.defaults.filling import if_empty, if_missing, within

Object = dict[str, Any]


def definition(obj: Object) -> None:
    spec = within(obj, "spec")
    names = within(spec, "names")
    if kind := names.get("kind"):
        if_empty(names, singular=kind.lower(), listKind=f"{kind}List")
    if_empty(within(spec, "conversion"), strategy="None")
    webhook = (spec["conversion"].get("webhook") or {}).get("clientConfig") or {}
    if webhook.get("service") is not None:
        if_missing(webhook["service"], port=443)
    _definition_status(obj, spec)


def _definition_status(obj: Object, spec: Object) -> None:
    """The version that is stored is among those that were ever stored."""
    status = within(obj, "status")
    status.setdefault("conditions", None)
    if_missing(within(status, "acceptedNames"), plural="", kind="")
    if not status.get("storedVersions"):
        stored = [version.get("name") or "" for version in spec.get("versions") or () if version.get("storage")]
        status["storedVersions"] = stored[:1] or None


def api_service(obj: Object) -> None:
    service = within(obj, "spec").get("service")
    if service is not None:
        if_missing(service, port=443)
    within(obj, "status")


# Admission


def webhooks(obj: Object) -> None:
    mutating = obj.get("kind") == "MutatingWebhookConfiguration"
    for webhook in obj.get("webhooks") or ():
        service = within(webhook, "clientConfig").get("service")
        if service is not None:
            if_missing(service, port=443)
        _matching(webhook)
        if_missing(webhook, failurePolicy="Fail", timeoutSeconds=10)
        if mutating:
            if_missing(webhook, reinvocationPolicy="Never")
        _scopes(webhook, "rules")


def _matching(obj: Object) -> None:
    if_missing(obj, matchPolicy="Equivalent", namespaceSelector={}, objectSelector={})


def _scopes(obj: Object, *names: str) -> None:
    for name in names:
        for rule in obj.get(name) or ():
            if_missing(rule, scope="*")


def _constraints(found: Object | None) -> None:
    if found is not None:
        _matching(found)
        _scopes(found, "resourceRules", "excludeResourceRules")


def policy(obj: Object) -> None:
    spec = within(obj, "spec")
    if_missing(spec, failurePolicy="Fail")
    _constraints(spec.get("matchConstraints"))
    within(obj, "status")


def mutating_policy(obj: Object) -> None:
    spec = within(obj, "spec")
    if_missing(spec, failurePolicy="Fail")
    _constraints(spec.get("matchConstraints"))


def policy_binding(obj: Object) -> None:
    _constraints(within(obj, "spec").get("matchResources"))


# Flow control


def flow_schema(obj: Object) -> None:
    spec = within(obj, "spec")
    if_empty(spec, matchingPrecedence=1000)
    within(obj, "status")


def priority_level(obj: Object) -> None:
    spec = within(obj, "spec")
    if (exempt := spec.get("exempt")) is not None:
        if_missing(exempt, nominalConcurrencyShares=0, lendablePercent=0)
    if (limited := spec.get("limited")) is not None:
        if_missing(limited, nominalConcurrencyShares=30, lendablePercent=0)
        response = within(limited, "limitResponse")
        if response.get("type") == "Queue":
            if_empty(within(response, "queuing"), queues=64, handSize=8, queueLengthLimit=50)
    within(obj, "status")
