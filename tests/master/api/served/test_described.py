"""What the served OpenAPI describes, asked as it describes it: schemathesis makes the requests, none may be a fault."""

import asyncio

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings

GROUPS = ["api/v1", "apis/apps/v1", "apis/batch/v1", "apis/networking.k8s.io/v1", "apis/apiextensions.k8s.io/v1"]
EVERY = {"api/v1": 4}
"""Of the core group's many operations every so manieth, so that the test takes a second."""
THROUGH = ("attach", "exec", "portforward", "proxy", "log", "token")
RUN = settings(max_examples=1, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))


async def asked(api, request):
    """The status of one generated request; a watch ends after its first second."""
    params = {**(request.get("params") or {}), "timeoutSeconds": "1"}
    body = {name: request[name] for name in ("json", "data") if request.get(name) is not None}
    headers = {name: value for name, value in request["headers"].items() if name != "Content-Type" or not body}
    call = api.session.request(request["method"], request["url"], params=params, headers=headers, **body)
    async with asyncio.timeout(20), call as response:
        await response.read()
        return response.status


def operations(document):
    for found in schemathesis.openapi.from_dict(document).get_all_operations():
        operation = found.ok()
        if "/watch/" not in operation.path and operation.path.rpartition("/")[2] not in THROUGH:
            yield operation


@pytest.mark.parametrize("group", GROUPS)
async def test_no_described_request_is_a_fault(api, group):
    await api.namespace("default")
    _, document, _ = await api.ask("GET", f"/openapi/v3/{group}")
    loop, cases = asyncio.get_running_loop(), []

    def generate():
        for operation in list(operations(document))[:: EVERY.get(group, 1)]:
            RUN(given(operation.as_strategy())(lambda case: cases.append(case.as_transport_kwargs(base_url=""))))()

    await loop.run_in_executor(None, generate)
    assert cases
    for case in cases:
        status = await asked(api, case)
        assert status < 500 or status == 501, case
