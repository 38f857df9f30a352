"""Admission from outside and by expression: webhooks, admission policies and their bindings."""

from __future__ import annotations

from urllib.parse import urlsplit

from kube import names
from master.api.validation.labels import selector
from master.api.validation.problems import ROOT, Path, Problems
from master.api.validation.rules import (
    Object,
    between,
    check,
    each,
    one_of,
    pointer,
    pointer_of,
    port_number,
    present,
    required,
)

SPEC = ROOT / "spec"
FAILURE = ("Fail", "Ignore")
MATCHING = ("Equivalent", "Exact")
OPERATIONS = ("*", "CONNECT", "CREATE", "DELETE", "UPDATE")
SCOPES = ("*", "Cluster", "Namespaced")
SIDE_EFFECTS = ("None", "NoneOnDryRun")
REVIEW_VERSIONS = ("v1", "v1beta1")
ONE_TARGET = "exactly one of url or service is required"
URL_FORM = "; desired format: https://host[/path]"


# Where to call


def check_client(client: Object, at: Path, out: Problems) -> None:
    url, service = client.get("url"), client.get("service")
    if url is not None and service is None:
        check_url(url, at / "url", out)
    elif service is not None and url is None:
        check(SERVICE, service, at / "service", out)
    else:
        out.required(at, ONE_TARGET)


def check_url(url: str, at: Path, out: Problems) -> None:
    try:
        parts = urlsplit(url)
    except ValueError as error:
        out.required(at, f"url must be a valid URL: {error}{URL_FORM}")
        return
    if parts.scheme != "https":
        out.invalid(at, parts.scheme, f"'https' is the only allowed URL scheme{URL_FORM}")
    if not parts.netloc:
        out.invalid(at, parts.netloc, f"host must be specified{URL_FORM}")
    if parts.username is not None:
        out.invalid(at, parts.username, "user information is not permitted in the URL")
    for name, value in (("fragments", parts.fragment), ("query parameters", parts.query)):
        if value:
            out.invalid(at, value, f"{name} are not permitted in the URL")


def _service_path(path: str) -> tuple[str, ...] | list[str]:
    if not path.startswith("/"):
        return ("must start with a '/'",)
    steps = path.removesuffix("/").split("/")[1:]
    if "" in steps:
        return (f"segment[{steps.index('')}] may not be empty",) if path != "/" else ()
    return [
        f"segment[{index}]: {detail}" for index, step in enumerate(steps) for detail in names.dns1123_subdomain(step)
    ]


SERVICE = (required("name"), required("namespace"), pointer("port", port_number), pointer("path", _service_path))


# What to match


def rule(found: Object, at: Path, out: Problems) -> None:
    """Operations and resources of one rule, wildcards alone in their list."""
    operations = found.get("operations") or []
    if not operations:
        out.required(at / "operations")
    _alone(operations, at / "operations", out, "if '*' is present, must not specify other operations")
    for index, operation in enumerate(operations):
        if operation not in OPERATIONS:
            out.unsupported(at / "operations" / index, operation, OPERATIONS)
    for name, said in (
        ("apiGroups", "if '*' is present, must not specify other API groups"),
        ("apiVersions", "if '*' is present, must not specify other API versions"),
    ):
        values = found.get(name) or []
        if not values:
            out.required(at / name)
        _alone(values, at / name, out, said)
        for index, value in enumerate(values):
            if not value and name == "apiVersions":
                out.required(at / name / index)
    _resources(found.get("resources") or [], at / "resources", out)
    check((pointer_of("scope", SCOPES),), found, at, out)


def _alone(values: list[str], at: Path, out: Problems, said: str) -> None:
    if "*" in values and len(values) > 1:
        out.invalid(at, values, said)


def _resources(resources: list[str], at: Path, out: Problems) -> None:
    if not resources:
        out.required(at)
    if "*/*" in resources and len(resources) > 1:
        out.invalid(at, resources, "if '*/*' is present, must not specify other resources")
        return
    for index, resource in enumerate(resources):
        if not resource:
            out.required(at / index)
        name, _slash, subresource = resource.partition("/")
        if resource != "*/*" and name == "*" and subresource and f"*/{subresource}" != resource:
            out.invalid(at / index, resource, f"if '*/{subresource}' is present, must not specify {resource}")


# Webhooks


def configuration(obj: Object, out: Problems) -> None:
    seen: set[str] = set()
    for index, webhook in enumerate(obj.get("webhooks") or ()):
        here, name = ROOT / "webhooks" / index, webhook.get("name") or ""
        _webhook(webhook, here, out)
        if name and name in seen:
            out.duplicate(here / "name", name)
        seen.add(name)


def _webhook(webhook: Object, at: Path, out: Problems) -> None:
    name = webhook.get("name") or ""
    if not name:
        out.required(at / "name")
    elif details := names.dns1123_subdomain(name):
        for detail in details:
            out.invalid(at / "name", name, detail)
    elif name.count(".") < 2:
        out.invalid(at / "name", name, "should be a domain with at least three segments separated by dots")
    check((each("rules", rule),), webhook, at, out)
    check(WEBHOOK, webhook, at, out)
    check_client(webhook.get("clientConfig") or {}, at / "clientConfig", out)
    _review_versions(webhook.get("admissionReviewVersions") or [], at / "admissionReviewVersions", out)
    _conditions(webhook, at, out)


WEBHOOK = (
    pointer_of("failurePolicy", FAILURE),
    pointer_of("matchPolicy", MATCHING),
    one_of("sideEffects", SIDE_EFFECTS, missing="required", detail="must specify one of None, NoneOnDryRun"),
    pointer("timeoutSeconds", between(1, 30)),
    selector("namespaceSelector"),
    selector("objectSelector"),
    pointer_of("reinvocationPolicy", ("Never", "IfNeeded")),
)


