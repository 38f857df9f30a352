// The map: a card for each node with its load, a tile for each pod.  A change touches its own tile or card only.

import { h, keep, say } from "./dom.js";
import { GLYPHS, address, load, nodePath, nodeState, podPath, podState } from "./words.js";

const METERS = [
  ["cpu", "CPU"],
  ["memory", "memory"],
  ["disk", "disk"],
];
const HIGH = 0.9;
const UNPLACED = "";

export function map(root, cluster) {
  const summary = h("p", { class: "summary", "aria-live": "polite" });
  const cards = h("div", { class: "cards" });
  root.append(h("h1", {}, "Map"), summary, cards);
  const places = new Map(); // node's name → its card
  const tiles = new Map(); // pod's key → its tile

  let ordered = true;

  const place = (name) => {
    if (!places.has(name)) {
      places.set(name, card(name));
      ordered = false;
    }
    return places.get(name);
  };

  const showPod = (key) => {
    const pod = cluster.pods.items.get(key);
    const tile = tiles.get(key);
    if (!pod) {
      tile?.remove();
      tiles.delete(key);
      return;
    }
    const shown = tile ?? h("a", { href: podPath(pod.metadata) });
    tiles.set(key, shown);
    const { tone, text } = podState(pod);
    shown.className = `tile ${tone}`;
    shown.title = `${key}: ${text}`;
    shown.setAttribute("aria-label", shown.title);
    say(shown, GLYPHS[tone]);
    const home = place(pod.spec.nodeName ?? UNPLACED).tiles;
    if (shown.parentNode !== home) home.append(shown);
  };

  const draw = (dirty) => {
    for (const name of dirty.nodes) if (cluster.nodes.items.has(name)) place(name);
    for (const key of dirty.pods) showPod(key);
    for (const name of new Set([...dirty.nodes, ...dirty.leases])) {
      if (places.has(name)) places.get(name).show(cluster.nodes.items.get(name), cluster.leases.items.get(name));
    }
    for (const [name, { element, tiles, count }] of places) {
      const known = cluster.nodes.items.has(name);
      if (!known && !tiles.childElementCount) {
        element.remove();
        places.delete(name);
      }
      if (dirty.pods.size) say(count, `${tiles.childElementCount} pods`);
    }
    if (!ordered) cards.append(...inOrder(places));
    ordered = true;
    say(summary, summed(cluster));
  };
  const all = (mirror) => new Set(mirror.items.keys());
  draw({ nodes: all(cluster.nodes), leases: all(cluster.leases), pods: all(cluster.pods) });
  return cluster.listen(draw);
}

function summed(cluster) {
  if (!cluster.pods.loaded && !cluster.nodes.loaded) return "Loading…";
  const nodes = [...cluster.nodes.items.values()].map((node) => nodeState(node).tone);
  const pods = [...cluster.pods.items.values()].map((pod) => podState(pod).tone);
  const count = (tones, tone) => tones.filter((one) => one === tone).length;
  const parts = [`${nodes.length - count(nodes, "bad")} of ${nodes.length} nodes ready`, `${pods.length} pods`];
  if (count(pods, "bad")) parts.push(`${count(pods, "bad")} in trouble`);
  if (count(pods, "soon")) parts.push(`${count(pods, "soon")} on their way`);
  return parts.join(" · ");
}

function card(name) {
  const title = h("h2", {}, name === UNPLACED ? "Not placed yet" : h("a", { href: nodePath(name) }, name));
  const state = h("span", { class: "badge" });
  const about = h("p", { class: "about" });
  const meters = h("div", { class: "meters" });
  const count = h("p", { class: "count" });
  const tiles = h("div", { class: "tiles", role: "group", "aria-label": `pods ${name ? `on ${name}` : "without a node"}` });
  const element = h("section", { class: "card" }, h("div", { class: "head" }, title, state), about, meters, count, tiles);
  const show = (node, lease) => {
    if (!node) return;
    const { tone, text } = nodeState(node);
    state.className = `badge ${tone}`;
    say(state, text);
    const { architecture = "", osImage = "" } = node.status?.nodeInfo ?? {};
    say(about, [address(node), architecture, osImage].filter(Boolean).join(" · "));
    measure(meters, lease ? load(lease) : {});
  };
  return { element, tiles, count, show };
}

function measure(meters, shares) {
  const rows = METERS.filter(([key]) => shares[key] != null).map(([key, label]) => ({ key, label, share: shares[key] }));
  keep(
    meters,
    rows,
    ({ key }) => key,
    ({ label }) => h("label", {}, h("span", {}, label), h("meter", { min: 0, max: 1, high: HIGH, optimum: 0 }), h("output")),
    (element, { share }) => {
      element.children[1].value = share;
      say(element.children[2], `${Math.round(share * 100)} %`);
    },
  );
  const degrees = shares.temperature == null ? "" : `${Math.round(shares.temperature)} °C`;
  if (meters.title !== degrees) meters.title = degrees;
}

function inOrder(places) {
  const { compare } = new Intl.Collator("en", { numeric: true });
  return [...places].sort(([a], [b]) => compare(a, b)).map(([, { element }]) => element);
}
