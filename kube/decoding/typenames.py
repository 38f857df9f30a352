"""How Go names the types of the API: what an error about a wrong JSON type cites.

`json: cannot unmarshal number into Go struct field PodSpec.spec.restartPolicy of type v1.RestartPolicy`: the schemas say
string, so the names of such string types are listed here, and so are the structs that JSON lifts into their parent.
"""

from __future__ import annotations

from functools import cache

from kube import schemas
from kube.schemas import Shape

# Fields of these names have the type wherever they stand, except where ALIASES says otherwise.
COMMON_ALIASES: dict[str, str] = {
    "accessModes": "v1.PersistentVolumeAccessMode",
    "concurrencyPolicy": "v1.ConcurrencyPolicy",
    "dnsPolicy": "v1.DNSPolicy",
    "failurePolicy": "v1.FailurePolicyType",
    "imagePullPolicy": "v1.PullPolicy",
    "ipFamilies": "v1.IPFamily",
    "ipFamilyPolicy": "v1.IPFamilyPolicy",
    "matchPolicy": "v1.MatchPolicyType",
    "persistentVolumeReclaimPolicy": "v1.PersistentVolumeReclaimPolicy",
    "pathType": "v1.PathType",
    "policyTypes": "v1.PolicyType",
    "podManagementPolicy": "v1.PodManagementPolicyType",
    "preemptionPolicy": "v1.PreemptionPolicy",
    "procMount": "v1.ProcMountType",
    "propagationPolicy": "v1.DeletionPropagation",
    "protocol": "v1.Protocol",
    "reinvocationPolicy": "v1.ReinvocationPolicyType",
    "restartPolicy": "v1.RestartPolicy",
    "scopes": "v1.ResourceQuotaScope",
    "sideEffects": "v1.SideEffectClass",
    "terminationMessagePolicy": "v1.TerminationMessagePolicy",
    "uid": "types.UID",
    "unhealthyPodEvictionPolicy": "v1.UnhealthyPodEvictionPolicyType",
    "volumeBindingMode": "v1.VolumeBindingMode",
    "volumeMode": "v1.PersistentVolumeMode",
    "whenUnsatisfiable": "v1.UnsatisfiableConstraintAction",
}

ALIASES: dict[str, str] = {
    "Capabilities.add": "v1.Capability",
    "Capabilities.drop": "v1.Capability",
    "CSIDriverSpec.fsGroupPolicy": "v1.FSGroupPolicy",
    "CSIDriverSpec.volumeLifecycleModes": "v1.VolumeLifecycleMode",
    "CertificateSigningRequestCondition.type": "v1.RequestConditionType",
    "CertificateSigningRequestSpec.uid": "string",
    "CertificateSigningRequestSpec.usages": "v1.KeyUsage",
    "Condition.status": "v1.ConditionStatus",
    "Container.restartPolicy": "v1.ContainerRestartPolicy",
    "CustomResourceDefinitionSpec.scope": "v1.ResourceScope",
    "CustomResourceConversion.strategy": "v1.ConversionStrategyType",
    "DaemonSetUpdateStrategy.type": "v1.DaemonSetUpdateStrategyType",
    "DeploymentStrategy.type": "v1.DeploymentStrategyType",
    "EmptyDirVolumeSource.medium": "v1.StorageMedium",
    "EndpointSlice.addressType": "v1.AddressType",
    "EphemeralContainer.restartPolicy": "v1.ContainerRestartPolicy",
    "FlowDistinguisherMethod.type": "v1.FlowDistinguisherMethodType",
    "HPAScalingPolicy.type": "v2.HPAScalingPolicyType",
    "HPAScalingRules.selectPolicy": "v2.ScalingPolicySelect",
    "HTTPGetAction.scheme": "v1.URIScheme",
    "HostPathVolumeSource.type": "v1.HostPathType",
    "JobSpec.completionMode": "v1.CompletionMode",
    "JobSpec.podReplacementPolicy": "v1.PodReplacementPolicy",
    "LimitRangeItem.type": "v1.LimitType",
    "LimitResponse.type": "v1.LimitResponseType",
    "MetricSpec.type": "v2.MetricSourceType",
    "MetricTarget.type": "v2.MetricTargetType",
    "NamespaceSpec.finalizers": "v1.FinalizerName",
    "NamespaceStatus.phase": "v1.NamespacePhase",
    "NodeSelectorRequirement.operator": "v1.NodeSelectorOperator",
    "NodeStatus.phase": "v1.NodePhase",
    "LabelSelectorRequirement.operator": "v1.LabelSelectorOperator",
    "PersistentVolumeClaimStatus.phase": "v1.PersistentVolumeClaimPhase",
    "PersistentVolumeStatus.phase": "v1.PersistentVolumePhase",
    "PodFailurePolicyRule.action": "v1.PodFailurePolicyAction",
    "PodSecurityContext.fsGroupChangePolicy": "v1.PodFSGroupChangePolicy",
    "PodStatus.phase": "v1.PodPhase",
    "PodStatus.qosClass": "v1.PodQOSClass",
    "PriorityLevelConfigurationSpec.type": "v1.PriorityLevelEnablement",
    "ResourceClaimConsumerReference.uid": "types.UID",
    "ResourceMetricSource.name": "v1.ResourceName",
    "RuleWithOperations.operations": "v1.OperationType",
    "NamedRuleWithOperations.operations": "v1.OperationType",
    "RuleWithOperations.scope": "v1.ScopeType",
    "NamedRuleWithOperations.scope": "v1.ScopeType",
    "ScopedResourceSelectorRequirement.operator": "v1.ScopeSelectorOperator",
    "ScopedResourceSelectorRequirement.scopeName": "v1.ResourceQuotaScope",
    "SeccompProfile.type": "v1.SeccompProfileType",
    "Secret.type": "v1.SecretType",
    "ServiceSpec.externalTrafficPolicy": "v1.ServiceExternalTrafficPolicy",
    "ServiceSpec.internalTrafficPolicy": "v1.ServiceInternalTrafficPolicy",
    "ServiceSpec.sessionAffinity": "v1.ServiceAffinity",
    "ServiceSpec.type": "v1.ServiceType",
    "StatefulSetUpdateStrategy.type": "v1.StatefulSetUpdateStrategyType",
    "StorageClass.reclaimPolicy": "v1.PersistentVolumeReclaimPolicy",
    "SubjectAccessReviewSpec.uid": "string",
    "Taint.effect": "v1.TaintEffect",
    "Toleration.effect": "v1.TaintEffect",
    "Toleration.operator": "v1.TolerationOperator",
    "TopologySpreadConstraint.nodeAffinityPolicy": "v1.NodeInclusionPolicy",
    "TopologySpreadConstraint.nodeTaintsPolicy": "v1.NodeInclusionPolicy",
    "UserInfo.uid": "string",
    "Validation.reason": "v1.StatusReason",
    "ValidatingAdmissionPolicyBindingSpec.validationActions": "v1.ValidationAction",
    "VolumeMount.mountPropagation": "v1.MountPropagationMode",
}

