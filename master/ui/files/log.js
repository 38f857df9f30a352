// The log of a container, followed while the view is open.

import { open, podUrl, texts } from "./api.js";
import { h } from "./dom.js";

const TAIL = 500;
const AGAIN = 2_000; // milliseconds
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
    const path = podUrl(namespace, pod, `log?${query}`);
    while (!signal.aborted) {
      try {
        const response = await open(path, { signal, headers: { Accept: "*/*" } });
        output.textContent = "";
        for await (const text of texts(response)) append(output, text);
        return;
      } catch (error) {
        if (signal.aborted) return;
        output.textContent = `${error.message}\n`; // it may be about to start
        await new Promise((resolve) => setTimeout(resolve, AGAIN));
      }
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
