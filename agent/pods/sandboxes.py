"""A pod into its sandbox: host name, DNS, ports, namespaces, labels; and the managed /etc/hosts.  Pure.

The labels are those every Kubernetes node writes: an agent that starts anew reads its pods back from them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agent.pods.observed import Pod
from agent.pods.places import NodeFacts, Paths
from agent.pods.resources import cgroup_parent, qos_class
from agent.pods.security import namespaces, sysctl_name
from agent.runtime.words import Dns, PortMapping, Profile, SandboxConfig

POD_NAME = "io.kubernetes.pod.name"
POD_NAMESPACE = "io.kubernetes.pod.namespace"
POD_UID = "io.kubernetes.pod.uid"
GRACE = "io.kubernetes.pod.terminationGracePeriod"
LONGEST_HOST_NAME = 63
MOST_SEARCHES = 32

HOSTS = """\
# Kubernetes-managed hosts file.
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
fe00::0\tip6-mcastprefix
fe00::1\tip6-allnodes
fe00::2\tip6-allrouters
"""


def pod_labels(pod: Pod) -> dict[str, str]:
    meta = pod["metadata"]
    return {POD_NAME: meta["name"], POD_NAMESPACE: meta["namespace"], POD_UID: meta["uid"]}


def sandbox_config(pod: Pod, attempt: int, node: NodeFacts, paths: Paths) -> SandboxConfig:
    meta, spec = pod["metadata"], pod["spec"]
    security = spec.get("securityContext") or {}
    containers = [*spec["containers"], *(spec.get("initContainers") or ())]
    return SandboxConfig(
        name=meta["name"],
        namespace=meta["namespace"],
        uid=meta["uid"],
        attempt=attempt,
        hostname="" if spec.get("hostNetwork") else host_name(pod, node),
        log_directory=str(paths.log_folder(meta["namespace"], meta["name"], meta["uid"])),
        dns=dns(pod, node),
        ports=tuple(port for container in containers for port in _ports(container)),
        labels={**(meta.get("labels") or {}), **pod_labels(pod)},
        annotations={
            **(meta.get("annotations") or {}),
            GRACE: str(spec.get("terminationGracePeriodSeconds", 30)),
        },
        cgroup_parent=cgroup_parent(node.cgroup_root, pod, qos_class(pod)),
        sysctls={sysctl_name(sysctl["name"]): sysctl["value"] for sysctl in security.get("sysctls") or ()},
        namespaces=namespaces(pod),
        privileged=any((c.get("securityContext") or {}).get("privileged") for c in containers),
        seccomp=Profile("RuntimeDefault"),
    )


def runtime_handler(pod: Pod, objects: Mapping[tuple[str, str], Any]) -> str:
    """How the runtime calls what the pod's RuntimeClass means; empty is its own choice.  LookupError when there is none."""
    name = pod["spec"].get("runtimeClassName")
    if not name:
        return ""
    found = objects.get(("RuntimeClass", name))
    if found is None:
        raise LookupError(f'RuntimeClass.node.k8s.io "{name}" not found')
    return str(found.get("handler") or "")


def host_name(pod: Pod, node: NodeFacts) -> str:
    """The pod's host name, or its whole domain name where the spec wants that."""
    short = _short_name(pod)
    if pod["spec"].get("setHostnameAsFQDN") and not pod["spec"].get("hostnameOverride"):
        return domain_name(pod, node) or short
    return short


def domain_name(pod: Pod, node: NodeFacts) -> str:
    """`HOST.SUBDOMAIN.NAMESPACE.svc.DOMAIN`; empty for a pod without a subdomain."""
    subdomain = pod["spec"].get("subdomain")
    if not subdomain or pod["spec"].get("hostnameOverride"):
        return ""
    return f"{_short_name(pod)}.{subdomain}.{pod['metadata']['namespace']}.svc.{node.cluster_domain}"


def dns(pod: Pod, node: NodeFacts) -> Dns:
    """dnsPolicy, and what dnsConfig adds to it."""
    spec = pod["spec"]
    policy = spec.get("dnsPolicy") or "ClusterFirst"
    if policy == "ClusterFirst" and spec.get("hostNetwork"):
        policy = "Default"
    start = Dns()
    if policy == "Default" or not node.cluster_dns:
        start = node.host_dns
    elif policy != "None":
        start = _cluster_first(pod["metadata"]["namespace"], node)
    return _with_config(start, spec.get("dnsConfig") or {})


def hosts_file(pod: Pod, node: NodeFacts, ips: Sequence[str], own: str = "") -> str:
    """The pod's /etc/hosts; with hostNetwork it is the node's `own`, and the pod's aliases.

    The line `# node: NAME` tells a program its node without a variable in every container's environment.
    """
    spec = pod["spec"]
    if spec.get("hostNetwork"):
        text = "# Kubernetes-managed hosts file (host network).\n" + own
    else:
        names = [name for name in (domain_name(pod, node), _short_name(pod)) if name]
        text = HOSTS + f"# node: {node.name}\n" + "".join(f"{ip}\t{chr(9).join(names)}\n" for ip in ips)
    aliases = spec.get("hostAliases") or ()
    if aliases:
        text += "\n# Entries added by HostAliases.\n"
    return text + "".join(f"{alias['ip']}\t{chr(9).join(alias.get('hostnames') or ())}\n" for alias in aliases)


def _short_name(pod: Pod) -> str:
    spec = pod["spec"]
    if override := spec.get("hostnameOverride"):
        return str(override)
    name = spec.get("hostname") or pod["metadata"]["name"]
    return str(name)[:LONGEST_HOST_NAME].rstrip("-.")


def _cluster_first(namespace: str, node: NodeFacts) -> Dns:
    domain = node.cluster_domain
    own = (f"{namespace}.svc.{domain}", f"svc.{domain}", domain)
    return Dns(node.cluster_dns, own + node.host_dns.searches, ("ndots:5",))


def _with_config(start: Dns, config: dict[str, Any]) -> Dns:
    options = {option.partition(":")[0]: option for option in start.options}
    for option in config.get("options") or ():
        value = option.get("value")
        options[option["name"]] = f"{option['name']}:{value}" if value is not None else option["name"]
    return Dns(
        tuple(dict.fromkeys((*start.servers, *(config.get("nameservers") or ())))),
        tuple(dict.fromkeys((*start.searches, *(config.get("searches") or ()))))[:MOST_SEARCHES],
        tuple(options.values()),
    )


def _ports(container: dict[str, Any]) -> list[PortMapping]:
    return [
        PortMapping(port.get("protocol", "TCP"), port["containerPort"], port["hostPort"], port.get("hostIP", ""))
        for port in container.get("ports") or ()
        if port.get("hostPort")
    ]
