// The log of a container, followed while the view is open.

import { open, texts } from "./api.js";
import { h } from "./dom.js";

const TAIL = 500;
const KEPT = 400_000; // characters; what is older scrolls away

export function log(namespace, pod, containers, ending) {
  const choice = h("select", {}, containers.map((name) => h("option", {}, name)));
  const previous = h("input", { type: "checkbox" });
  const output = h("pre", { class: "log", tabindex: "0", role: "log", "aria-label": "Log" });
  let reading = new AbortController();

  const read = async () => {
    reading.abort();
    reading = new AbortController();
    const signal = AbortSignal.any([ending, reading.signal]);
    output.textContent = "";
    const query = new URLSearchParams({ container: choice.value, tailLines: TAIL, follow: !previous.checked, previous: previous.checked });
    try {
      const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(pod)}/log?${query}`;
      for await (const text of texts(await open(path, { signal, headers: { Accept: "*/*" } }))) append(output, text);
    } catch (error) {
      if (!signal.aborted) append(output, `${error.message}\n`);
    }
  };
  choice.addEventListener("change", read);
  previous.addEventListener("change", read);
  read();
  const controls = h("p", { class: "controls" }, h("label", {}, "Container ", choice), h("label", {}, previous, " before its last restart"));
  return h("section", {}, h("h2", {}, "Log"), controls, output);
}

/** Stays at the end where the reader is at the end. */
export function append(output, text) {
  const atEnd = output.scrollTop + output.clientHeight >= output.scrollHeight - 4;
  output.append(text);
  while (output.childNodes.length > 1 && output.textContent.length > KEPT) output.firstChild.remove();
  if (atEnd) output.scrollTop = output.scrollHeight;
}
