"""The cluster from this node's seat: certificates, the way to the masters, and what the API says of this node."""

from __future__ import annotations

import json
import ssl
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from probes import certificates
from probes.checks.network import own_address, own_interfaces
from probes.checks.system import NEW_MACHINE_ID
from probes.findings import Finding, trouble, unsure, well
from probes.looking import Answer, CouldNotLook, Looker
from probes.settings import FILE, Settings, joined, parse, settings

FOLDER = "/etc/wherry"
LEAST_DAYS = 30
SLOW_SECONDS = 2.0
LEASE_SECONDS = 40.0
RENEW = "master join {} (on the master): it signs the node's keys anew"
STUCK = (
    "CrashLoopBackOff",
    "ImagePullBackOff",
    "ErrImagePull",
    "CreateContainerError",
    "CreateContainerConfigError",
    "RunContainerError",
)

Object = dict[str, Any]


def _renewal(look: Looker) -> str:
    return RENEW.format(settings(look).name or "NAME")


def certificate(look: Looker) -> Finding | None:
    """The node's certificates and its authority: readable, valid now, and for how long."""
    name = "certificates"
    if not joined(look):
        return None
    now = datetime.fromtimestamp(look.now(), UTC)
    read = {}
    for file in ("node.crt", "serving.crt", "ca.crt"):
        try:
            read[file] = certificates.read(look.read(f"{FOLDER}/{file}"))
        except (CouldNotLook, ValueError) as error:
            return trouble(
                name,
                f"{FOLDER}/{file} cannot be used: {error}",
                _renewal(look),
                breaks="the agent cannot speak to the master",
                evidence=f"{FOLDER}/{file}",
            )
    first = min(read, key=lambda file: read[file].not_after)
    ends = read[first].not_after
    left = ends - now
    early = [file for file, row in read.items() if row.not_before > now]
    if early:
        return trouble(
            name,
            f"{early[0]} is valid from {read[early[0]].not_before:%Y-%m-%d %H:%M} only: is the clock right?",
            "timedatectl set-ntp true",
            breaks="the master and the agent refuse one another",
            evidence=f"{FOLDER}/{early[0]}: notBefore {read[early[0]].not_before:%Y-%m-%dT%H:%M:%SZ}",
        )
    if left < timedelta(days=LEAST_DAYS):
        over = left <= timedelta(0)
        said = f"{first} {'ended' if over else 'ends in'} {abs(left).days} days{' ago' if over else ''}, {ends:%Y-%m-%d %H:%M}Z"
        return trouble(
            name,
            said,
            _renewal(look),
            breaks="the node turns NotReady"
            if not over
            else "the master and the agent refuse one another: the node is NotReady",
            evidence=f"{FOLDER}/{first}: notAfter {ends:%Y-%m-%dT%H:%M:%SZ}",
        )
    return well(name, f"the first ends in {left.days} days")


def api(look: Looker) -> Finding | None:
    """The way to the masters, as the agent goes it: name, route, firewall, certificate, answer."""
    name = "api"
    if not joined(look):
        return None
    try:
        ours = parse(look.read(FILE))
    except ValueError as error:
        return trouble(
            name, f"{FILE} cannot be read: {error}", _renewal(look), breaks="the agent does not start", evidence=FILE
        )
    refusals = []
    for server in ours.servers:
        try:
            answer = look.fetch(f"{server}/readyz")
        except CouldNotLook as error:
            refusals.append(f"{server}: {error}")
            continue
        if answer.status == 200 and answer.seconds < SLOW_SECONDS:
            return well(name, f"{server} ready, answered in {answer.seconds * 1000:.0f} ms")
        words = (
            f"answers only after {answer.seconds:.1f} s"
            if answer.status == 200
            else f"{answer.status} {answer.body[:80]}"
        )
        refusals.append(f"{server}: {words}")
    host, port = ours.masters[0] if ours.masters else ("MASTER", 6443)
    return trouble(
        name,
        "no master answers; is it on?" if ours.servers else f"{FILE} names no master",
        _way(look, host, port),
        breaks="pods run on, but nothing new is heard, and the node turns NotReady",
        evidence="; ".join(refusals),
    )


def _way(look: Looker, host: str, port: int) -> str:
    """What to do about a master that does not answer, by how it does not."""
    said = look.connect(host, port)
    if said == "refused":
        return f"on {host}: systemctl start wherry-master (or master up); port {port} is open, but nobody listens"
    if said == "timed out":
        return f"on {host}: iptables -I INPUT -p tcp --dport {port} -j ACCEPT"
    return f"on {host}: master doctor" if not said else f"ip route get {host}; is the address right in {FILE}?"


def trust(look: Looker) -> Finding | None:
    """Whether this node and its master believe one another: authority, key, certificate."""
    name, ours = "trust", settings(look)
    if not joined(look) or not ours.servers:
        return None
    try:
        answer = _own_node(look, ours)
    except CouldNotLook as error:
        words = str(error)
        if "expired" in words or "not yet valid" in words:
            return unsure(name, words)
        if "certificate verify failed" in words and "hostname" not in words and "IP address" not in words:
            said = f"{FOLDER}/ca.crt is not the authority of {ours.servers[0]}: another cluster, or one made anew"
        elif "KEY_VALUES_MISMATCH" in words or "mismatch" in words:
            said = f"{FOLDER}/node.key does not belong to node.crt: the master will not know this node"
        elif "alert" in words.lower() or "unknown ca" in words.lower():
            said = "the master refuses this node's certificate"
        else:
            return unsure(name, words)
        return _untrusted(look, said, words)
    except ssl.SSLError as error:
        return _untrusted(look, f"{FOLDER}/node.crt and node.key cannot be used together", str(error))
    if answer.status == 401:
        return _untrusted(
            look, "the master does not know this node's certificate (another authority, or denied)", "401 Unauthorized"
        )
    if answer.status == 404:
        return _untrusted(look, f"the cluster has no node {ours.name}: it was removed", "404 Not Found")
    return well(name, f"the master knows this node as {ours.name or 'its own'}")


