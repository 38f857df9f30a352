"""What an absent field and a zero value mean, field by field: facts of the API that its schemas do not tell.

In the API's Go types an optional scalar is either a value, whose zero (`""`, 0, false) is the same as absent and never
answered, or a pointer, whose zero was said and is kept (`replicas: 0`).  Strings are values unless listed; numbers and
booleans are pointers unless listed.  A struct held by value is always answered, be it `{}`.
"""

from __future__ import annotations

from typing import Any

POINTER_STRINGS: dict[str, str] = {
    "AllocatedDeviceStatus": "shareID",
    "AppArmorProfile": "localhostProfile",
    "AzureDiskVolumeSource": "cachingMode fsType",
    "AzureFilePersistentVolumeSource": "secretNamespace",
    "CSIDriverSpec": "fsGroupPolicy",
    "CSIVolumeSource": "fsType",
    "ClusterTrustBundleProjection": "name signerName",
    "Container": "restartPolicy",
    "ContainerStatus": "stopSignal",
    "CronJobSpec": "timeZone",
    "CustomResourceDefinitionVersion": "deprecationWarning",
    "CustomResourceSubresourceScale": "labelSelectorPath",
    "DeleteOptions": "propagationPolicy",
    "Device": "nodeName",
    "DeviceAttribute": "string version",
    "DeviceClassSpec": "extendedResourceName",
    "DeviceConstraint": "distinctAttribute matchAttribute",
    "DeviceRequestAllocationResult": "shareID",
    "Endpoint": "hostname nodeName zone",
    "EndpointAddress": "nodeName",
    "EphemeralContainer": "restartPolicy",
    "GRPCAction": "service",
    "GlusterfsPersistentVolumeSource": "endpointsNamespace",
    "HPAScalingRules": "selectPolicy",
    "HostPathVolumeSource": "type",
    "ISCSIPersistentVolumeSource": "initiatorName",
    "ISCSIVolumeSource": "initiatorName",
    "IngressClassParametersReference": "apiGroup namespace scope",
    "IngressPortStatus": "error",
    "IngressSpec": "ingressClassName",
    "JSONSchemaProps": "$ref x-kubernetes-list-type x-kubernetes-map-type",
    "JobSpec": "completionMode managedBy podReplacementPolicy",
    "JobStatus": "failedIndexes",
    "LeaseSpec": "holderIdentity preferredHolder strategy",
    "Lifecycle": "stopSignal",
    "LoadBalancerIngress": "ipMode",
    "LocalVolumeSource": "fsType",
    "MatchResources": "matchPolicy",
    "MutatingAdmissionPolicySpec": "failurePolicy",
    "MutatingWebhook": "failurePolicy matchPolicy reinvocationPolicy",
    "NamedRuleWithOperations": "scope",
    "NetworkPolicyPort": "protocol",
    "NodeAllocatableResourceMapping": "capacityKey",
    "ParamRef": "parameterNotFoundAction",
    "PersistentVolumeClaimSpec": "storageClassName volumeAttributesClassName volumeMode",
    "PersistentVolumeClaimStatus": "currentVolumeAttributesClassName",
    "PersistentVolumeSpec": "volumeAttributesClassName volumeMode",
    "PodDNSConfigOption": "value",
    "PodDisruptionBudgetSpec": "unhealthyPodEvictionPolicy",
    "PodFailurePolicyOnExitCodesRequirement": "containerName",
    "PodResourceClaim": "resourceClaimName resourceClaimTemplateName",
    "PodResourceClaimStatus": "resourceClaimName",
    "PodSchedulingGroup": "podGroupName",
    "PodSecurityContext": "fsGroupChangePolicy seLinuxChangePolicy supplementalGroupsPolicy",
    "PodSpec": "hostnameOverride preemptionPolicy runtimeClassName",
    "PortStatus": "error",
    "Preconditions": "resourceVersion uid",
    "PriorityClass": "preemptionPolicy",
    "ResourceSliceSpec": "nodeName",
    "RuleWithOperations": "scope",
    "SeccompProfile": "localhostProfile",
    "SecurityContext": "procMount",
    "ServicePort": "appProtocol",
    "ServiceReference": "path",
    "ServiceSpec": "internalTrafficPolicy ipFamilyPolicy loadBalancerClass trafficDistribution",
    "StorageClass": "reclaimPolicy volumeBindingMode",
    "SuccessPolicyRule": "succeededIndexes",
    "TopologySpreadConstraint": "nodeAffinityPolicy nodeTaintsPolicy",
    "TypedLocalObjectReference": "apiGroup",
    "TypedObjectReference": "apiGroup namespace",
    "ValidatingAdmissionPolicySpec": "failurePolicy",
    "ValidatingWebhook": "failurePolicy matchPolicy",
    "Validation": "reason",
    "ValidationRule": "reason",
    "VolumeAttachmentSource": "persistentVolumeName",
    "VolumeMount": "mountPropagation recursiveReadOnly",
    "VolumeMountStatus": "recursiveReadOnly",
    "WebhookClientConfig": "url",
    "WindowsSecurityContextOptions": "gmsaCredentialSpec gmsaCredentialSpecName runAsUserName",
    # Two definitions share a short name; these are told apart by the group.
    "core.EndpointPort": "appProtocol",
    "discovery.EndpointPort": "appProtocol name protocol",
}

