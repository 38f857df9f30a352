"""A ruleset to the text of iptables-restore: whole, or only what changed.

`iptables-restore --noflush` empties the chains that a text declares and leaves the others alone, all in one transaction a
table; so a change is: declare the chains that differ, give their rules, and delete the chains that are gone at the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

Chains = dict[str, tuple[str, ...]]
Ruleset = dict[str, Chains]  # table -> chain -> rules, without "-A CHAIN"
Jump = tuple[str, str, str]  # table, chain of the kernel's own, rule


@dataclass(frozen=True, slots=True)
class Share:
    """What of the kernel's tables is one writer's: chains known by how their names begin, and the jumps into them."""

    prefixes: tuple[str, ...]
    jumps: Mapping[str, tuple[tuple[str, str], ...]]  # table -> (chain, rule)

    @property
    def tables(self) -> tuple[str, ...]:
        return tuple(sorted(self.jumps))

    def owns(self, chain: str) -> bool:
        return chain.startswith(self.prefixes)


def render(ruleset: Ruleset, missing_jumps: Iterable[Jump] = (), stale: Ruleset | None = None) -> str:
    """The whole ruleset; `missing_jumps` are to be inserted, `stale` holds chains of ours that may have to be deleted."""
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


def parse_save(text: str, share: Share) -> tuple[Ruleset, list[Jump]]:
    """What `iptables-save` says of us: our chains (rules as the kernel spells them) and the jumps into them that are missing."""
    chains: Ruleset = {}
    rules: dict[tuple[str, str], list[str]] = {}
    present: set[Jump] = set()
    table = ""
    for line in text.splitlines():
        if line.startswith("*"):
            table = line[1:]
        elif line.startswith(":") and share.owns(name := line[1:].split(" ", 1)[0]):
            chains.setdefault(table, {})[name] = ()
        elif line.startswith("-A "):
            _, chain, rule = line.split(" ", 2)
            if share.owns(chain):
                rules.setdefault((table, chain), []).append(rule)
            else:
                present.add((table, chain, rule))
    for (table, chain), found in rules.items():
        chains[table][chain] = tuple(found)
    wanted = [(t, chain, rule) for t, jumps in share.jumps.items() for chain, rule in reversed(jumps)]
    return chains, [jump for jump in wanted if jump not in present]


def removal(text: str, share: Share) -> str:
    """The text that takes everything of this share out of its tables, from what `iptables-save` says."""
    chains, missing = parse_save(text, share)
    texts = []
    for table in sorted(chains.keys() & share.jumps.keys()):
        present = [jump for jump in share.jumps[table] if (table, *jump) not in missing]
        names = sorted(chains[table])
        lines = [f"*{table}", *(f":{name} - [0:0]" for name in names)]
        lines += [f"-D {chain} {rule}" for chain, rule in present]
        texts.append("\n".join([*lines, *(f"-X {name}" for name in names), "COMMIT", ""]))
    return "".join(texts)
