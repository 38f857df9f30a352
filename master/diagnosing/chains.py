"""Why something does not work, link by link: each chain ends at its first broken link, with one sentence and one command.

Pure over the objects that the API lists; `master why` reads them and prints.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kube.selectors import from_labels, from_object

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Link:
    """What is so; `fix` is the command where the chain breaks here, empty where it holds."""

    said: str
    fix: str = ""


Chain = list[Link]


def broken(chain: Sequence[Link]) -> bool:
    return any(link.fix for link in chain)


def told(chain: Sequence[Link]) -> str:
    """A line a link; the command last."""
    lines = [f"{'✗' if link.fix else '✓'} {link.said}" for link in chain]
    return "\n".join([*lines, *(f"    fix: {link.fix}" for link in chain if link.fix)])


def service(found: Object, pods: Sequence[Object], slices: Sequence[Object], policies: Sequence[Object]) -> Chain:
    """Selector, pods, their readiness, ports, endpoints; policies last, since they may be meant."""
    name, space, spec = found["metadata"]["name"], found["metadata"]["namespace"], found["spec"]
    if spec.get("type") == "ExternalName":
        return [Link(f"it is another name for {spec.get('externalName')}: ask that")]
    chain = [Link(f"its address is {spec.get('clusterIP', 'None')}")]
    selector = spec.get("selector") or {}
    chosen = [one for one in pods if selector and from_labels(selector).matches(_labels(one))]
    if selector:
        chain += _backends(space, selector, chosen, spec.get("ports") or ())
        if broken(chain):
            return chain
    ready = [
        row
        for part in slices
        for row in part.get("endpoints") or ()
        if (row.get("conditions") or {}).get("ready", True)
    ]
    if not ready:
        listed = f"kubectl -n {space} get endpointslices -l kubernetes.io/service-name={name}"
        return [*chain, Link("no endpoint of it is ready", listed)]
    chain.append(Link(f"{len(ready)} endpoints are ready"))
    shut = sorted({row["metadata"]["name"] for row in policies if any(_closes(row, one) for one in chosen)})
    if shut:
        chain.append(Link(f"only what the policies {', '.join(shut)} let in reaches its pods"))
    return [*chain, Link(f"the rules on a node: on it, agent net {space}/{name}")]


def _backends(space: str, selector: Mapping[str, str], chosen: Sequence[Object], ports: Sequence[Object]) -> Chain:
    words = ",".join(f"{key}={value}" for key, value in sorted(selector.items()))
    if not chosen:
        return [Link(f"no pod has the labels {words}", f"kubectl -n {space} get pods --show-labels")]
    chain = [Link(f"{len(chosen)} pods have the labels {words}")]
    up = [one for one in chosen if _condition(one, "Ready").get("status") == "True"]
    if not up:
        first = chosen[0]["metadata"]["name"]
        return [*chain, Link(f"none of them is ready; the first is {first}", f"master why -n {space} {first}")]
    chain.append(Link(f"{len(up)} of them are ready"))
    for port in ports:
        target = port.get("targetPort", port["port"])
        if isinstance(target, str) and not any(target in _port_names(one) for one in up):
            wanted = f"no container of {up[0]['metadata']['name']} has a port named {target}"
            return [*chain, Link(wanted, f"kubectl -n {space} get pod {up[0]['metadata']['name']} -o yaml")]
    return chain


def _labels(row: Object) -> dict[str, str]:
    return dict(row["metadata"].get("labels") or {})


def _port_names(pod: Object) -> set[str]:
    return {row.get("name", "") for one in pod["spec"].get("containers") or () for row in one.get("ports") or ()}


def _closes(policy: Object, one: Object) -> bool:
    """Whether a NetworkPolicy takes a pod's incoming traffic in hand."""
    spec = policy["spec"]
    chosen = from_object(spec.get("podSelector") or {}).matches(_labels(one))
    return chosen and "Ingress" in (spec.get("policyTypes") or ("Ingress",))


