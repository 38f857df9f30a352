"""The restricted level: what hardens a pod must be said (Kubernetes' documentation, "Pod Security Standards")."""

from __future__ import annotations

from master.api.admission.pod_security.problems import Object, Problem, Subject, at, counted, named, quoted, security

VOLUMES = frozenset(
    {
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "image",
        "persistentVolumeClaim",
        "projected",
        "secret",
    }
)
PROFILES = ("RuntimeDefault", "Localhost")


def privilege_escalation(subject: Subject) -> Problem | None:
    if subject.is_windows:
        return None
    names = named(subject, lambda container: security(container).get("allowPrivilegeEscalation") is not False)
    words = "must set securityContext.allowPrivilegeEscalation=false"
    return Problem("allowPrivilegeEscalation != false", f"{counted('container', names)} {words}") if names else None


def capabilities(subject: Subject) -> Problem | None:
    if subject.is_windows:
        return None

    def added(container: Object) -> set[str]:
        return {*(at(security(container), "capabilities", "add") or ())} - {"NET_BIND_SERVICE"}

    said = []
    keeping = named(subject, lambda container: "ALL" not in (at(security(container), "capabilities", "drop") or ()))
    if keeping:
        said.append(f'{counted("container", keeping)} must set securityContext.capabilities.drop=["ALL"]')
    if adding := named(subject, lambda container: bool(added(container))):
        every = sorted({one for container in subject.containers for one in added(container)})
        words = f"must not include {quoted(every)} in securityContext.capabilities.add"
        said.append(f"{counted('container', adding)} {words}")
    return Problem("unrestricted capabilities", "; ".join(said)) if said else None


def volumes(subject: Subject) -> Problem | None:
    kinds = [(volume["name"], _kind(volume)) for volume in subject.spec.get("volumes") or ()]
    bad = [(name, kind) for name, kind in kinds if kind not in VOLUMES]
    if not bad:
        return None
    types = sorted({kind for _, kind in bad})
    verb, noun = "use" if len(bad) > 1 else "uses", "types" if len(types) > 1 else "type"
    words = f"{counted('volume', [name for name, _ in bad])} {verb} restricted volume {noun} {quoted(types)}"
    return Problem("restricted volume types", words)


def _kind(volume: Object) -> str:
    """The volume's source; one without any is an emptyDir."""
    return next((key for key in volume if key != "name"), "emptyDir")


def run_as_non_root(subject: Subject) -> Problem | None:
    said = security(subject.spec).get("runAsNonRoot")
    if named_false := named(subject, lambda container: security(container).get("runAsNonRoot") is False):
        words = f"{counted('container', named_false)} must not set securityContext.runAsNonRoot=false"
        return Problem("runAsNonRoot != true", _after_pod(said is False, words, "securityContext.runAsNonRoot=false"))
    if said is True:
        return None
    silent = named(subject, lambda container: security(container).get("runAsNonRoot") is None)
    if not silent:
        return None
    if said is False:
        return Problem("runAsNonRoot != true", "pod must not set securityContext.runAsNonRoot=false")
    words = f"pod or {counted('container', silent)} must set securityContext.runAsNonRoot=true"
    return Problem("runAsNonRoot != true", words)


def _after_pod(pod_too: bool, words: str, setting: str) -> str:
    return f"pod must not set {setting}, {words}" if pod_too else words


def run_as_user(subject: Subject) -> Problem | None:
    said = ["pod must not set runAsUser=0"] if security(subject.spec).get("runAsUser") == 0 else []
    if names := named(subject, lambda container: security(container).get("runAsUser") == 0):
        said.append(f"{counted('container', names)} must not set runAsUser=0")
    return Problem("runAsUser=0", ", ".join(said)) if said else None


def seccomp(subject: Subject) -> Problem | None:
    if subject.is_windows:
        return None
    of_pod = at(security(subject.spec), "seccompProfile", "type")
    said = []
    if of_pod not in (None, *PROFILES):
        said.append(f"pod must not set securityContext.seccompProfile.type to {quoted([of_pod])}")
    types = {c["name"]: at(security(c), "seccompProfile", "type") for c in subject.containers}
    if bad := [name for name, kind in types.items() if kind not in (None, *PROFILES)]:
        kinds = quoted(sorted({str(types[name]) for name in bad}))
        said.append(f"{counted('container', bad)} must not set securityContext.seccompProfile.type to {kinds}")
    silent = [name for name, kind in types.items() if kind is None]
    if silent and of_pod is None:
        wanted = 'must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"'
        said.append(f"pod or {counted('container', silent)} {wanted}")
    return Problem("seccompProfile", "; ".join(said)) if said else None
