"""Admission policies with their bindings and parameters, over a whole API server."""

import asyncio

import pytest

from master.api.contract import UserInfo

GROUP = "/apis/admissionregistration.k8s.io/v1"
CONFIG_MAPS = "/api/v1/namespaces/p/configmaps"
RULE = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["configmaps"]}
CONSTRAINTS = {"resourceRules": [RULE]}


@pytest.fixture(autouse=True)
async def namespace(api):
    await api.namespace("p")


async def policy(api, binding=None, name="few", kind="Validating", **spec):
    meta = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": name}}
    body = meta | {"kind": f"{kind}AdmissionPolicy", "spec": {"matchConstraints": CONSTRAINTS} | spec}
    plural = f"{GROUP}/{kind.lower()}admissionpolic"
    await api.create(f"{plural}ies", body)
    bound = {"policyName": name} | ({"validationActions": ["Deny"]} if kind == "Validating" else {}) | (binding or {})
    await api.create(f"{plural}ybindings", meta | {"kind": f"{kind}AdmissionPolicyBinding", "spec": bound})


async def make(api, name="c", method="POST", **members):
    obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}} | members
    path = CONFIG_MAPS if method == "POST" else f"{CONFIG_MAPS}/{name}"
    return await api.ask(method, path, obj, "application/json")


async def denied(api, said, **members):
    status, answer, _ = await make(api, **members)
    called = "ValidatingAdmissionPolicy 'few' with binding 'few' denied request"
    assert (status, answer["message"]) == (422, f'configmaps "c" is forbidden: {called}: {said}')


async def test_a_breach_is_told_by_the_expression(api):
    await policy(api, validations=[{"expression": "has(object.data)"}])
    await denied(api, "failed expression: has(object.data)")
    assert (await make(api, data={"a": "b"}))[0] == 201


async def test_variables_and_the_old_object(api):
    variables = [
        {"name": "old", "expression": "oldObject.data.a"},
        {"name": "same", "expression": "variables.old == 'b'"},
    ]
    rule = {"expression": "request.operation == 'CREATE' || variables.same", "message": "a must be b"}
    await policy(api, variables=variables, validations=[rule])
    assert (await make(api, data={"a": "x"}))[0] == 201
    await denied(api, "a must be b", method="PUT", data={"a": "b"})


async def test_a_reason_has_its_code(api):
    await policy(api, validations=[{"expression": "false", "reason": "Unauthorized", "message": "no"}])
    assert (await make(api))[0] == 401


@pytest.mark.parametrize("failure, code", [("Fail", 422), ("Ignore", 201)])
async def test_an_expression_that_fails(api, failure, code):
    await policy(api, failurePolicy=failure, validations=[{"expression": "object.data.none == 'x'"}])
    assert (await make(api))[0] == code


async def test_a_warning_lets_it_pass(api):
    await policy(api, {"validationActions": ["Warn"]}, validations=[{"expression": "false", "message": "hm"}])
    status, _, headers = await make(api)
    said = "Validation failed for ValidatingAdmissionPolicy 'few' with binding 'few': hm"
    assert (status, headers["Warning"]) == (201, f'299 - "{said}"')


@pytest.mark.parametrize(
    "members, asked",
    [
        ({"matchConditions": [{"name": "m", "expression": "object.metadata.name == 'other'"}]}, False),
        ({"matchConditions": [{"name": "m", "expression": "namespaceObject.metadata.name == 'p'"}]}, True),
        ({"matchConstraints": CONSTRAINTS | {"excludeResourceRules": [RULE]}}, False),
        ({"matchConstraints": {"resourceRules": [RULE | {"resourceNames": ["d"]}]}}, False),
    ],
    ids=["condition", "namespace", "excluded", "named"],
)
async def test_where_a_policy_holds(api, members, asked):
    await policy(api, validations=[{"expression": "false"}], **members)
    assert (await make(api))[0] == (422 if asked else 201)


async def test_a_binding_narrows_its_policy(api):
    narrowed = {"matchResources": {"objectSelector": {"matchLabels": {"a": "b"}}}}
    await policy(api, narrowed, validations=[{"expression": "false"}])
    assert (await make(api))[0] == 201
    assert (await make(api, metadata={"name": "d", "labels": {"a": "b"}}))[0] == 422


PARAMETERS = {"paramKind": {"apiVersion": "v1", "kind": "ConfigMap"}}


async def test_parameters(api):
    await make(api, name="most", data={"n": "1"})
    reference = {"paramRef": {"name": "most", "namespace": "p", "parameterNotFoundAction": "Deny"}}
    rule = {"expression": "!has(object.data) || size(object.data) <= int(params.data.n)", "message": "too many"}
    await policy(api, reference, validations=[rule], **PARAMETERS)
    assert (await make(api, name="d", data={"a": "b"}))[0] == 201
    await denied(api, "too many", data={"a": "b", "c": "d"})


@pytest.mark.parametrize("action, code", [("Deny", 403), ("Allow", 201)])
async def test_missing_parameters(api, action, code):
    reference = {"paramRef": {"name": "none", "namespace": "p", "parameterNotFoundAction": action}}
    await policy(api, reference, validations=[{"expression": "params == null"}], **PARAMETERS)
    assert (await make(api))[0] == code