def pod(found: Object) -> Chain:
    """From the node on: whether it is placed is the scheduler's to say."""
    name, space = found["metadata"]["name"], found["metadata"]["namespace"]
    node, status = found["spec"].get("nodeName"), found.get("status") or {}
    if not node:
        return [Link("it has no node yet", f"kubectl -n {space} describe pod {name}")]
    chain = [Link(f"it is on {node}")]
    if status.get("reason"):
        return [*chain, Link(f"{status['reason']}: {status.get('message', '')}", f"master doctor {node}")]
    rows = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    if not rows and status.get("phase", "Pending") == "Pending":
        return [*chain, Link(f"{node} has not begun with it", f"master doctor {node}")]
    for row in rows:
        if said := _container(row):
            return [*chain, Link(f"container {row['name']} {said}", _next(row, space, name))]
    chain.append(Link(f"its {len(rows)} containers are as they should be: {status.get('phase')}"))
    ready = _condition(found, "Ready")
    if status.get("phase") == "Running" and ready.get("status") != "True":
        said = f"it is not ready: {ready.get('message') or ready.get('reason') or 'a probe has not succeeded yet'}"
        return [*chain, Link(said, f"kubectl -n {space} describe pod {name}")]
    return chain


def _container(row: Object) -> str:
    """What keeps a container from running; empty where nothing does."""
    state, last = row.get("state") or {}, (row.get("lastState") or {}).get("terminated") or {}
    if waiting := state.get("waiting"):
        before = f"; it ended with {last.get('exitCode')} ({last.get('reason', '')}) before" if last else ""
        return f"waits: {waiting.get('reason', '')} {waiting.get('message', '')}".rstrip() + before
    ended = state.get("terminated") or {}
    if ended.get("exitCode"):
        return f"ended with {ended['exitCode']}: {ended.get('reason', '')} {ended.get('message', '')}".rstrip()
    return ""


def _next(row: Object, space: str, name: str) -> str:
    """An image that does not come is seen in the events, a program that ends in its log."""
    reason = ((row.get("state") or {}).get("waiting") or {}).get("reason", "")
    if reason in ("CrashLoopBackOff", "Error", "") or row.get("restartCount"):
        return f"kubectl logs -n {space} {name} -c {row['name']}{' --previous' if row.get('restartCount') else ''}"
    return f"kubectl -n {space} describe pod {name}"


def claim(found: Object, classes: Sequence[Object], pods: Sequence[Object]) -> Chain:
    """Class, consumer, volume."""
    name, space, spec = found["metadata"]["name"], found["metadata"]["namespace"], found["spec"]
    phase = (found.get("status") or {}).get("phase", "Pending")
    if phase == "Bound":
        return [Link(f"it is bound to {spec.get('volumeName')}")]
    if phase == "Lost":
        return [Link(f"its volume {spec.get('volumeName')} is gone", f"kubectl get pv {spec.get('volumeName')}")]
    wanted = spec.get("storageClassName")
    chosen = next((row for row in classes if row["metadata"]["name"] == wanted), None)
    if wanted and chosen is None:
        return [Link(f"there is no class {wanted}", "kubectl get storageclasses")]
    if chosen is None:
        return [Link("it names no class, and no volume suits it", "kubectl get pv")]
    chain = [Link(f"its class is {wanted}")]
    users = [row["metadata"]["name"] for row in pods if name in _claims(row)]
    if chosen.get("volumeBindingMode") == "WaitForFirstConsumer" and not users:
        return [*chain, Link("it waits for a first pod that uses it", f"kubectl -n {space} get pods")]
    if users:
        return [*chain, Link(f"it waits for pod {users[0]} to get a node", f"master why -n {space} {users[0]}")]
    return [*chain, Link("no volume has been made for it yet", f"kubectl -n {space} describe pvc {name}")]


def _claims(row: Object) -> set[str]:
    volumes = row["spec"].get("volumes") or ()
    return {(one.get("persistentVolumeClaim") or {}).get("claimName", "") for one in volumes}


def node(found: Object) -> Chain:
    """Its conditions as it reports them, and whether it takes pods."""
    name, chain = found["metadata"]["name"], []
    for row in (found.get("status") or {}).get("conditions") or ():
        if (row["type"] == "Ready") != (row["status"] == "True"):
            chain.append(Link(f"{row['type']} is {row['status']}: {row.get('message', '')}", f"master doctor {name}"))
    if found["spec"].get("unschedulable"):
        chain.append(Link("it takes no new pods: cordoned", f"kubectl uncordon {name}"))
    return chain or [Link("it is Ready and takes pods")]


def _condition(row: Object, kind: str) -> Mapping[str, Any]:
    return next((one for one in (row.get("status") or {}).get("conditions") or () if one["type"] == kind), {})
