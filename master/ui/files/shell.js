// A shell in a container, line by line: exec over a WebSocket, as kubectl does it (v5.channel.k8s.io).

import { podUrl, socket } from "./api.js";
import { h } from "./dom.js";
import { append } from "./log.js";

const STDIN = 0;
const ERROR = 3;

export function shell(namespace, pod, containers, ending) {
  const choice = h("select", {}, containers.map((name) => h("option", {}, name)));
  const program = h("input", { value: "sh", size: "12" });
  const output = h("pre", { class: "log", tabindex: "0", role: "log", "aria-label": "Shell" });
  const line = h("input", { class: "line", disabled: true, autocomplete: "off", autocapitalize: "off", spellcheck: "false", "aria-label": "Line for the shell" });
  let link = null;

  const end = () => {
    link?.close();
    link = null;
    line.disabled = true;
  };
  const begin = (event) => {
    event.preventDefault();
    end();
    output.textContent = "";
    const query = new URLSearchParams({ container: choice.value, stdin: true, stdout: true, stderr: true, tty: false });
    for (const word of program.value.split(" ").filter(Boolean)) query.append("command", word);
    link = talk(podUrl(namespace, pod, `exec?${query}`), output, line, end);
  };
  const send = (event) => {
    event.preventDefault();
    if (!link || line.disabled) return;
    append(output, `$ ${line.value}\n`);
    link.send(new Uint8Array([STDIN, ...new TextEncoder().encode(`${line.value}\n`)]));
    line.value = "";
  };
  ending.addEventListener("abort", end);
  const controls = h("form", { class: "controls", onsubmit: begin }, h("label", {}, "Container ", choice), h("label", {}, "Program ", program), h("button", {}, "Start"));
  return h("section", {}, h("h2", {}, "Shell"), controls, output, h("form", { onsubmit: send }, line));
}

function talk(path, output, line, end) {
  const link = socket(path, "v5.channel.k8s.io");
  const decoder = new TextDecoder();
  link.binaryType = "arraybuffer";
  link.onopen = () => {
    line.disabled = false;
    line.focus();
  };
  link.onmessage = ({ data }) => {
    const bytes = new Uint8Array(data);
    const text = decoder.decode(bytes.subarray(1), { stream: true });
    append(output, bytes[0] === ERROR ? outcome(text) : text);
  };
  link.onclose = ({ code, reason }) => {
    if (line.disabled) append(output, `The shell could not be started${reason ? `: ${reason}` : ""} (${code}).\n`);
    end();
  };
  return link;
}

function outcome(text) {
  const status = JSON.parse(text);
  return status.status === "Success" ? "\nIt ended.\n" : `\n${status.message}\n`;
}