VALUE_NUMBERS: dict[str, str] = {
    "AWSElasticBlockStoreVolumeSource": "partition",
    "Condition": "observedGeneration",
    "ContainerImage": "sizeBytes",
    "ContainerPort": "hostPort",
    "ContainerStateTerminated": "signal",
    "CustomResourceColumnDefinition": "priority",
    "CustomResourceDefinitionCondition": "observedGeneration",
    "CustomResourceDefinitionStatus": "observedGeneration",
    "DaemonSetSpec": "minReadySeconds",
    "DaemonSetStatus": "numberAvailable numberUnavailable observedGeneration updatedNumberScheduled",
    "DeploymentSpec": "minReadySeconds",
    "DeploymentStatus": "availableReplicas observedGeneration readyReplicas replicas unavailableReplicas updatedReplicas",
    "DeviceSubRequest": "count",
    "Event": "count deprecatedCount",
    "EventSeries": "count",
    "ExactDeviceRequest": "count",
    "FlowSchemaSpec": "matchingPrecedence",
    "GCEPersistentDiskVolumeSource": "partition",
    "JobStatus": "active failed succeeded",
    "ObjectMeta": "generation",
    "PodCondition": "observedGeneration",
    "PodDisruptionBudgetStatus": "observedGeneration",
    "PodStatus": "observedGeneration",
    "Probe": "failureThreshold initialDelaySeconds periodSeconds successThreshold timeoutSeconds",
    "QueuingConfiguration": "handSize queueLengthLimit queues",
    "ReplicaSetSpec": "minReadySeconds",
    "ReplicaSetStatus": "availableReplicas fullyLabeledReplicas observedGeneration readyReplicas",
    "ReplicationControllerSpec": "minReadySeconds",
    "ReplicationControllerStatus": "availableReplicas fullyLabeledReplicas observedGeneration readyReplicas",
    "ScaleSpec": "replicas",
    "ServiceBackendPort": "number",
    "ServicePort": "nodePort",
    "ServiceSpec": "healthCheckNodePort",
    "StatefulSetSpec": "minReadySeconds",
    "StatefulSetStatus": "availableReplicas currentReplicas observedGeneration readyReplicas updatedReplicas",
    "Status": "code",
    "StatusDetails": "retryAfterSeconds",
    "ValidatingAdmissionPolicyStatus": "observedGeneration",
}

VALUE_BOOLEANS = frozenset(
    {
        "authenticated",
        "chapAuthDiscovery",
        "chapAuthSession",
        "clusterScope",
        "denied",
        "deprecated",
        "exclusiveMaximum",
        "exclusiveMinimum",
        "globalDefault",
        "hostIPC",
        "hostNetwork",
        "hostPID",
        "insecureSkipTLSVerify",
        "nullable",
        "paused",
        "preserveUnknownFields",
        "publishNotReadyAddresses",
        "readOnly",
        "sslEnabled",
        "stdin",
        "stdinOnce",
        "tty",
        "uniqueItems",
        "unschedulable",
        "x-kubernetes-embedded-resource",
        "x-kubernetes-int-or-string",
    }
)
_CHANGED = {"lastTransitionTime": None}
_METADATA_AND_SPEC: dict[str, Any] = {"metadata": {}, "spec": {}}

