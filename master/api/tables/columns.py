"""The columns of every kind, as upstream prints them; a kind that is not here shows name and time of creation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from master.api.tables import access, networks, nodes, pods, storage, workloads
from master.api.tables.cells import (
    NONE,
    UNKNOWN,
    UNSET,
    Cell,
    age,
    ago,
    containers,
    count,
    flag,
    joined,
    labels,
    number,
    selector,
    text,
)

STRING, INTEGER, BOOLEAN = "string", "integer", "boolean"


@dataclass(frozen=True, slots=True)
class Column:
    """`wide` is the column's priority: above 0 it is shown with `-o wide` only."""

    name: str
    cell: Cell
    type: str = STRING
    format: str = ""
    wide: int = 0
    description: str = ""


def wide(name: str, cell: Cell, format: str = "") -> Column:
    return Column(name, cell, format=format, wide=1)


def healthy(field: str) -> Cell:
    """Of a component's one condition; its status in a word."""

    def cell(obj: dict[str, Any]) -> str:
        found: dict[str, str] = (obj.get("conditions") or [{}])[0]
        if field != "status":
            return found.get(field, "")
        return {"True": "Healthy", "False": "Unhealthy"}.get(found.get("status", ""), "Unknown")

    return cell


def template(path: str) -> tuple[Column, Column]:
    return wide("Containers", containers(path, "name")), wide("Images", containers(path, "image"))


NAME = Column("Name", text("metadata.name"), format="name")
AGE = Column("Age", age)
CREATED = Column("Created At", text("metadata.creationTimestamp"), "date")
POD_SPEC = template("spec.template.spec")
SELECTOR = wide("Selector", selector("spec.selector"))
BINDING = (
    NAME,
    Column("Role", access.role),
    AGE,
    wide("Users", access.subjects("User")),
    wide("Groups", access.subjects("Group")),
    wide("ServiceAccounts", access.subjects("ServiceAccount")),
)
REPLICAS = (
    NAME,
    Column("Desired", number("spec.replicas"), INTEGER),
    Column("Current", number("status.replicas"), INTEGER),
    Column("Ready", number("status.readyReplicas"), INTEGER),
    AGE,
    *POD_SPEC,
)
EVENT = (
    Column("Last Seen", workloads.event_last_seen),
    Column("Type", text("type")),
    Column("Reason", text("reason")),
    Column("Object", workloads.event_object),
    wide("Subobject", text("involvedObject.fieldPath")),
    wide("Source", workloads.event_source),
    Column("Message", lambda event: str(event.get("message") or event.get("note") or "").strip()),
    wide("First Seen", workloads.event_first_seen),
    wide("Count", workloads.event_count),
    wide("Name", text("metadata.name"), "name"),
)
WEBHOOKS = (NAME, Column("Webhooks", count("webhooks"), INTEGER), AGE)
POLICY_BINDING = (
    NAME,
    Column("PolicyName", text("spec.policyName")),
    Column("ParamRef", access.parameter),
    AGE,
)
AUTOSCALER = (
    NAME,
    Column("Reference", workloads.reference),
    Column("Targets", workloads.targets),
    Column("MinPods", workloads.least),
    Column("MaxPods", number("spec.maxReplicas")),
    Column("Replicas", number("status.currentReplicas")),
    AGE,
)

