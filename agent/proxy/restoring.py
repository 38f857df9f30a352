"""A ruleset to the text of iptables-restore: whole, or only what changed.

`iptables-restore --noflush` empties the chains that a text declares and leaves the others alone, all in one transaction a
table; so a change is: declare the chains that differ, give their rules, and delete the chains that are gone at the end.
"""

from __future__ import annotations

from collections.abc import Iterable

from agent.proxy.rules import JUMPS, Chains, Ruleset


def render(ruleset: Ruleset, missing_jumps: Iterable[tuple[str, str, str]] = (), stale: Ruleset | None = None) -> str:
    """The whole ruleset; `missing_jumps` are (table, chain, rule) to insert, `stale` chains of ours to delete."""
    inserts: dict[str, list[tuple[str, str]]] = {}
    for table, chain, rule in missing_jumps:
        inserts.setdefault(table, []).append((chain, rule))
    old = stale or {}
    return "".join(
        _table(table, chains, sorted(set(old.get(table, {})) - set(chains)), inserts.get(table, ()))
        for table, chains in sorted(ruleset.items())
    )


def render_change(old: Ruleset, new: Ruleset) -> str:
    """The text that turns `old` into `new`; empty when they are the same."""
    texts = []
    for table, chains in sorted(new.items()):
        before = old.get(table, {})
        changed = {name: rules for name, rules in chains.items() if before.get(name) != rules}
        gone = sorted(set(before) - set(chains))
        if changed or gone:
            texts.append(_table(table, changed, gone))
    return "".join(texts)


def _table(table: str, chains: Chains, gone: list[str], inserts: Iterable[tuple[str, str]] = ()) -> str:
    names = sorted(chains)
    lines = [f"*{table}"]
    lines += [f":{name} - [0:0]" for name in (*names, *gone)]
    lines += [f"-A {name} {rule}" for name in names for rule in chains[name]]
    lines += [f"-I {chain} 1 {rule}" for chain, rule in inserts]
    lines += [f"-X {name}" for name in gone]
    return "\n".join([*lines, "COMMIT", ""])


def ours(name: str) -> bool:
    """Whether a chain in the kernel was made by us."""
    return name.startswith(("WHERRY-", "W:", "X:", "E:", "L:"))


def parse_save(text: str) -> tuple[Ruleset, list[tuple[str, str, str]]]:
    """What `iptables-save` says of us: our chains (rules as the kernel spells them) and the jumps into them that are missing."""
    chains: Ruleset = {}
    rules: dict[tuple[str, str], list[str]] = {}
    present: set[tuple[str, str, str]] = set()
    table = ""
    for line in text.splitlines():
        if line.startswith("*"):
            table = line[1:]
        elif line.startswith(":") and ours(name := line[1:].split(" ", 1)[0]):
            chains.setdefault(table, {})[name] = ()
        elif line.startswith("-A "):
            _, chain, rule = line.split(" ", 2)
            if ours(chain):
                rules.setdefault((table, chain), []).append(rule)
            elif " -j WHERRY-" in line:
                present.add((table, chain, rule))
    for (table, chain), found in rules.items():
        chains[table][chain] = tuple(found)
    wanted = [(t, chain, rule) for t, jumps in JUMPS.items() for chain, rule in reversed(jumps)]
    return chains, [jump for jump in wanted if jump not in present]


def removal(text: str) -> str:
    """The text that takes everything of ours out of the kernel, from what `iptables-save` says."""
    chains, missing = parse_save(text)
    texts = []
    for table in sorted(chains):
        present = [jump for jump in JUMPS.get(table, ()) if (table, *jump) not in missing]
        names = sorted(chains[table])
        lines = [f"*{table}", *(f":{name} - [0:0]" for name in names)]
        lines += [f"-D {chain} {rule}" for chain, rule in present]
        texts.append("\n".join([*lines, *(f"-X {name}" for name in names), "COMMIT", ""]))
    return "".join(texts)
