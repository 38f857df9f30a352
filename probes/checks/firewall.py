"""Rules of the kernel's packet filter: two backends at once, and what drops the cluster's own traffic."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from probes.findings import Finding, trouble, unsure, well
from probes.looking import CouldNotLook, Looker
from probes.settings import settings

BACKENDS = ("nft", "legacy")
LEGACY_TABLES = "/proc/net/ip_tables_names"
SAVED = "/var/lib/wherry/iptables-{}.saved"
PORTS = {
    6443: "the API",
    10250: "logs, exec and metrics of the node",
    53: "names",
    5353: "boards that announce themselves (mDNS)",
    2379: "etcd's API",
    10256: "the health of the service proxy",
}
OURS = re.compile(r"^(WHERRY-|[WNXELIO]:|KUBE-|CNI-)")
BUILT_IN = {"INPUT", "FORWARD", "OUTPUT", "PREROUTING", "POSTROUTING"}
DROPS = ("DROP", "REJECT")
MULTICAST = re.compile(r"^(224\.|--pkt-type$)")


@dataclass(frozen=True, slots=True)
class Rule:
    """`words` are the rule's own, as iptables takes them after `-A CHAIN`."""

    table: str
    chain: str
    words: tuple[str, ...]

    def option(self, *names: str) -> str:
        """What follows the first of these options; empty where there is none or it is negated."""
        for at, word in enumerate(self.words[:-1]):
            if word in names and (at == 0 or self.words[at - 1] != "!"):
                return self.words[at + 1]
        return ""


def parse(text: str) -> tuple[list[Rule], list[tuple[str, str]]]:
    """`iptables-save`'s rules, and the built-in chains (table, chain) whose policy is DROP."""
    rules, closed, table = [], [], ""
    for line in text.splitlines():
        if line.startswith("*"):
            table = line[1:].strip()
        elif line.startswith(":") and line.split()[1:2] == ["DROP"]:
            closed.append((table, line[1:].split()[0]))
        elif line.startswith("-A "):
            _, chain, *words = shlex.split(line)
            rules.append(Rule(table, chain, tuple(words)))
    return rules, closed


def saved(look: Looker, backend: str) -> str:
    """The rules of a backend; empty where it has no table (asking iptables-legacy would make one)."""
    if backend == "legacy":
        try:
            if not look.read(LEGACY_TABLES).strip():
                return ""
        except CouldNotLook:
            return ""
    return look.run((f"iptables-{backend}-save",))


def backends(look: Looker) -> Finding:
    """Rules in both backends of iptables at once: nft and legacy."""
    name = "iptables-backends"
    texts: dict[str, str] = {}
    for backend in BACKENDS:
        try:
            texts[backend] = saved(look, backend)
        except CouldNotLook:
            continue
    if not texts:
        return unsure(name, "neither iptables-nft-save nor iptables-legacy-save answers")
    counts = {backend: sum(len(part) for part in parse(text)) for backend, text in texts.items()}
    if not all(counts.get(backend) for backend in BACKENDS):
        return well(name, f"{next((b for b, count in counts.items() if count), 'nft')} alone")
    own = next((b for b in BACKENDS if "WHERRY-" in texts[b]), "nft")
    other = next(b for b in BACKENDS if b != own)
    program, kept = f"iptables-{other}", SAVED.format(other)
    tables = sorted({rule.table for rule in parse(texts[other])[0]} | {table for table, _ in parse(texts[other])[1]})
    opened = [f"{program} -t {table} -P {chain} ACCEPT" for table, chain in parse(texts[other])[1]]
    flush = " && ".join([*(f"{program} -t {table} -F && {program} -t {table} -X" for table in tables), *opened])
    example = next(line for line in texts[other].splitlines() if line.startswith("-A ") or " DROP " in line)
    return trouble(
        name,
        f"rules in both: {counts[own]} in {own}, where ours are, and {counts[other]} in {other}",
        f"{program}-save > {kept} && {flush}",
        breaks="every packet meets both: Services time out, and looking at one backend does not show why",
        evidence=f"{program}-save: {example}",
        safe=True,
        undo=f"{program}-restore < {kept}",
    )


