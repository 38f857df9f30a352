"""A link to a node by its agent: `POST /commands` on 10250, with the operator's certificate; the way in once SSH is closed."""

from __future__ import annotations

import http.client
import json
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

from kube.connections import AGENT_PORT, Access, tls_context
from provisioning.transport import COMMAND_SECONDS, LinkError, Outcome, finish, put_by_command

CONNECT_SECONDS = 5.0


class AgentLink:
    """The node whose agent listens at an address; `access` is an operator's, whose certificate the agent knows."""

    own_address = ""

    def __init__(self, address: str, access: Access, port: int = AGENT_PORT) -> None:
        self.address, self.port = address, port
        self._tls = tls_context(access)

    def run(
        self, argv: Sequence[str], *, stdin: bytes = b"", check: bool = True, seconds: float = COMMAND_SECONDS
    ) -> Outcome:
        connection = http.client.HTTPSConnection(self.address, self.port, timeout=CONNECT_SECONDS, context=self._tls)
        try:
            connection.connect()
            connection.sock.settimeout(seconds)
            connection.request("POST", "/commands", json.dumps(list(argv)).encode() + b"\n" + stdin)
            answer = connection.getresponse()
            document = read(answer.status, answer.read())
        except (OSError, http.client.HTTPException) as error:
            raise LinkError(f"{self.address}: its agent does not answer: {error or type(error).__name__}") from error
        finally:
            connection.close()
        return finish(argv, Outcome(document["code"], document["output"], document["errors"]), check)

    def put(self, path: PurePosixPath, content: bytes, mode: int = 0o644) -> None:
        put_by_command(self, path, content, mode)

    def close(self) -> None:
        return


def read(status: int, body: bytes) -> dict[str, Any]:
    """An answer's document; LinkError where it is a refusal."""
    try:
        document: dict[str, Any] = json.loads(body)
    except ValueError as error:
        raise LinkError(f"an agent answered {status} and no JSON") from error
    if status >= 300:
        raise LinkError(f"the agent refused: {document.get('message', status)}")
    return document
