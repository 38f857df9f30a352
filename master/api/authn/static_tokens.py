"""The static token file: lines of `token,user,uid,"group,group"`, read once at the start."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable
from pathlib import Path

from kube.config import SettingsError
from master.api.contract import Credentials, UserInfo


class StaticTokens:
    """Tokens are kept by their hash, so that finding one takes no longer the more of it is right."""

    def __init__(self, users: dict[bytes, UserInfo]) -> None:
        self._users = users

    async def authenticate(self, credentials: Credentials) -> UserInfo | None:
        return self._users.get(digest(credentials.token)) if credentials.token else None


def digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def read_static_tokens(path: Path) -> StaticTokens:
    """SettingsError names the file and the line that is malformed."""
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"api.token_file {path}: {error}") from error
    return StaticTokens(parse(lines, str(path)))


def parse(lines: Iterable[str], source: str) -> dict[bytes, UserInfo]:
    users = {}
    for number, row in enumerate(csv.reader(lines, skipinitialspace=True), 1):
        if not row or row[0].startswith("#"):
            continue
        if len(row) < 3 or not row[0] or not row[1]:
            raise SettingsError(f"{source}, line {number}: must be token,user,uid and perhaps groups")
        groups = tuple(group.strip() for group in row[3].split(",") if group.strip()) if len(row) > 3 else ()
        users[digest(row[0])] = UserInfo(row[1], groups, uid=row[2])
    return users
