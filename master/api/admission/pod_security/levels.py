"""The levels and their checks, in the order in which refusals list them; a restricted check may stand for a baseline one."""

from __future__ import annotations

from collections.abc import Callable

from master.api.admission.pod_security import baseline, restricted
from master.api.admission.pod_security.problems import Problem, Subject

Check = Callable[[Subject], Problem | None]

BASELINE: tuple[Check, ...] = (
    baseline.app_armor,
    baseline.capabilities,
    baseline.host_namespaces,
    baseline.host_path_volumes,
    baseline.host_ports,
    baseline.host_probes,
    baseline.privileged,
    baseline.proc_mount,
    baseline.selinux_options,
    baseline.seccomp,
    baseline.sysctls,
    baseline.windows_host_process,
)
RESTRICTED: tuple[Check, ...] = (
    restricted.privilege_escalation,
    restricted.capabilities,
    restricted.volumes,
    restricted.run_as_non_root,
    restricted.run_as_user,
    restricted.seccomp,
)
REPLACED = (baseline.capabilities, baseline.host_path_volumes, baseline.seccomp)
LEVELS: dict[str, tuple[Check, ...]] = {
    "privileged": (),
    "baseline": BASELINE,
    "restricted": (*(check for check in BASELINE if check not in REPLACED), *RESTRICTED),
}


def problems(level: str, subject: Subject) -> list[Problem]:
    return [problem for check in LEVELS[level] if (problem := check(subject)) is not None]
