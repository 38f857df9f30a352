"""Links to machines: SSH with the host key checked first, and this machine itself.  Commands are argv, quoted in one place.

A link's failure (LinkError) is another error than a command's (CommandFailed): the one says that the machine cannot be
reached or is not the one that it should be, the other what went wrong on it.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import socket
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import paramiko

CONNECT_SECONDS = 20.0  # where a former board of this address is remembered, only the packet sent at 15 s arrives
COMMAND_SECONDS = 600.0
CHUNK = 256 << 10


class LinkError(Exception):
    """The machine cannot be reached, refuses us, or is another one; one sentence with the fix."""


class HostKeyError(LinkError):
    """The machine shows another key than the one it is known by."""


@dataclass
class CommandFailed(Exception):
    """A command ended with an exit code other than 0."""

    argv: tuple[str, ...]
    code: int
    output: str

    def __str__(self) -> str:
        return f"`{shown(self.argv)}` ended with {self.code}: {last_words(self.output)}"


def shown(argv: Sequence[str]) -> str:
    """A command for people: of a script only what it was given."""
    return f"a script with {shlex.join(argv[4:])}" if tuple(argv[:2]) == ("sh", "-c") else shlex.join(argv)


@dataclass(frozen=True, slots=True)
class Outcome:
    code: int
    output: str
    errors: str


class Link(Protocol):
    """What steps are run over."""

    own_address: str
    """Where this machine is seen from: the address of our end of the link."""

    def run(
        self, argv: Sequence[str], *, stdin: bytes = b"", check: bool = True, seconds: float = COMMAND_SECONDS
    ) -> Outcome: ...

    def put(self, path: PurePosixPath, content: bytes, mode: int = 0o644) -> None:
        """Writes a file whole or not at all; folders are made."""
        ...

    def close(self) -> None: ...


def last_words(output: str, lines: int = 3) -> str:
    """The end of a command's output, on one line."""
    return "; ".join(line.strip() for line in output.strip().splitlines()[-lines:]) or "it said nothing"


def finish(argv: Sequence[str], outcome: Outcome, check: bool) -> Outcome:
    if check and outcome.code:
        raise CommandFailed(tuple(argv), outcome.code, outcome.errors or outcome.output)
    return outcome


def put_by_command(link: Link, path: PurePosixPath, content: bytes, mode: int) -> None:
    """A file over a command's standard input, so that it works through sudo too."""
    draft = f"{path.parent}/.{path.name}.new"
    script = 'mkdir -p "$2" && umask 077 && cat > "$1" && chmod "$4" "$1" && mv -f "$1" "$3"'
    link.run(("sh", "-c", script, "sh", draft, str(path.parent), str(path), f"{mode:o}"), stdin=content)


class LocalLink:
    """This machine: the master's own, when it becomes a node too."""

    own_address = ""

    def run(
        self, argv: Sequence[str], *, stdin: bytes = b"", check: bool = True, seconds: float = COMMAND_SECONDS
    ) -> Outcome:
        done = subprocess.run(list(argv), input=stdin, capture_output=True, timeout=seconds, check=False)
        return finish(argv, Outcome(done.returncode, _text(done.stdout), _text(done.stderr)), check)

    def put(self, path: PurePosixPath, content: bytes, mode: int = 0o644) -> None:
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f".{target.name}.new")
        draft.touch(mode)
        draft.chmod(mode)
        draft.write_bytes(content)
        draft.rename(target)

    def close(self) -> None:
        return


@dataclass(frozen=True, slots=True)
class Login:
    """How to come in: a user (root, or one that may use sudo without a password), keys or a password."""

    user: str = "root"
    keys: tuple[Path, ...] = ()
    password: str = ""


