// Mirrors of what the cluster holds, kept by watches; views hear of changes once a frame, by key.

import { follow } from "./api.js";

const KINDS = {
  nodes: "/api/v1/nodes",
  leases: "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases",
  pods: "/api/v1/pods",
  events: "/api/v1/events",
  deployments: "/apis/apps/v1/deployments",
  statefulsets: "/apis/apps/v1/statefulsets",
  daemonsets: "/apis/apps/v1/daemonsets",
  jobs: "/apis/batch/v1/jobs",
};
const KIND_NAMES = { deployments: "Deployment", statefulsets: "StatefulSet", daemonsets: "DaemonSet", jobs: "Job" };

export const WORKLOADS = Object.keys(KIND_NAMES);

export const keyOf = ({ metadata: { namespace, name } }) => (namespace ? `${namespace}/${name}` : name);

/** Without what no view shows: ten thousand pods have to fit into a phone. */
function trimmed(name, object) {
  delete object.metadata.managedFields;
  if (name !== "leases") delete object.metadata.annotations;
  if (name === "pods") object.spec = { nodeName: object.spec.nodeName };
  if (KIND_NAMES[name]) object.kind = KIND_NAMES[name];
  return object;
}

class Mirror {
  constructor(name, heard) {
    this.name = name;
    this.items = new Map();
    this.loaded = false;
    this.trouble = null;
    this.heard = heard;
    this.dirty = new Set();
    this.told = new Set();
  }

  begin() {
    this.trouble = null;
    this.told = new Set();
    this.listing = true;
  }

  event(type, object) {
    const key = this.name === "leases" ? object.metadata.name : keyOf(object);
    if (type === "DELETED") this.items.delete(key);
    else this.items.set(key, trimmed(this.name, object));
    if (this.listing) this.told.add(key);
    this.dirty.add(key);
    this.heard();
  }

  /** The state was told to its end: what it did not name has gone meanwhile. */
  whole() {
    for (const key of this.items.keys()) {
      if (this.told.has(key)) continue;
      this.items.delete(key);
      this.dirty.add(key);
    }
    this.listing = false;
    this.loaded = true;
    this.heard();
  }

  failed(error) {
    this.trouble = error;
    this.heard();
  }
}

export class Cluster {
  constructor() {
    this.ending = new AbortController();
    this.listeners = new Set();
    this.waiting = false;
    for (const name of Object.keys(KINDS)) this[name] = new Mirror(name, () => this.changed());
  }

  start() {
    for (const [name, path] of Object.entries(KINDS)) {
      const mirror = this[name];
      const heard = {
        begin: () => mirror.begin(),
        event: (type, object) => mirror.event(type, object),
        whole: () => mirror.whole(),
        trouble: (error) => mirror.failed(error),
      };
      follow(path, heard, this.ending.signal);
    }
  }

  stop() {
    this.ending.abort();
    this.listeners.clear();
  }

  /** `listener(dirty)` hears, at most once a frame, what changed: {kind: set of keys}. */
  listen(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  changed() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      const dirty = {};
      for (const name of Object.keys(KINDS)) {
        dirty[name] = this[name].dirty;
        this[name].dirty = new Set();
      }
      for (const listener of this.listeners) listener(dirty);
    });
  }

  /** What keeps the page from being true: the first kind that does not load, and why. */
  get trouble() {
    return Object.keys(KINDS).map((name) => this[name]).find((mirror) => mirror.trouble);
  }
}