def firewall(look: Looker) -> Finding:
    """Rules here that drop what the cluster needs; those on other machines are found by connecting to them."""
    name = "firewall"
    ranges = (settings(look).pod_cidr, settings(look).service_cidr)
    looked = False
    for backend in BACKENDS:
        try:
            rules, closed = parse(saved(look, backend))
        except CouldNotLook:
            continue
        looked = True
        for rule, what in harmful(rules, ranges):
            words = shlex.join(rule.words)
            number = position(rules, rule)
            return trouble(
                name,
                f"a rule drops {what}",
                f"iptables-{backend} -w -t {rule.table} -D {rule.chain} {words}",
                breaks=f"{what} cannot pass",
                evidence=f"iptables-{backend}-save: *{rule.table} -A {rule.chain} {words}",
                safe=True,
                undo=f"iptables-{backend} -w -t {rule.table} -I {rule.chain} {number} {words}",
            )
        for table, chain in closed:
            if shut := _closed(chain, rules):
                return trouble(
                    name,
                    f"{chain} drops whatever no rule lets pass, and none lets {shut} pass",
                    _opening(backend, table, chain),
                    breaks=f"{shut} cannot pass",
                    evidence=f"iptables-{backend}-save: *{table} :{chain} DROP",
                    safe=True,
                    undo=_opening(backend, table, chain).replace(" -I ", " -D "),
                )
    return well(name, "no rule drops the cluster's traffic") if looked else unsure(name, "iptables does not answer")


def harmful(rules: Iterable[Rule], ranges: tuple[str, ...]) -> Iterator[tuple[Rule, str]]:
    """Rules that drop the cluster's traffic, and what they drop.  Those of chains of others' own are not judged."""
    for rule in rules:
        if rule.option("-j") not in DROPS or rule.chain not in BUILT_IN or OURS.match(rule.chain):
            continue
        if what := _dropped(rule, ranges):
            yield rule, what


def _dropped(rule: Rule, ranges: tuple[str, ...]) -> str:
    """What a dropping rule hits of ours; empty where it is about something else."""
    if rule.option("--ctstate", "--state") in ("INVALID", "UNTRACKED") or "--limit" in rule.words:
        return ""
    if any(MULTICAST.match(word) for word in rule.words) and rule.option("--pkt-type") in ("", "multicast"):
        return "multicast, by which boards are found (mDNS)"
    ports = rule.option("--dport", "--dports", "--sport", "--sports", "--destination-port", "--destination-ports")
    hit = [number for number in PORTS if ports and _within(number, ports)]
    if hit:
        return f"port {hit[0]}: {PORTS[hit[0]]}"
    if ports:
        return ""
    ends = (rule.option("-s"), rule.option("-d"))
    if any(end and end == cluster for end in ends for cluster in ranges):
        return "the pods' traffic"
    if any(rule.option(flag).startswith(("cni", "veth")) for flag in ("-i", "-o")):
        return "the pods' traffic"
    plain = not any(ends) and rule.option("-p") in ("", "tcp", "udp", "all", "0")
    if plain and not rule.option("-i", "-o") and not set(rule.words) & {"-m", "!"}:
        return {"FORWARD": "the pods' traffic", "INPUT": "all that arrives"}.get(rule.chain, "all that leaves")
    return ""


def _within(port: int, given: str) -> bool:
    """Whether a port lies in `80`, `6000:7000` or a list of such."""
    for part in given.split(","):
        first, colon, last = part.partition(":")
        low = int(first) if first.isdigit() else 0
        high = (int(last) if last.isdigit() else 65535) if colon else low
        if low <= port <= high:
            return True
    return False


def position(rules: Iterable[Rule], wanted: Rule) -> int:
    """The rule's number in its chain, from 1."""
    chain = [rule for rule in rules if (rule.table, rule.chain) == (wanted.table, wanted.chain)]
    return chain.index(wanted) + 1


def _closed(chain: str, rules: list[Rule]) -> str:
    """What a chain with policy DROP shuts out that we need; our own rules open FORWARD to pods."""
    accepts = [rule for rule in rules if rule.chain == chain and rule.option("-j") == "ACCEPT"]
    if chain == "FORWARD":
        ours = any(rule.chain == chain and rule.option("-j") == "WHERRY-FORWARD" for rule in rules)
        return "" if ours else "the pods' traffic"
    if chain == "INPUT":
        opened = any(_within(10250, ports) for rule in accepts if (ports := rule.option("--dport", "--dports")))
        general = any(
            not rule.option("--dport", "--dports", "-p") and "-m" not in rule.words and rule.option("-i") != "lo"
            for rule in accepts
        )
        jumps = any(
            rule.chain == chain and rule.option("-j") not in (*DROPS, "ACCEPT", "WHERRY-REJECT", "LOG")
            for rule in rules
        )
        return "" if opened or general or jumps else "port 10250: logs, exec and metrics of the node"
    return ""


def _opening(backend: str, table: str, chain: str) -> str:
    """A rule that lets the cluster's traffic pass through a closed chain."""
    what = "-p tcp -m multiport --dports 6443,10250,10256" if chain == "INPUT" else ""
    return f"iptables-{backend} -w -t {table} -I {chain} {what} -j ACCEPT".replace("  ", " ")
