"""Admission policies over what goes into running pods."""

from __future__ import annotations

POLICY = """
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {{name: {space}}}
spec:
  matchConstraints:
    namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: {space}}}}}
    resourceRules:
    - {{apiGroups: [""], apiVersions: [v1], operations: [CONNECT], resources: [pods/exec]}}
  validations:
  - {{expression: "object.command[0] != 'rm'", message: nothing is removed here}}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {{name: {space}}}
spec: {{policyName: {space}, validationActions: [Deny]}}
"""


def test_a_policy_decides_what_is_executed(cluster, space, until):
    image = "--image=wherry.local/busybox:1"
    cluster.kubectl("-n", space, "run", "p", image, "--restart=Never", "--command", "--", "sleep", "1000")
    cluster.kubectl("-n", space, "wait", "pod/p", "--for=condition=Ready", "--timeout=40s")
    cluster.kubectl("apply", "-f", "-", stdin=POLICY.format(space=space))
    try:

        def refused() -> bool:
            said = cluster.run("kubectl", "-n", space, "exec", "p", "--", "rm", "/none", check=False).stderr
            return "nothing is removed here" in said

        until(refused, 30, "the refusal")
        assert cluster.kubectl("-n", space, "exec", "p", "--", "echo", "fine").strip() == "fine"
    finally:
        cluster.kubectl("delete", "validatingadmissionpolicy,validatingadmissionpolicybinding", space)
