"""The one table of built-in kinds: a row a kind, in the order of discovery.

Facts of Kubernetes 1.36: groups, names, verbs and subresources as its discovery documents list them, storage prefixes as
it lays out its keys under /registry.  What truly differs between kinds is a function looked up by the row elsewhere
(defaults, validation, columns); nothing else branches on a kind's name.
"""

from __future__ import annotations

from kube.kind import ALL_VERBS, CREATE_ONLY, READ_ONLY, Custom, Kind, Subresource

__all__ = [
    "ALL_VERBS",
    "BUILT_IN",
    "CREATE_ONLY",
    "READ_ONLY",
    "Custom",
    "Kind",
    "Subresource",
    "by_kind",
    "by_resource",
    "is_built_in",
    "kind_of",
    "known",
]


def _sub(
    name: str, kind: str = "", group_version: str = "", verbs: tuple[str, ...] = ("get", "patch", "update")
) -> Subresource:
    return Subresource(name, kind, group_version, verbs)


BUILT_IN: tuple[Kind, ...] = (
    Kind("", "v1", "Binding", "bindings", verbs=CREATE_ONLY, stored=False),
    Kind(
        "",
        "v1",
        "ComponentStatus",
        "componentstatuses",
        namespaced=False,
        short_names=("cs",),
        verbs=READ_ONLY,
        stored=False,
    ),
    Kind("", "v1", "ConfigMap", "configmaps", short_names=("cm",)),
    Kind("", "v1", "Endpoints", "endpoints", short_names=("ep",), prefix="services/endpoints"),
    Kind("", "v1", "Event", "events", short_names=("ev",)),
    Kind("", "v1", "LimitRange", "limitranges", short_names=("limits",)),
    Kind(
        "",
        "v1",
        "Namespace",
        "namespaces",
        namespaced=False,
        short_names=("ns",),
        verbs=("create", "delete", "get", "list", "patch", "update", "watch"),
        subresources=(
            _sub("finalize", "", "", ("update",)),
            _sub("status"),
        ),
    ),
    Kind(
        "",
        "v1",
        "Node",
        "nodes",
        namespaced=False,
        short_names=("no",),
        subresources=(
            _sub("proxy", "NodeProxyOptions", "", ("create", "delete", "get", "patch", "update")),
            _sub("status"),
        ),
        prefix="minions",
    ),
    Kind(
        "",
        "v1",
        "PersistentVolumeClaim",
        "persistentvolumeclaims",
        short_names=("pvc",),
        subresources=(_sub("status"),),
    ),
    Kind(
        "",
        "v1",
        "PersistentVolume",
        "persistentvolumes",
        namespaced=False,
        short_names=("pv",),
        subresources=(_sub("status"),),
    ),
    Kind(
        "",
        "v1",
        "Pod",
        "pods",
        short_names=("po",),
        categories=("all",),
        subresources=(
            _sub("attach", "PodAttachOptions", "", ("create", "get")),
            _sub("binding", "Binding", "", ("create",)),
            _sub("ephemeralcontainers"),
            _sub("eviction", "Eviction", "policy/v1", ("create",)),
            _sub("exec", "PodExecOptions", "", ("create", "get")),
            _sub("log", "", "", ("get",)),
            _sub("portforward", "PodPortForwardOptions", "", ("create", "get")),
            _sub("proxy", "PodProxyOptions", "", ("create", "delete", "get", "patch", "update")),
            _sub("resize"),
            _sub("status"),
        ),
    ),
    Kind("", "v1", "PodTemplate", "podtemplates"),
    Kind(
        "",
        "v1",
        "ReplicationController",
        "replicationcontrollers",
        short_names=("rc",),
        categories=("all",),
        subresources=(
            _sub("scale", "Scale", "autoscaling/v1", ("get", "patch", "update")),
            _sub("status"),
        ),
        prefix="controllers",
    ),
    Kind("", "v1", "ResourceQuota", "resourcequotas", short_names=("quota",), subresources=(_sub("status"),)),
    Kind("", "v1", "Secret", "secrets"),
    Kind(
        "",
        "v1",
        "ServiceAccount",
        "serviceaccounts",
        short_names=("sa",),
        subresources=(_sub("token", "TokenRequest", "authentication.k8s.io/v1", ("create",)),),
    ),
    Kind(
        "",
        "v1",
        "Service",
        "services",
        short_names=("svc",),
        categories=("all",),
        subresources=(
            _sub("proxy", "ServiceProxyOptions", "", ("create", "delete", "get", "patch", "update")),
            _sub("status"),
        ),
        prefix="services/specs",
    ),
    Kind(
        "apiregistration.k8s.io",
        "v1",
        "APIService",
        "apiservices",
        namespaced=False,
        categories=("api-extensions",),
        subresources=(_sub("status"),),
        prefix="apiregistration.k8s.io/apiservices",
    ),
    Kind("apps", "v1", "ControllerRevision", "controllerrevisions"),
    Kind(
        "apps",
        "v1",
        "DaemonSet",
        "daemonsets",
        short_names=("ds",),
        categories=("all",),
        subresources=(_sub("status"),),
    ),
    Kind(
        "apps",
        "v1",
        "Deployment",
        "deployments",
        short_names=("deploy",),
        categories=("all",),
        subresources=(
            _sub("scale", "Scale", "autoscaling/v1", ("get", "patch", "update")),
            _sub("status"),
        ),
    ),
    Kind(
        "apps",
        "v1",
        "ReplicaSet",
        "replicasets",
        short_names=("rs",),
        categories=("all",),
        subresources=(
            _sub("scale", "Scale", "autoscaling/v1", ("get", "patch", "update")),
            _sub("status"),
        ),
    ),
    Kind(
        "apps",
        "v1",
        "StatefulSet",
        "statefulsets",
        short_names=("sts",),
        categories=("all",),
        subresources=(
            _sub("scale", "Scale", "autoscaling/v1", ("get", "patch", "update")),
            _sub("status"),
        ),
    ),
    Kind("events.k8s.io", "v1", "Event", "events", short_names=("ev",)),
    Kind(
        "authentication.k8s.io",
        "v1",
        "SelfSubjectReview",
        "selfsubjectreviews",
        namespaced=False,
        verbs=CREATE_ONLY,
        stored=False,
    ),
    Kind(
        "authentication.k8s.io", "v1", "TokenReview", "tokenreviews", namespaced=False, verbs=CREATE_ONLY, stored=False
    ),
    Kind(
        "authorization.k8s.io",
        "v1",
        "LocalSubjectAccessReview",
        "localsubjectaccessreviews",
        verbs=CREATE_ONLY,
        stored=False,
    ),
    Kind(
        "authorization.k8s.io",
        "v1",
        "SelfSubjectAccessReview",
        "selfsubjectaccessreviews",
        namespaced=False,
        verbs=CREATE_ONLY,
        stored=False,
    ),
    Kind(
        "authorization.k8s.io",
        "v1",
        "SelfSubjectRulesReview",
        "selfsubjectrulesreviews",
        namespaced=False,
        verbs=CREATE_ONLY,
        stored=False,
    ),
    Kind(
        "authorization.k8s.io",
        "v1",
        "SubjectAccessReview",
        "subjectaccessreviews",
        namespaced=False,
        verbs=CREATE_ONLY,
        stored=False,
    ),
    Kind(
        "autoscaling",
        "v2",
        "HorizontalPodAutoscaler",
        "horizontalpodautoscalers",
        short_names=("hpa",),
        categories=("all",),
        subresources=(_sub("status"),),
    ),
    Kind(
        "autoscaling",
        "v1",
        "HorizontalPodAutoscaler",
        "horizontalpodautoscalers",
        short_names=("hpa",),
        categories=("all",),
        subresources=(_sub("status"),),
    ),
    Kind(
        "batch", "v1", "CronJob", "cronjobs", short_names=("cj",), categories=("all",), subresources=(_sub("status"),)
    ),
    Kind("batch", "v1", "Job", "jobs", categories=("all",), subresources=(_sub("status"),)),
    Kind(
        "certificates.k8s.io",
        "v1",
        "CertificateSigningRequest",
        "certificatesigningrequests",
        namespaced=False,
        short_names=("csr",),
        subresources=(
            _sub("approval"),
            _sub("status"),
        ),
    ),
    Kind("networking.k8s.io", "v1", "IngressClass", "ingressclasses", namespaced=False),
    Kind(
        "networking.k8s.io",
        "v1",
        "Ingress",
        "ingresses",
        short_names=("ing",),
        subresources=(_sub("status"),),
        prefix="ingress",
    ),
    Kind("networking.k8s.io", "v1", "IPAddress", "ipaddresses", namespaced=False, short_names=("ip",)),
    Kind("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", short_names=("netpol",)),
    Kind("networking.k8s.io", "v1", "ServiceCIDR", "servicecidrs", namespaced=False, subresources=(_sub("status"),)),
    Kind(
        "policy",
        "v1",
        "PodDisruptionBudget",
        "poddisruptionbudgets",
        short_names=("pdb",),
        subresources=(_sub("status"),),
    ),
    Kind("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings", namespaced=False),
    Kind("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", namespaced=False),
    Kind("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings"),
    Kind("rbac.authorization.k8s.io", "v1", "Role", "roles"),
    Kind("storage.k8s.io", "v1", "CSIDriver", "csidrivers", namespaced=False),
    Kind("storage.k8s.io", "v1", "CSINode", "csinodes", namespaced=False),
    Kind("storage.k8s.io", "v1", "CSIStorageCapacity", "csistoragecapacities"),
    Kind("storage.k8s.io", "v1", "StorageClass", "storageclasses", namespaced=False, short_names=("sc",)),
    Kind(
        "storage.k8s.io",
        "v1",
        "VolumeAttachment",
        "volumeattachments",
        namespaced=False,
        subresources=(_sub("status"),),
    ),
    Kind(
        "storage.k8s.io",
        "v1",
        "VolumeAttributesClass",
        "volumeattributesclasses",
        namespaced=False,
        short_names=("vac",),
    ),
    Kind(
        "admissionregistration.k8s.io",
        "v1",
        "MutatingAdmissionPolicy",
        "mutatingadmissionpolicies",
        namespaced=False,
        categories=("api-extensions",),
    ),
    Kind(
        "admissionregistration.k8s.io",
        "v1",
        "MutatingAdmissionPolicyBinding",
        "mutatingadmissionpolicybindings",
        namespaced=False,
        categories=("api-extensions",),
    ),
    Kind(
        "admissionregistration.k8s.io",
        "v1",
        "MutatingWebhookConfiguration",
        "mutatingwebhookconfigurations",
        namespaced=False,
        categories=("api-extensions",),
    ),
    Kind(
        "admissionregistration.k8s.io",
        "v1",
        "ValidatingAdmissionPolicy",
        "validatingadmissionpolicies",
        namespaced=False,
        categories=("api-extensions",),
        subresources=(_sub("status"),),
    ),
    Kind(
        "admissionregistration.k8s.io",
        "v1",
        "ValidatingAdmissionPolicyBinding",
        "validatingadmissionpolicybindings",
        namespaced=False,
        categories=("api-extensions",),
    ),
    Kind(
        "admissionregistration.k8s.io",
        "v1",
        "ValidatingWebhookConfiguration",
        "validatingwebhookconfigurations",
        namespaced=False,
        categories=("api-extensions",),
    ),
    Kind(
        "apiextensions.k8s.io",
        "v1",
        "CustomResourceDefinition",
        "customresourcedefinitions",
        namespaced=False,
        short_names=("crd", "crds"),
        categories=("api-extensions",),
        subresources=(_sub("status"),),
        prefix="apiextensions.k8s.io/customresourcedefinitions",
    ),
    Kind("scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses", namespaced=False, short_names=("pc",)),
    Kind("coordination.k8s.io", "v1", "Lease", "leases"),
    Kind("node.k8s.io", "v1", "RuntimeClass", "runtimeclasses", namespaced=False),
    Kind("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices"),
    Kind("resource.k8s.io", "v1", "DeviceClass", "deviceclasses", namespaced=False),
    Kind("resource.k8s.io", "v1", "ResourceClaim", "resourceclaims", subresources=(_sub("status"),)),
    Kind("resource.k8s.io", "v1", "ResourceClaimTemplate", "resourceclaimtemplates"),
    Kind("resource.k8s.io", "v1", "ResourceSlice", "resourceslices", namespaced=False),
    Kind(
        "flowcontrol.apiserver.k8s.io",
        "v1",
        "FlowSchema",
        "flowschemas",
        namespaced=False,
        subresources=(_sub("status"),),
    ),
    Kind(
        "flowcontrol.apiserver.k8s.io",
        "v1",
        "PriorityLevelConfiguration",
        "prioritylevelconfigurations",
        namespaced=False,
        subresources=(_sub("status"),),
    ),
)

_BY_RESOURCE = {(kind.group, kind.version, kind.plural): kind for kind in BUILT_IN}
_BY_KIND = {(kind.api_version, kind.kind): kind for kind in BUILT_IN}


def by_resource(group: str, version: str, plural: str) -> Kind | None:
    return _BY_RESOURCE.get((group, version, plural))


def by_kind(api_version: str, kind: str) -> Kind | None:
    return _BY_KIND.get((api_version, kind))


def known(api_version: str, kind: str) -> Kind:
    """The row of a built-in kind that is sure to be there; KeyError names one that is not."""
    return _BY_KIND[api_version, kind]


def kind_of(obj: dict[str, object]) -> Kind:
    """The row of a built-in object, from its apiVersion and kind; KeyError when there is none."""
    return _BY_KIND[str(obj.get("apiVersion")), str(obj.get("kind"))]


_NAMES = frozenset((kind.group, kind.kind) for kind in BUILT_IN)


def is_built_in(kind: Kind) -> bool:
    """Whether a row is of this table, and not of a CustomResourceDefinition, which may call its kind what it likes."""
    return (kind.group, kind.kind) in _NAMES