_LOCAL_REFERENCE = {"name": "LocalObjectReference"}
_RULE = dict.fromkeys(("apiGroups", "apiVersions", "resources", "scope"), "Rule")
_VOLUME_SPEC_OWN = [
    "accessModes",
    "capacity",
    "claimRef",
    "mountOptions",
    "nodeAffinity",
    "persistentVolumeReclaimPolicy",
    "storageClassName",
    "volumeAttributesClassName",
    "volumeMode",
]

# Structs lifted into their parent: definition → field → what stands before the field in an error's path.
EMBEDDED: dict[str, dict[str, str]] = {
    "ConfigMapEnvSource": _LOCAL_REFERENCE,
    "ConfigMapKeySelector": _LOCAL_REFERENCE,
    "ConfigMapProjection": _LOCAL_REFERENCE,
    "ConfigMapVolumeSource": _LOCAL_REFERENCE,
    "IngressRule": {"http": "IngressRuleValue"},
    "NamedRuleWithOperations": {"operations": "RuleWithOperations"}
    | {field: f"RuleWithOperations.{rule}" for field, rule in _RULE.items()},
    "Probe": dict.fromkeys(("exec", "grpc", "httpGet", "tcpSocket"), "ProbeHandler"),
    "RuleWithOperations": _RULE,
    "SecretEnvSource": _LOCAL_REFERENCE,
    "SecretKeySelector": _LOCAL_REFERENCE,
    "SecretProjection": _LOCAL_REFERENCE,
}
# Here every field is lifted but the few of the parent's own.
MOSTLY_EMBEDDED: dict[str, tuple[str, tuple[str, ...]]] = {
    "EphemeralContainer": ("EphemeralContainerCommon", ("targetContainerName",)),
    "PersistentVolumeSpec": ("PersistentVolumeSource", tuple(_VOLUME_SPEC_OWN)),
    "Volume": ("VolumeSource", ("name",)),
}

_SCALARS = {"bytes": "[]uint8", "boolean": "bool", "double": "float64"}
_VALUES_OF_THEIR_OWN = {
    schemas.QUANTITY: "resource.Quantity",
    schemas.INT_OR_STRING: "int32",
    schemas.RAW: "runtime.RawExtension",
}


@cache
def type_name(definition: str, field: str, shape: Shape) -> str:
    """The Go type of a field of this shape: `[]v1.Container`, `map[string]string`, `v1.DNSPolicy`."""
    if shape.element is not None:
        inner = type_name(definition, field, shape.element)
        if shape.form == "list":
            return "[]" + inner
        return "v1.ResourceList" if shape.element.ref == schemas.QUANTITY else "map[string]" + inner
    if shape.ref:
        return _VALUES_OF_THEIR_OWN.get(shape.ref) or ".".join(shape.ref.split(".")[-2:])
    if shape.form == "string":
        short = definition.rpartition(".")[2]
        return ALIASES.get(f"{short}.{field}") or COMMON_ALIASES.get(field, "string")
    return _SCALARS.get(shape.form, shape.form)


def path_part(definition: str, field: str) -> str:
    """The field as it stands in an error's path: `exec` of a Probe is `ProbeHandler.exec`."""
    short = definition.rpartition(".")[2]
    embedded, own = MOSTLY_EMBEDDED.get(short, ("", ()))
    prefix = embedded if embedded and field not in own else EMBEDDED.get(short, {}).get(field, "")
    return f"{prefix}.{field}" if prefix else field
