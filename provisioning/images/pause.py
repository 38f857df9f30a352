"""The program that holds a pod's namespaces: a whole ELF file written byte by byte, one page and no compiler.

How it works: it ignores SIGCHLD, so that the kernel reaps whatever is orphaned to it (a pod may share its process
namespace), blocks SIGTERM and SIGINT, waits for one of them and ends with 0.  A blocked signal is queued even for the first
process of a namespace, which would otherwise never see a signal it has no handler for.

Sources: System V ABI (ELF header, program header), signal numbers and system call numbers of Linux
(`asm/unistd.h` of x86-64 and arm64), the instruction encodings of both.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

SIGINT, SIGTERM, SIGCHLD = 2, 15, 17
SIG_IGN = 1
SIG_BLOCK = 0
BASE = 0x400000
HEADERS = 64 + 56
ACTION_SIZE = 32
ACTION = struct.pack("<QQQQ", SIG_IGN, 0, 0, 0)
"""struct sigaction as the kernel has it: handler, flags, restorer, mask."""
SIGNALS = struct.pack("<Q", 1 << (SIGTERM - 1) | 1 << (SIGINT - 1))


@dataclass(frozen=True, slots=True)
class Call:
    """A system call; `action` and `signals` stand for the addresses of the two pieces of data; `again` repeats it while it
    fails (a wait may be interrupted)."""

    name: str
    arguments: tuple[int | str, ...]
    again: bool = False


PROGRAM = (
    Call("rt_sigaction", (SIGCHLD, "action", 0, 8)),
    Call("rt_sigprocmask", (SIG_BLOCK, "signals", 0, 8)),
    Call("rt_sigtimedwait", ("signals", 0, 0, 8), again=True),
    Call("exit_group", (0,)),
)


@dataclass(frozen=True, slots=True)
class Machine:
    """An architecture: its number in ELF, its system calls, and how one call is encoded."""

    elf: int
    numbers: dict[str, int]
    encode: Callable[[int, Sequence[int], bool], bytes]


def _amd64(number: int, arguments: Sequence[int], again: bool) -> bytes:
    loads = (b"\xbf", b"\xbe", b"\xba", b"\x41\xba")  # mov edi / esi / edx / r10d, imm32
    code = b"\xb8" + struct.pack("<I", number)  # mov eax, imm32
    code += b"".join(load + struct.pack("<I", value) for load, value in zip(loads, arguments, strict=False))
    code += b"\x0f\x05"  # syscall
    if again:
        code += b"\x85\xc0"  # test eax, eax
        code += b"\x7e" + struct.pack("<b", -(len(code) + 2))  # jle to the start
    return code


def _arm64(number: int, arguments: Sequence[int], again: bool) -> bytes:
    words = [0xD2800000 | number << 5 | 8]  # movz x8, number
    for register, value in enumerate(arguments):
        words.append(0xD2800000 | (value & 0xFFFF) << 5 | register)  # movz xN, low half
        words.append(0xF2A00000 | (value >> 16 & 0xFFFF) << 5 | register)  # movk xN, high half, lsl 16
    words.append(0xD4000001)  # svc 0
    if again:
        words.append(0xF100001F)  # cmp x0, 0
        words.append(0x5400000D | (-len(words) & 0x7FFFF) << 5)  # b.le to the start
    return struct.pack(f"<{len(words)}I", *words)


MACHINES = {
    "amd64": Machine(62, {"rt_sigaction": 13, "rt_sigprocmask": 14, "rt_sigtimedwait": 128, "exit_group": 231}, _amd64),
    "arm64": Machine(
        183, {"rt_sigaction": 134, "rt_sigprocmask": 135, "rt_sigtimedwait": 137, "exit_group": 94}, _arm64
    ),
}


def pause_program(architecture: str) -> bytes:
    """The executable; ValueError for an architecture it is not written for."""
    if architecture not in MACHINES:
        raise ValueError(f"no pause program for {architecture}: only {', '.join(MACHINES)}")
    machine = MACHINES[architecture]
    length = len(_code(machine, 0))
    body = _code(machine, BASE + HEADERS + length) + ACTION + SIGNALS
    return _elf(machine.elf, body)


def _code(machine: Machine, data: int) -> bytes:
    """The program's instructions when its data lies at the address `data`."""
    addresses = {"action": data, "signals": data + ACTION_SIZE}

    def value(argument: int | str) -> int:
        return addresses[argument] if isinstance(argument, str) else argument

    return b"".join(
        machine.encode(machine.numbers[call.name], [value(argument) for argument in call.arguments], call.again)
        for call in PROGRAM
    )


def _elf(machine: int, body: bytes) -> bytes:
    """A static ELF64 with one segment, readable and executable, entered at its first instruction."""
    size = HEADERS + len(body)
    identity = b"\x7fELF" + bytes((2, 1, 1)) + bytes(9)
    header = identity + struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, BASE + HEADERS, 64, 0, 0, 64, 56, 1, 64, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, BASE, BASE, size, size, 0x10000)
    return header + segment + body
