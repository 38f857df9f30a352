// One node, one pod: what is known of it, its events; of a pod also its log and a shell in it.

import { follow } from "./api.js";
import { h, row, say, table } from "./dom.js";
import { eventTable } from "./tables.js";
import { log } from "./log.js";
import { shell } from "./shell.js";
import { address, age, condition, nodePath, nodeState, podPath, podState, restarts } from "./words.js";

export function node(root, cluster, name) {
  const state = h("span", { class: "badge" });
  const facts = h("dl");
  const conditions = table("Conditions", ["Condition", "Status", "Reason", "Message", "Since"]);
  const pods = table("Pods", ["Namespace", "Pod", "State", "Restarts", "Age"]);
  const events = eventTable();
  root.append(h("h1", {}, `Node ${name} `, state), facts, h("h2", {}, "Conditions"), conditions.element);
  root.append(h("h2", {}, "Pods"), pods.element, h("h2", {}, "Events"), events.element);
  const draw = (dirty) => {
    const found = cluster.nodes.items.get(name);
    if (!found) return say(state, cluster.nodes.loaded ? "there is no such node" : "");
    if (!dirty || dirty.nodes.has(name)) showNode(found, state, facts, conditions.body);
    if (!dirty || dirty.pods.size) {
      const here = [...cluster.pods.items.values()].filter((pod) => pod.spec.nodeName === name);
      pods.body.replaceChildren(...here.map(podRow));
    }
    if (!dirty || dirty.events.size) events.show(eventsAbout(cluster, "Node", undefined, name));
  };
  draw();
  return cluster.listen(draw);
}

function showNode(found, state, facts, conditions) {
  tell(state, nodeState(found));
  const info = found.status?.nodeInfo ?? {};
  const { cpu, memory, pods } = found.status?.allocatable ?? {};
  describe(facts, {
    Address: address(found),
    System: [info.osImage, info.kernelVersion, info.architecture].filter(Boolean).join(" · "),
    Runtime: [info.containerRuntimeVersion, info.kubeletVersion].filter(Boolean).join(" · "),
    "Room for pods": `${cpu} CPU, ${memory} memory, ${pods} pods`,
    Taints: (found.spec?.taints ?? []).map((taint) => `${taint.key}:${taint.effect}`).join(", ") || "none",
    Age: age(found.metadata.creationTimestamp),
  });
  const rows = (found.status?.conditions ?? []).map((one) => [one.type, one.status, one.reason, one.message, age(one.lastTransitionTime)]);
  conditions.replaceChildren(...rows.map((cells) => row(cells.map((cell) => cell ?? ""))));
}

function podRow(pod) {
  const { namespace, name, creationTimestamp } = pod.metadata;
  return row([namespace, [name, podPath(pod.metadata)], podState(pod).text, String(restarts(pod)), age(creationTimestamp)]);
}

export function pod(root, cluster, namespace, name) {
  const state = h("span", { class: "badge" });
  const why = h("p", { class: "why" });
  const facts = h("dl");
  const containers = table("Containers", ["Container", "Image", "State", "Ready", "Restarts"]);
  const events = eventTable();
  const streams = h("div");
  root.append(h("h1", {}, `Pod ${namespace}/${name} `, state), why, facts, h("h2", {}, "Containers"), containers.element);
  root.append(streams, h("h2", {}, "Events"), events.element);
  const ending = new AbortController();
  let shown = false;
  const show = (found) => {
    showPod(found, state, why, facts, containers.body);
    if (shown || !found.spec.nodeName) return;
    shown = true;
    const names = [...found.spec.containers, ...(found.spec.initContainers ?? [])].map((one) => one.name);
    streams.append(log(namespace, name, names, ending.signal), shell(namespace, name, names, ending.signal));
  };
  const heard = {
    begin() {},
    event(type, object) {
      if (type === "DELETED") tell(state, { tone: "leaving", text: "gone" });
      else show(object);
    },
    whole() {},
    trouble: (error) => say(why, error.message),
  };
  const field = encodeURIComponent(`metadata.name=${name}`);
  follow(`/api/v1/namespaces/${encodeURIComponent(namespace)}/pods?fieldSelector=${field}`, heard, ending.signal);
  const draw = (dirty) => (!dirty || dirty.events.size) && events.show(eventsAbout(cluster, "Pod", namespace, name));
  draw();
  const forget = cluster.listen(draw);
  return () => {
    forget();
    ending.abort();
  };
}

function showPod(found, state, why, facts, containers) {
  const { spec, status = {}, metadata } = found;
  tell(state, podState(found));
  say(why, condition(found, "PodScheduled")?.message ?? status.message ?? "");
  describe(facts, {
    Node: spec.nodeName ? h("a", { href: nodePath(spec.nodeName) }, spec.nodeName) : "none yet",
    Address: status.podIP ?? "none yet",
    "Controlled by": (metadata.ownerReferences ?? []).map((owner) => `${owner.kind} ${owner.name}`).join(", ") || "nobody",
    Labels: Object.entries(metadata.labels ?? {}).map(([key, value]) => `${key}=${value}`).join(", ") || "none",
    Age: age(metadata.creationTimestamp),
  });
  const seen = new Map([...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])].map((one) => [one.name, one]));
  const rows = [...(spec.initContainers ?? []), ...spec.containers].map((one) => containerRow(one, seen.get(one.name)));
  containers.replaceChildren(...rows);
}

function containerRow({ name, image }, status) {
  const [phase, detail] = Object.entries(status?.state ?? {})[0] ?? ["waiting", {}];
  const text = [detail.reason ?? phase, detail.message].filter(Boolean).join(": ");
  return row([name, image, text, status?.ready ? "yes" : "no", String(status?.restartCount ?? 0)]);
}

function eventsAbout(cluster, kind, namespace, name) {
  return [...cluster.events.items.values()].filter(({ involvedObject: about = {} }) => {
    return about.kind === kind && about.name === name && (!namespace || about.namespace === namespace);
  });
}

function tell(badge, { tone, text }) {
  badge.className = `badge ${tone}`;
  say(badge, text);
}

function describe(list, facts) {
  list.replaceChildren(...Object.entries(facts).flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}