# What is answered even when it was not said: structs held by value, and zeros of fields that are never left out.
ALWAYS: dict[str, dict[str, Any]] = {
    "APIServiceCondition": _CHANGED,
    "CertificateSigningRequestCondition": _CHANGED | {"lastUpdateTime": None},
    "ClusterRole": {"rules": None},
    "Container": {"resources": {}},
    "ContainerStateRunning": {"startedAt": None},
    "ContainerStateTerminated": {"finishedAt": None, "startedAt": None},
    "ContainerStatus": {"lastState": {}, "state": {}},
    "CronJobSpec": {"jobTemplate": {}},
    "CSIStorageCapacity": {"storageClassName": ""},
    "CustomResourceDefinitionCondition": _CHANGED,
    "CustomResourceDefinitionStatus": {
        "acceptedNames": {"kind": "", "plural": ""},
        "conditions": None,
        "storedVersions": None,
    },
    "DaemonSetCondition": _CHANGED,
    "DaemonSetSpec": {"template": {}, "updateStrategy": {}},
    "DaemonSetStatus": {
        "currentNumberScheduled": 0,
        "desiredNumberScheduled": 0,
        "numberMisscheduled": 0,
        "numberReady": 0,
    },
    "DeploymentCondition": _CHANGED | {"lastUpdateTime": None},
    "DeploymentSpec": {"strategy": {}, "template": {}},
    "Endpoint": {"conditions": {}},
    "EphemeralContainer": {"resources": {}},
    "core.Event": {
        "eventTime": None,
        "firstTimestamp": None,
        "involvedObject": {},
        "lastTimestamp": None,
        "reportingComponent": "",
        "reportingInstance": "",
        "source": {},
    },
    "events.Event": {"eventTime": None, "deprecatedSource": {}, "regarding": {}},
    "FlowSchemaCondition": _CHANGED,
    "v2.HorizontalPodAutoscalerCondition": _CHANGED,
    "v1.HorizontalPodAutoscalerStatus": {"currentReplicas": 0, "desiredReplicas": 0},
    "v2.HorizontalPodAutoscalerStatus": {"currentMetrics": None, "desiredReplicas": 0},
    "IngressStatus": {"loadBalancer": {}},
    "JobCondition": _CHANGED | {"lastProbeTime": None},
    "JobSpec": {"template": {}},
    "JobTemplateSpec": _METADATA_AND_SPEC,
    "NamespaceCondition": _CHANGED,
    "NetworkPolicySpec": {"podSelector": {}},
    "NodeCondition": _CHANGED | {"lastHeartbeatTime": None},
    "NodeStatus": {
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 0}},
        "nodeInfo": dict.fromkeys(
            (
                "architecture",
                "bootID",
                "containerRuntimeVersion",
                "kernelVersion",
                "kubeProxyVersion",
                "kubeletVersion",
                "machineID",
                "operatingSystem",
                "osImage",
                "systemUUID",
            ),
            "",
        ),
    },
    "PersistentVolumeClaimCondition": _CHANGED | {"lastProbeTime": None},
    "PersistentVolumeClaimSpec": {"resources": {}},
    "PodCondition": _CHANGED | {"lastProbeTime": None},
    "PodDisruptionBudgetStatus": {"currentHealthy": 0, "desiredHealthy": 0, "disruptionsAllowed": 0, "expectedPods": 0},
    "PodTemplate": {"template": {}},
    "PodTemplateSpec": _METADATA_AND_SPEC,
    "PriorityClass": {"value": 0},
    "PriorityLevelConfigurationCondition": _CHANGED,
    "ReplicaSetCondition": _CHANGED,
    "ReplicaSetSpec": {"template": {}},
    "ReplicaSetStatus": {"replicas": 0},
    "ReplicationControllerCondition": _CHANGED,
    "ReplicationControllerStatus": {"replicas": 0},
    "ResourceFieldSelector": {"divisor": "0"},
    "Role": {"rules": None},
    "ServiceStatus": {"loadBalancer": {}},
    "StatefulSetCondition": _CHANGED,
    "StatefulSetSpec": {"template": {}, "updateStrategy": {}},
    "StatefulSetStatus": {"availableReplicas": 0, "replicas": 0},
    "SubjectAccessReviewStatus": {"allowed": False},
    "VolumeError": {"time": None},
}


OMITTED = {"ValidatingAdmissionPolicyBindingSpec": frozenset({"validationActions"})}
"""Required lists that are not there while they are empty; others are null."""


def names_of(definition: str) -> tuple[str, ...]:
    """How a definition may be named in these tables: `Event`, `core.Event`, `v1.Event`."""
    group, version, short = definition.split(".")[-3:]
    return short, f"{group}.{short}", f"{version}.{short}"


def pointer_strings(definition: str) -> frozenset[str]:
    return frozenset(" ".join(POINTER_STRINGS.get(name, "") for name in names_of(definition)).split())


def value_numbers(definition: str) -> frozenset[str]:
    return frozenset(" ".join(VALUE_NUMBERS.get(name, "") for name in names_of(definition)).split())


def omitted(definition: str) -> frozenset[str]:
    return OMITTED.get(definition.rpartition(".")[2], frozenset())


def always(definition: str) -> dict[str, Any]:
    """Fields answered even when absent, with their empty values."""
    return {key: value for name in names_of(definition) for key, value in ALWAYS.get(name, {}).items()}