async def test_the_authorizer_is_asked(api):
    allowed = "authorizer.group('').resource('pods').namespace('p').check('get').allowed()"
    await policy(api, validations=[{"expression": allowed}])
    assert (await make(api))[0] == 201


@pytest.mark.parametrize(
    "field, spec",
    [
        ("spec.validations[0].expression", {"validations": [{"expression": "object.("}]}),
        ("spec.validations[0].expression", {"validations": [{"expression": "1 + 1"}]}),
        ("spec.variables[0].expression", {"variables": [{"name": "a", "expression": "nobody"}]}),
    ],
    ids=["no expression", "no truth value", "unknown name"],
)
async def test_an_expression_is_judged_when_it_is_written(api, field, spec):
    body = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy"}
    spec = {"matchConstraints": CONSTRAINTS, "validations": [{"expression": "true"}]} | spec
    body |= {"metadata": {"name": "bad"}, "spec": spec}
    status, answer, _ = await api.ask("POST", f"{GROUP}/validatingadmissionpolicies", body, "application/json")
    assert (status, answer["details"]["causes"][0]["field"]) == (422, field)


async def test_a_policy_mutates_by_patch(api):
    patch = "[JSONPatch{op: 'add', path: '/data', value: {jsonpatch.escapeKey('k'): 'v'}}]"
    mutation = {"patchType": "JSONPatch", "jsonPatch": {"expression": patch}}
    await policy(api, kind="Mutating", reinvocationPolicy="Never", failurePolicy="Fail", mutations=[mutation])
    status, answer, _ = await make(api)
    assert (status, answer.get("data")) == (201, {"k": "v"})


async def test_a_policy_mutates_by_apply(api):
    wanted = "Object{metadata: Object.metadata{labels: {'made': 'by policy'.replace(' ', '-')}}}"
    mutation = {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": wanted}}
    await policy(api, kind="Mutating", reinvocationPolicy="Never", failurePolicy="Fail", mutations=[mutation])
    status, answer, _ = await make(api, metadata={"name": "c", "labels": {"own": "label"}})
    assert (status, answer["metadata"]["labels"]) == (201, {"own": "label", "made": "by-policy"})


async def test_who_asks_may_be_asked_about_the_resource_itself(api):
    await policy(
        api, validations=[{"expression": "authorizer.requestResource.check('bless').allowed()", "message": "no"}]
    )
    assert (await make(api))[0] == 201  # of the system's masters
    api.caller.user = UserInfo("eve", ("system:authenticated",))
    status, answer, _ = await make(api, "d")
    assert (status, answer["message"].endswith(": no")) == (422, True)


async def checked(api, *validations, rules=None, **spec):
    """The status of a policy once it was looked at."""
    rules = rules or [{"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["*"], "resources": ["deployments"]}]
    body = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy"}
    body |= {"metadata": {"name": "typed"}, "spec": {"matchConstraints": {"resourceRules": rules}, **spec}}
    body["spec"]["validations"] = list(validations)
    path = f"{GROUP}/validatingadmissionpolicies"
    async with asyncio.timeout(10), api.watch(path) as stream:
        await api.create(path, body)
        status = {}
        while "typeChecking" not in status:
            status = (await stream.next())["object"].get("status") or {}
    return status


async def test_expressions_are_checked_by_the_types_of_the_kinds_named(api):
    status = await checked(
        api,
        {"expression": "object.spec.replicas > '1'"},
        {"expression": "object.spec.replicas > 1", "messageExpression": "object.spec.replicass + ''"},
        {"expression": "variables.n > 1 && variables.s == 'x' && oldObject == null"},
        {"expression": "variables.s > 1"},
        variables=[
            {"name": "n", "expression": "object.spec.replicas"},
            {"name": "s", "expression": "object.spec.template.spec.containers[0].image"},
        ],
    )
    assert status["observedGeneration"] == 1
    found = {each["fieldRef"]: each["warning"] for each in status["typeChecking"]["expressionWarnings"]}
    assert list(found) == [
        "spec.validations[0].expression",
        "spec.validations[1].messageExpression",
        "spec.validations[3].expression",
    ]
    first, second = found["spec.validations[0].expression"], found["spec.validations[1].messageExpression"]
    assert first.startswith("apps/v1, Kind=Deployment: ERROR: <input>:1:22: found no matching overload for '_>_'")
    assert "undefined field 'replicass'" in second


async def test_nothing_wrong_is_told_too(api):
    rules = [{"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*"]}]
    assert (await checked(api, {"expression": "object.nothing == 1"}, rules=rules))["typeChecking"] == {}


@pytest.mark.parametrize(("again", "seen"), [("IfNeeded", "b"), ("Never", "")])
async def test_a_mutating_policy_sees_what_came_after_it(api, again, seen):
    def setting(key, value):
        text = f'Object{{metadata: Object.metadata{{annotations: {{"{key}": {value}}}}}}}'
        return [{"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": text}}]

    first = 'object.metadata.?annotations["b"].orValue("")'
    await policy(api, name="1", kind="Mutating", mutations=setting("a", first), reinvocationPolicy=again)
    await policy(api, name="2", kind="Mutating", mutations=setting("b", '"b"'), reinvocationPolicy="Never")
    _, answer, _ = await make(api)
    assert answer["metadata"]["annotations"] == {"a": seen, "b": "b"}