def _untrusted(look: Looker, said: str, words: str) -> Finding:
    return trouble(
        "trust", said, _renewal(look), breaks="the agent is refused, and the node is NotReady", evidence=words
    )


def _own_node(look: Looker, ours: Settings) -> Answer:
    return look.fetch(f"{ours.servers[0]}/api/v1/nodes/{ours.name}", proven=True)


def _listed(look: Looker, path: str) -> list[Object]:
    """What the API lists for this node; CouldNotLook where it refuses."""
    ours = settings(look)
    if not ours.servers:
        raise CouldNotLook("this machine is no node")
    answer = look.fetch(f"{ours.servers[0]}{path}", proven=True)
    if answer.status != 200:
        raise CouldNotLook(f"the API answered {answer.status}")
    items: list[Object] = json.loads(answer.body)["items"]
    return items


def identity(look: Looker) -> Finding | None:
    """A cloned card gives two machines one machine-id; then nodes are confused, and DHCP gives both one address."""
    name, ours = "identity", settings(look)
    if not joined(look):
        return None
    own = look.read("/etc/machine-id").strip()
    others = [node for node in _listed(look, "/api/v1/nodes") if node["metadata"]["name"] != ours.name]
    same = [node["metadata"]["name"] for node in others if own and _info(node).get("machineID") == own]
    if same:
        return trouble(
            name,
            f"this machine has the machine-id of {', '.join(same)}: one card is a copy of the other",
            f"{NEW_MACHINE_ID} && rm -f /etc/ssh/ssh_host_* && ssh-keygen -A",
            breaks="nodes are taken for one another; DHCP may give both the same address",
            evidence=f"/etc/machine-id: {own}, as nodeInfo.machineID of {same[0]}",
        )
    return well(name, "no other node has our machine-id")


def _info(node: Object) -> Object:
    found: Object = (node.get("status") or {}).get("nodeInfo") or {}
    return found


def node(look: Looker) -> Finding | None:
    """What the cluster thinks of this node: Ready, and reached by an address that is ours."""
    name, ours = "node", settings(look)
    if not joined(look):
        return None
    found = next((n for n in _listed(look, "/api/v1/nodes") if n["metadata"]["name"] == ours.name), None)
    if found is None:
        raise CouldNotLook(f"the API lists no node {ours.name}")
    status = found.get("status") or {}
    addresses = [row["address"] for row in status.get("addresses") or () if row["type"] == "InternalIP"]
    own = {a.partition("/")[0] for row in own_interfaces(look) for a in row.addresses}
    if addresses and not own & set(addresses):
        return trouble(
            name,
            f"the cluster looks for this node at {addresses[0]}, but it has {own_address(look, ours) or 'another address'} now",
            "wherry-supervise restart wherry-agent (or systemctl restart wherry-agent); keep the address by a DHCP reservation",
            breaks="logs and exec fail, and other nodes send pods' packets to the wrong place",
            evidence=f"Node {ours.name}: InternalIP {addresses[0]}; ip address: {', '.join(sorted(own))}",
        )
    ready: Object = next((row for row in status.get("conditions") or () if row["type"] == "Ready"), {})
    if ready.get("status") != "True":
        return trouble(
            name,
            f"the cluster calls this node NotReady: {ready.get('message', 'its agent has never reported')}",
            "wherry-supervise restart wherry-agent (or systemctl restart wherry-agent)",
            breaks="no pod is placed here, and those here are moved",
            evidence=f"condition Ready: {ready.get('status', 'missing')}, {ready.get('reason', '')}",
        )
    taints = [t["key"] for t in (found.get("spec") or {}).get("taints") or () if t.get("effect") != "PreferNoSchedule"]
    return well(name, f"Ready{'; not for every pod: ' + ', '.join(taints) if taints else ''}")


def pods(look: Looker) -> Finding | None:
    """Pods of this node that do not come up, and the word that says why."""
    name, ours = "pods", settings(look)
    if not joined(look):
        return None
    stuck: dict[str, tuple[str, str]] = {}
    for pod in _listed(look, f"/api/v1/pods?fieldSelector=spec.nodeName%3D{ours.name}"):
        for row in (pod.get("status") or {}).get("containerStatuses") or ():
            waiting = (row.get("state") or {}).get("waiting") or {}
            if waiting.get("reason") in STUCK:
                meta = pod["metadata"]
                stuck[f"{meta['namespace']}/{meta['name']}"] = (waiting["reason"], waiting.get("message", ""))
    if not stuck:
        return well(name, "none is stuck")
    first, (reason, message) = next(iter(stuck.items()))
    namespace, _, pod_name = first.partition("/")
    counts = ", ".join(f"{count} {word}" for word, count in Counter(r for r, _ in stuck.values()).items())
    return trouble(
        name,
        f"{counts}; the first is {first}",
        f"master why -n {namespace} {pod_name} (on the master)",
        breaks=f"{first} does not run",
        evidence=f"{reason}: {message[:160]}",
    )