class SshLink:
    """A machine over SSH.  `accept(public key line)` decides about the host key before anything is sent to it."""

    def __init__(self, address: str, port: int, login: Login, accept: Callable[[str], None]) -> None:
        self.address = address
        self._login = login
        self._transport, self.own_address = handshake(address, port)
        try:
            accept(public_line(self._transport))
            self._enter()
        except BaseException:
            self._transport.close()
            raise

    def _enter(self) -> None:
        """Authenticates: every key, then the password; the agent of the operator is never forwarded."""
        import paramiko

        try:
            for path in self._login.keys:
                with contextlib.suppress(paramiko.AuthenticationException):
                    self._transport.auth_publickey(self._login.user, _load_key(path))
                    return
            if self._login.password:
                self._transport.auth_password(self._login.user, self._login.password)
                return
        except paramiko.AuthenticationException as error:
            raise LinkError(self._refused("password")) from error
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise LinkError(f"{self.address}: SSH broke off: {error or type(error).__name__}") from error
        raise LinkError(self._refused("key"))

    def _refused(self, what: str) -> str:
        user = self._login.user
        return f"{self.address}: user {user} is refused with this {what}; give --user, and --identity FILE or --ask-password"

    def run(
        self, argv: Sequence[str], *, stdin: bytes = b"", check: bool = True, seconds: float = COMMAND_SECONDS
    ) -> Outcome:
        import paramiko

        words = list(argv) if self._login.user == "root" else ["sudo", "-n", "--", *argv]
        try:
            channel = self._transport.open_session(timeout=CONNECT_SECONDS)
            channel.settimeout(seconds)
            channel.exec_command(shlex.join(words))
            return finish(argv, _converse(channel, stdin), check)
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise LinkError(f"{self.address}: the link broke during `{shown(argv)}`: {error}") from error

    def put(self, path: PurePosixPath, content: bytes, mode: int = 0o644) -> None:
        put_by_command(self, path, content, mode)

    def close(self) -> None:
        self._transport.close()


def handshake(address: str, port: int) -> tuple[paramiko.Transport, str]:
    """Key exchange only: the other end has proven that it holds its host key, and knows nothing of us but an address."""
    import paramiko

    try:
        sock = socket.create_connection((address, port), CONNECT_SECONDS)
    except OSError as error:
        reason = error.strerror or str(error) or "timed out"
        raise LinkError(f"{address}:{port}: cannot be reached: {reason}; is it on, and is sshd running?") from error
    transport = paramiko.Transport(sock)
    options = transport.get_security_options()
    options.key_types = [kind for kind in ("ssh-ed25519", *options.key_types) if kind in options.key_types]
    try:
        transport.start_client(timeout=CONNECT_SECONDS)
    except (paramiko.SSHException, EOFError, OSError) as error:
        transport.close()
        raise LinkError(f"{address}:{port}: no SSH server answers: {error or type(error).__name__}") from error
    return transport, str(sock.getsockname()[0])


def public_line(transport: paramiko.Transport) -> str:
    """The host key as a line of authorized_keys."""
    key = transport.get_remote_server_key()
    return f"{key.get_name()} {key.get_base64()}"


def shown_key(address: str, port: int) -> str:
    """The host key that a machine proves to hold, without logging in."""
    transport, _ = handshake(address, port)
    try:
        return public_line(transport)
    finally:
        transport.close()


def _load_key(path: Path) -> paramiko.PKey:
    import paramiko

    try:
        return paramiko.PKey.from_path(os.fspath(path))
    except FileNotFoundError as error:
        raise LinkError(f"{path}: no such key file; give the private half with --identity") from error
    except (paramiko.SSHException, ValueError, TypeError) as error:
        raise LinkError(f"{path}: is no private key that can be used: {error}") from error


def _converse(channel: paramiko.Channel, stdin: bytes) -> Outcome:
    """Feeds a command and hears it out.  Output is read by a thread while input is written, so that neither blocks."""
    import threading

    heard = [b"", b""]

    def hear() -> None:
        heard[0] = channel.makefile("rb").read()

    def hear_errors() -> None:
        heard[1] = channel.makefile_stderr("rb").read()

    threads = [threading.Thread(target=work, daemon=True) for work in (hear, hear_errors)]
    for thread in threads:
        thread.start()
    for at in range(0, len(stdin), CHUNK):
        channel.sendall(stdin[at : at + CHUNK])
    channel.shutdown_write()
    for thread in threads:
        thread.join()
    code = channel.recv_exit_status()
    channel.close()
    return Outcome(code, _text(heard[0]), _text(heard[1]))


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
