// Workloads and events as tables; each row is kept while its object lives.

import { h, keep, say, table } from "./dom.js";
import { WORKLOADS, keyOf } from "./cluster.js";
import { age, images, lastSeen, podPath, rollout } from "./words.js";

const SHOWN_EVENTS = 300;

export function workloads(root, cluster) {
  const { body, element } = table("Workloads", ["Kind", "Namespace", "Name", "Ready", "State", "Images", "Age"]);
  root.append(h("h1", {}, "Workloads"), element);
  const draw = (dirty) => {
    if (dirty && !WORKLOADS.some((name) => dirty[name].size)) return;
    const found = WORKLOADS.flatMap((name) => [...cluster[name].items.values()]).map((one) => ({ one, ...rollout(one) }));
    found.sort((a, b) => (keyOf(a.one) < keyOf(b.one) ? -1 : 1));
    keep(body, found, ({ kind, one }) => `${kind} ${keyOf(one)}`, workloadRow, showWorkload);
  };
  draw();
  return cluster.listen(draw);
}

function workloadRow({ kind, one: { metadata } }) {
  const progress = h("progress", { "aria-label": `ready of ${kind} ${metadata.name}` });
  const ready = h("td", {}, progress, " ", h("span"));
  return h("tr", {}, h("td", {}, kind), h("td", {}, metadata.namespace), h("th", { scope: "row" }, metadata.name), ready, h("td", {}, h("span")), h("td"), h("td"));
}

function showWorkload(element, { one, ready, wanted, tone, text }) {
  const cells = element.children;
  const [progress, count] = cells[3].children;
  progress.max = Math.max(wanted, 1);
  progress.value = wanted ? ready : 1;
  say(count, `${ready}/${wanted}`);
  cells[4].firstChild.className = `badge ${tone}`;
  say(cells[4].firstChild, text);
  say(cells[5], images(one));
  say(cells[6], age(one.metadata.creationTimestamp));
}

export function events(root, cluster) {
  const view = eventTable();
  root.append(h("h1", {}, "Events"), view.element);
  const draw = (dirty) => (!dirty || dirty.events.size) && view.show([...cluster.events.items.values()]);
  draw();
  return cluster.listen(draw);
}

export function eventTable() {
  const { body, element } = table("Events", ["Last seen", "Type", "Reason", "About", "Message", "Times"]);
  const show = (found) => {
    const newest = found.sort((a, b) => (lastSeen(a) < lastSeen(b) ? 1 : -1)).slice(0, SHOWN_EVENTS);
    keep(body, newest, keyOf, () => h("tr", {}, ...Array.from({ length: 6 }, () => h("td"))), showEvent);
  };
  return { element, show };
}

function showEvent(element, event) {
  const cells = element.children;
  const { kind = "", namespace, name = "" } = event.involvedObject ?? {};
  element.className = event.type === "Warning" ? "warning" : "";
  say(cells[0], age(lastSeen(event)));
  say(cells[1], event.type ?? "");
  say(cells[2], event.reason ?? "");
  if (!cells[3].firstChild) cells[3].append(kind === "Pod" ? h("a", { href: podPath({ namespace, name }) }, `${kind} ${name}`) : `${kind} ${name}`);
  say(cells[4], event.message ?? "");
  say(cells[5], String(event.series?.count ?? event.count ?? 1));
}