DEFAULT = (NAME, CREATED)
COLUMNS: dict[tuple[str, str], tuple[Column, ...]] = {
    ("", "ComponentStatus"): (
        NAME,
        Column("Status", healthy("status")),
        Column("Message", healthy("message")),
        Column("Error", healthy("error")),
    ),
    ("", "ConfigMap"): (NAME, Column("Data", lambda obj: count("data")(obj) + count("binaryData")(obj)), AGE),
    ("", "Endpoints"): (NAME, Column("Endpoints", networks.endpoints), AGE),
    ("", "Event"): EVENT,
    ("events.k8s.io", "Event"): EVENT,
    ("", "Namespace"): (NAME, Column("Status", text("status.phase")), AGE),
    ("", "Node"): (
        NAME,
        Column("Status", nodes.status),
        Column("Roles", nodes.roles),
        AGE,
        Column("Version", text("status.nodeInfo.kubeletVersion")),
        wide("Internal-IP", nodes.address("InternalIP")),
        wide("External-IP", nodes.address("ExternalIP")),
        wide("OS-Image", text("status.nodeInfo.osImage", UNKNOWN)),
        wide("Kernel-Version", text("status.nodeInfo.kernelVersion", UNKNOWN)),
        wide("Container-Runtime", text("status.nodeInfo.containerRuntimeVersion", UNKNOWN)),
    ),
    ("", "PersistentVolume"): (
        NAME,
        Column("Capacity", text("spec.capacity.storage")),
        Column("Access Modes", storage.volume_modes),
        Column("Reclaim Policy", text("spec.persistentVolumeReclaimPolicy")),
        Column("Status", storage.phase),
        Column("Claim", storage.volume_claim),
        Column("StorageClass", storage.storage_class),
        Column("VolumeAttributesClass", text("spec.volumeAttributesClassName", UNSET)),
        Column("Reason", text("status.reason")),
        AGE,
        wide("VolumeMode", text("spec.volumeMode", UNSET)),
    ),
    ("", "PersistentVolumeClaim"): (
        NAME,
        Column("Status", storage.phase),
        Column("Volume", text("spec.volumeName")),
        Column("Capacity", storage.claim_capacity),
        Column("Access Modes", storage.claim_modes),
        Column("StorageClass", storage.storage_class),
        Column("VolumeAttributesClass", text("spec.volumeAttributesClassName", UNSET)),
        AGE,
        wide("VolumeMode", text("spec.volumeMode", UNSET)),
    ),
    ("", "Pod"): (
        NAME,
        Column("Ready", pods.ready),
        Column("Status", pods.status),
        Column("Restarts", pods.restarts),
        AGE,
        wide("IP", pods.address),
        wide("Node", text("spec.nodeName", NONE)),
        wide("Nominated Node", text("status.nominatedNodeName", NONE)),
        wide("Readiness Gates", pods.readiness_gates),
    ),
    ("", "PodTemplate"): (
        NAME,
        Column("Containers", containers("template.spec", "name")),
        Column("Images", containers("template.spec", "image")),
        Column("Pod Labels", labels("template.metadata.labels")),
    ),
    ("", "ReplicationController"): (*REPLICAS, wide("Selector", labels("spec.selector"))),
    ("", "ResourceQuota"): (
        NAME,
        Column("Request", access.quota(limits=False)),
        Column("Limit", access.quota(limits=True)),
        AGE,
    ),
    ("", "Secret"): (NAME, Column("Type", text("type")), Column("Data", count("data")), AGE),
    ("", "Service"): (
        NAME,
        Column("Type", text("spec.type")),
        Column("Cluster-IP", text("spec.clusterIP", NONE)),
        Column("External-IP", networks.external),
        Column("Port(s)", networks.ports),
        AGE,
        wide("Selector", labels("spec.selector")),
    ),
    ("", "ServiceAccount"): (NAME, AGE),
    ("admissionregistration.k8s.io", "MutatingAdmissionPolicy"): (
        NAME,
        Column("Mutations", count("spec.mutations"), INTEGER),
        Column("ParamKind", access.parameter_kind),
        AGE,
    ),
    ("admissionregistration.k8s.io", "MutatingAdmissionPolicyBinding"): POLICY_BINDING,
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"): WEBHOOKS,
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy"): (
        NAME,
        Column("Validations", count("spec.validations"), INTEGER),
        Column("ParamKind", access.parameter_kind),
        AGE,
    ),
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding"): POLICY_BINDING,
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"): WEBHOOKS,
    ("apiregistration.k8s.io", "APIService"): (
        NAME,
        Column("Service", access.service),
        Column("Available", access.available),
        AGE,
    ),
    ("apps", "ControllerRevision"): (
        NAME,
        Column("Controller", workloads.controller),
        Column("Revision", number("revision")),
        AGE,
    ),
    ("apps", "DaemonSet"): (
        NAME,
        Column("Desired", number("status.desiredNumberScheduled"), INTEGER),
        Column("Current", number("status.currentNumberScheduled"), INTEGER),
        Column("Ready", number("status.numberReady"), INTEGER),
        Column("Up-to-date", number("status.updatedNumberScheduled"), INTEGER),
        Column("Available", number("status.numberAvailable"), INTEGER),
        Column("Node Selector", labels("spec.template.spec.nodeSelector")),
        AGE,
        *POD_SPEC,
        SELECTOR,
    ),
    ("apps", "Deployment"): (
        NAME,
        Column("Ready", workloads.ready_of("spec.replicas")),
        Column("Up-to-date", number("status.updatedReplicas")),
        Column("Available", number("status.availableReplicas")),
        AGE,
        *POD_SPEC,
        SELECTOR,
    ),
    ("apps", "ReplicaSet"): (*REPLICAS, SELECTOR),
    ("apps", "StatefulSet"): (NAME, Column("Ready", workloads.ready_of("spec.replicas")), AGE, *POD_SPEC),
    ("autoscaling", "HorizontalPodAutoscaler"): AUTOSCALER,
    ("autoscaling", "Scale"): (
        NAME,
        Column("Desired", number("spec.replicas"), INTEGER),
        Column("Available", number("status.replicas"), INTEGER),
        AGE,
    ),
    ("batch", "CronJob"): (
        NAME,
        Column("Schedule", text("spec.schedule")),
        Column("Timezone", text("spec.timeZone", NONE)),
        Column("Suspend", workloads.suspended, BOOLEAN),
        Column("Active", count("status.active"), INTEGER),
        Column("Last Schedule", ago("status.lastScheduleTime", NONE)),
        AGE,
        *template("spec.jobTemplate.spec.template.spec"),
        wide("Selector", selector("spec.jobTemplate.spec.selector")),
    ),
    ("batch", "Job"): (
        NAME,
        Column("Status", workloads.job_status),
        Column("Completions", workloads.completions),
        Column("Duration", workloads.job_duration),
        AGE,
        *POD_SPEC,
        SELECTOR,
    ),
    ("certificates.k8s.io", "CertificateSigningRequest"): (
        NAME,
        AGE,
        Column("SignerName", text("spec.signerName", NONE)),
        Column("Requestor", text("spec.username")),
        Column("RequestedDuration", access.requested_duration),
        Column("Condition", access.condition),
    ),
    ("coordination.k8s.io", "Lease"): (NAME, Column("Holder", text("spec.holderIdentity")), AGE),
    ("discovery.k8s.io", "EndpointSlice"): (
        NAME,
        Column("AddressType", text("addressType")),
        Column("Ports", networks.slice_ports),
        Column("Endpoints", networks.slice_endpoints),
        AGE,
    ),
    ("flowcontrol.apiserver.k8s.io", "FlowSchema"): (
        NAME,
        Column("PriorityLevel", text("spec.priorityLevelConfiguration.name")),
        Column("MatchingPrecedence", number("spec.matchingPrecedence")),
        Column("DistinguisherMethod", text("spec.distinguisherMethod.type", NONE)),
        AGE,
        Column("MissingPL", access.missing_level),
    ),
    ("flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration"): (
        NAME,
        Column("Type", text("spec.type")),
        Column("NominalConcurrencyShares", number("spec.limited.nominalConcurrencyShares")),
        Column("Queues", text("spec.limited.limitResponse.queuing.queues", NONE)),
        Column("HandSize", text("spec.limited.limitResponse.queuing.handSize", NONE)),
        Column("QueueLengthLimit", text("spec.limited.limitResponse.queuing.queueLengthLimit", NONE)),
        AGE,
    ),
    ("networking.k8s.io", "IPAddress"): (NAME, Column("ParentRef", networks.parent), AGE),
    ("networking.k8s.io", "Ingress"): (
        NAME,
        Column("Class", text("spec.ingressClassName", NONE)),
        Column("Hosts", networks.hosts),
        Column("Address", networks.balanced),
        Column("Ports", networks.ingress_ports),
        AGE,
    ),
    ("networking.k8s.io", "IngressClass"): (
        NAME,
        Column("Controller", text("spec.controller")),
        Column("Parameters", networks.parameters),
        AGE,
    ),
    ("networking.k8s.io", "NetworkPolicy"): (NAME, Column("Pod-Selector", selector("spec.podSelector")), AGE),
    ("networking.k8s.io", "ServiceCIDR"): (NAME, Column("CIDRs", joined("spec.cidrs")), AGE),
    ("node.k8s.io", "RuntimeClass"): (NAME, Column("Handler", text("handler")), AGE),
    ("policy", "PodDisruptionBudget"): (
        NAME,
        Column("Min Available", text("spec.minAvailable", "N/A")),
        Column("Max Unavailable", text("spec.maxUnavailable", "N/A")),
        Column("Allowed Disruptions", number("status.disruptionsAllowed"), INTEGER),
        AGE,
    ),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): BINDING,
    ("rbac.authorization.k8s.io", "RoleBinding"): BINDING,
    ("resource.k8s.io", "DeviceClass"): (NAME, AGE),
    ("resource.k8s.io", "ResourceClaim"): (NAME, Column("State", access.claim_state), AGE),
    ("resource.k8s.io", "ResourceClaimTemplate"): (NAME, AGE),
    ("resource.k8s.io", "ResourceSlice"): (
        NAME,
        Column("Node", text("spec.nodeName", UNSET)),
        Column("Driver", text("spec.driver")),
        Column("Pool", text("spec.pool.name")),
        AGE,
    ),
    ("scheduling.k8s.io", "PriorityClass"): (
        NAME,
        Column("Value", number("value"), INTEGER),
        Column("Global-Default", flag("globalDefault"), BOOLEAN),
        AGE,
        Column("PreemptionPolicy", text("preemptionPolicy")),
    ),
    ("storage.k8s.io", "CSIDriver"): (
        NAME,
        Column("AttachRequired", flag("spec.attachRequired", missing=True), BOOLEAN),
        Column("PodInfoOnMount", flag("spec.podInfoOnMount"), BOOLEAN),
        Column("StorageCapacity", flag("spec.storageCapacity"), BOOLEAN),
        Column("TokenRequests", storage.audiences),
        Column("RequiresRepublish", flag("spec.requiresRepublish"), BOOLEAN),
        Column("Modes", joined("spec.volumeLifecycleModes", NONE)),
        AGE,
    ),
    ("storage.k8s.io", "CSINode"): (NAME, Column("Drivers", count("spec.drivers"), INTEGER), AGE),
    ("storage.k8s.io", "CSIStorageCapacity"): (
        NAME,
        Column("StorageClassName", text("storageClassName")),
        Column("Capacity", text("capacity", UNSET)),
    ),
    ("storage.k8s.io", "StorageClass"): (
        Column("Name", storage.class_name, format="name"),
        Column("Provisioner", text("provisioner")),
        Column("ReclaimPolicy", text("reclaimPolicy", "Delete")),
        Column("VolumeBindingMode", text("volumeBindingMode", "Immediate")),
        Column("AllowVolumeExpansion", flag("allowVolumeExpansion")),
        AGE,
    ),
    ("storage.k8s.io", "VolumeAttachment"): (
        NAME,
        Column("Attacher", text("spec.attacher"), format="name"),
        Column("PV", text("spec.source.persistentVolumeName")),
        Column("Node", text("spec.nodeName")),
        Column("Attached", flag("status.attached"), BOOLEAN),
        AGE,
    ),
    ("storage.k8s.io", "VolumeAttributesClass"): (NAME, Column("DriverName", text("driverName")), AGE),
}
