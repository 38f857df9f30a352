// What the page says of objects of the cluster: pure functions from an object to a state, a text, a number.

const UNIT_SECONDS = [
  [86_400, "d"],
  [3_600, "h"],
  [60, "m"],
  [1, "s"],
];

/** "3d", "5m": the largest unit, as kubectl shows ages. */
export function age(time, now = Date.now()) {
  const seconds = Math.max(0, (now - Date.parse(time)) / 1000);
  const [size, unit] = UNIT_SECONDS.find(([size]) => seconds >= size) ?? [1, "s"];
  return Number.isFinite(seconds) ? `${Math.floor(seconds / size)}${unit}` : "";
}

export const GLYPHS = { good: "", soon: "…", bad: "!", done: "✓", leaving: "×" };

/** {tone, text} of a pod: what kubectl's STATUS says, and how it is to be taken. */
export function podState(pod) {
  const status = pod.status ?? {};
  const all = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
  const waiting = all.map((one) => one.state?.waiting?.reason).find((reason) => reason && !SOON.has(reason));
  const failed = all.map((one) => one.state?.terminated).find((ended) => ended && ended.exitCode !== 0);
  if (pod.metadata.deletionTimestamp) return { tone: "leaving", text: "Terminating" };
  if (status.phase === "Succeeded") return { tone: "done", text: "Completed" };
  if (status.phase === "Failed") return { tone: "bad", text: status.reason || failed?.reason || "Failed" };
  if (waiting) return { tone: "bad", text: waiting };
  if (failed) return { tone: "bad", text: failed.reason || "Error" };
  if (status.phase === "Running") {
    const ready = condition(pod, "Ready")?.status === "True";
    return ready ? { tone: "good", text: "Running" } : { tone: "soon", text: "Running, not ready" };
  }
  const unplaced = condition(pod, "PodScheduled");
  const text = unplaced?.status === "False" ? unplaced.reason : all[0]?.state?.waiting?.reason;
  return { tone: unplaced?.status === "False" ? "bad" : "soon", text: text || status.phase || "Pending" };
}

const SOON = new Set(["ContainerCreating", "PodInitializing"]);

export function restarts(pod) {
  return (pod.status?.containerStatuses ?? []).reduce((sum, one) => sum + (one.restartCount ?? 0), 0);
}

/** {tone, text} of a node. */
export function nodeState(node) {
  const ready = condition(node, "Ready");
  const pressed = (node.status?.conditions ?? []).filter((one) => one.type !== "Ready" && one.status === "True");
  if (ready?.status !== "True") return { tone: "bad", text: ready?.status === "Unknown" ? "does not answer" : "NotReady" };
  if (node.spec?.unschedulable) return { tone: "soon", text: "Ready, cordoned" };
  if (pressed.length) return { tone: "soon", text: `Ready, ${pressed.map((one) => one.type).join(", ")}` };
  return { tone: "good", text: "Ready" };
}

export function condition(object, type) {
  return object.status?.conditions?.find((one) => one.type === type);
}

export function address(node) {
  return node.status?.addresses?.find((one) => one.type === "InternalIP")?.address ?? "";
}

/** Shares of a node in use, each 0 to 1, as its agent wrote them on its Lease; {} where it wrote none. */
export function load(lease) {
  try {
    return JSON.parse(lease.metadata.annotations["wherry.dev/load"]);
  } catch {
    return {};
  }
}

/** {kind, ready, wanted, tone, text} of a workload. */
export function rollout(workload) {
  const { kind, ready, wanted, updated } = COUNTS[workload.kind](workload);
  if (kind === "Job" && condition(workload, "Failed")?.status === "True") return { kind, ready, wanted, tone: "bad", text: "Failed" };
  if (kind === "Job" && condition(workload, "Complete")?.status === "True") return { kind, ready, wanted, tone: "done", text: "Complete" };
  const stuck = condition(workload, "Progressing");
  if (stuck?.status === "False") return { kind, ready, wanted, tone: "bad", text: stuck.reason };
  if (ready < wanted) return { kind, ready, wanted, tone: "soon", text: `${wanted - ready} not ready` };
  if (updated != null && updated < wanted) return { kind, ready, wanted, tone: "soon", text: `${updated} of ${wanted} updated` };
  return { kind, ready, wanted, tone: wanted ? "good" : "done", text: wanted ? "Ready" : "Scaled to 0" };
}

const COUNTS = {
  Deployment: scaled,
  StatefulSet: scaled,
  DaemonSet: ({ kind, status = {} }) => ({
    kind,
    ready: status.numberReady ?? 0,
    wanted: status.desiredNumberScheduled ?? 0,
    updated: status.updatedNumberScheduled ?? 0,
  }),
  Job: ({ kind, spec, status = {} }) => ({ kind, ready: status.succeeded ?? 0, wanted: spec.completions ?? 1 }),
};

function scaled({ kind, spec, status = {} }) {
  return { kind, ready: status.readyReplicas ?? 0, wanted: spec.replicas ?? 1, updated: status.updatedReplicas ?? 0 };
}

export function images(workload) {
  return (workload.spec.template?.spec.containers ?? []).map((one) => one.image).join(", ");
}

/** When an event was last seen. */
export function lastSeen(event) {
  return event.series?.lastObservedTime || event.lastTimestamp || event.eventTime || event.metadata.creationTimestamp;
}

export const podPath = ({ namespace, name }) => `#/pods/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`;
export const nodePath = (name) => `#/nodes/${encodeURIComponent(name)}`;