def _review_versions(versions: list[str], at: Path, out: Problems) -> None:
    if not versions:
        out.required(at, "must specify one of v1, v1beta1")
        return
    seen: set[str] = set()
    for index, version in enumerate(versions):
        if version in seen:
            out.invalid(at / index, version, "duplicate version")
        seen.add(version)
        for detail in names.dns1035_label(version):
            out.invalid(at / index, version, detail)
    if not seen & set(REVIEW_VERSIONS):
        out.invalid(at, versions, "must include at least one of v1, v1beta1")


def _conditions(obj: Object, at: Path, out: Problems) -> None:
    """matchConditions: named expressions."""
    seen: set[str] = set()
    for index, condition in enumerate(obj.get("matchConditions") or ()):
        here, name = at / "matchConditions" / index, condition.get("name") or ""
        if not (condition.get("expression") or "").strip():
            out.required(here / "expression")
        if not name:
            out.required(here / "name")
        for detail in names.qualified_name(name) if name else ():
            out.invalid(here / "name", name, detail)
        if name and name in seen:
            out.duplicate(here / "name", name)
        seen.add(name)


# Policies

NOTHING_TO_DO = "validations or auditAnnotations must contain at least one item"
ACTIONS = ("Deny", "Warn", "Audit")


def check_matching(found: Object, at: Path, out: Problems) -> None:
    check((selector("namespaceSelector"), selector("objectSelector")), found, at, out)
    check((each("resourceRules", rule), each("excludeResourceRules", rule)), found, at, out)
    check((pointer_of("matchPolicy", MATCHING),), found, at, out)


def _constraints(spec: Object, out: Problems) -> None:
    found = spec.get("matchConstraints")
    if found is None:
        out.required(SPEC / "matchConstraints")
        return
    check_matching(found, SPEC / "matchConstraints", out)
    if not found.get("resourceRules"):
        out.required(SPEC / "matchConstraints" / "resourceRules")


def _common(spec: Object, out: Problems) -> None:
    check((pointer_of("failurePolicy", FAILURE),), spec, SPEC, out)
    if spec.get("paramKind") is not None:
        check((required("apiVersion"), required("kind")), spec["paramKind"], SPEC / "paramKind", out)
    _constraints(spec, out)
    _conditions(spec, SPEC, out)
    for index, variable in enumerate(spec.get("variables") or ()):
        here = SPEC / "variables" / index
        check((required("name", names.c_identifier), required("expression")), variable, here, out)


def policy(obj: Object, out: Problems) -> None:
    spec = obj.get("spec") or {}
    _common(spec, out)
    if not spec.get("validations") and not spec.get("auditAnnotations"):
        out.required(SPEC / "validations", NOTHING_TO_DO)
        out.required(SPEC / "auditAnnotations", NOTHING_TO_DO)
    for index, validation in enumerate(spec.get("validations") or ()):
        _validation(validation, SPEC / "validations" / index, out)
    for index, annotation in enumerate(spec.get("auditAnnotations") or ()):
        here = SPEC / "auditAnnotations" / index
        check((required("key"), required("valueExpression")), annotation, here, out)


REASONS = ("Unauthorized", "Forbidden", "Invalid", "RequestEntityTooLarge")


def _validation(validation: Object, at: Path, out: Problems) -> None:
    if not (validation.get("expression") or "").strip():
        out.required(at / "expression", "expression is not specified")
    message = validation.get("message") or ""
    if message and not message.strip():
        out.invalid(at / "message", message, "message must be non-empty if specified")
    elif "\n" in message.strip():
        out.invalid(at / "message", message, "message must not contain line breaks")
    check((pointer_of("reason", REASONS),), validation, at, out)


def mutating_policy(obj: Object, out: Problems) -> None:
    spec = obj.get("spec") or {}
    _common(spec, out)
    if not spec.get("mutations"):
        out.required(SPEC / "mutations", "mutations must contain at least one item")
    if not spec.get("reinvocationPolicy"):
        out.required(SPEC / "reinvocationPolicy")


def policy_binding(obj: Object, out: Problems) -> None:
    spec = obj.get("spec") or {}
    check((required("policyName", names.dns1123_subdomain),), spec, SPEC, out)
    if spec.get("paramRef") is not None:
        _parameter(spec["paramRef"], SPEC / "paramRef", out)
    if spec.get("matchResources") is not None:
        check_matching(spec["matchResources"], SPEC / "matchResources", out)
    if obj.get("kind") == "ValidatingAdmissionPolicyBinding":
        _actions(spec.get("validationActions") or [], SPEC / "validationActions", out)


def _parameter(reference: Object, at: Path, out: Problems) -> None:
    by_name, by_labels = reference.get("name"), reference.get("selector")
    if by_name and by_labels is not None:
        out.forbidden(at / "name", "name and selector are mutually exclusive")
    elif not by_name and by_labels is None:
        out.required(at, "one of name or selector must be specified")
    check((present("selector"), selector("selector")), reference, at, out)
    if reference.get("parameterNotFoundAction") is None:
        out.required(at / "parameterNotFoundAction")
    check((pointer_of("parameterNotFoundAction", ("Allow", "Deny")),), reference, at, out)


def _actions(actions: list[str], at: Path, out: Problems) -> None:
    if not actions:
        out.required(at, "at least one validation action is required")
    for index, action in enumerate(actions):
        if action not in ACTIONS:
            out.unsupported(at / index, action, ACTIONS)
        if action in actions[:index]:
            out.duplicate(at / index, action)
    if {"Deny", "Warn"} <= set(actions):
        out.invalid(
            at, actions, "must not contain both Deny and Warn (repeating the same validation failure information)"
        )
