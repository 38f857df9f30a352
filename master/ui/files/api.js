// Asks the API as whoever signed in: by a token, or by the client certificate that the browser shows.

const TOKEN = "wherry-token"; // for this tab only: gone when it closes
const FIRST_WAIT = 500;
const LONGEST_WAIT = 15_000;

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export const session = {
  get token() {
    return sessionStorage.getItem(TOKEN) ?? "";
  },
  signIn(token) {
    sessionStorage.setItem(TOKEN, token);
  },
  signOut() {
    sessionStorage.removeItem(TOKEN);
  },
};

export async function open(path, options = {}) {
  const headers = { Accept: "application/json", ...options.headers };
  if (session.token) headers.Authorization = `Bearer ${session.token}`;
  const response = await fetch(path, { ...options, headers, cache: "no-store" });
  if (!response.ok) throw new Refused(response.status, await reason(response));
  return response;
}

export async function ask(path, options) {
  return (await open(path, options)).json();
}

export function post(path, body) {
  return ask(path, { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } });
}

async function reason(response) {
  const text = await response.text();
  try {
    return JSON.parse(text).message || response.statusText;
  } catch {
    return text || response.statusText;
  }
}

export async function* texts(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}

/**
 * Follows a collection until `signal`: `heard.begin()` before its whole state, `heard.event(type, object)` for each object
 * of it and for each change, `heard.whole()` once the state has been told, `heard.trouble(error)` when the link fails.
 *
 * Each watch is a WebSocket: of HTTP connections a browser holds six to a server, and no more.
 */
export async function follow(path, heard, signal) {
  let wait = FIRST_WAIT;
  while (!signal.aborted) {
    try {
      await listen(path, heard, signal);
      wait = FIRST_WAIT;
    } catch (error) {
      if (signal.aborted) return;
      heard.trouble(error);
      if (error.status === 401 || error.status === 403) wait = LONGEST_WAIT;
    }
    await new Promise((resolve) => setTimeout(resolve, wait * (0.75 + Math.random() / 2)));
    wait = Math.min(2 * wait, LONGEST_WAIT);
  }
}

async function listen(path, heard, signal) {
  const joined = `${path}${path.includes("?") ? "&" : "?"}`;
  const link = socket(`${joined}watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`, "watch");
  const leave = () => link.close();
  signal.addEventListener("abort", leave);
  try {
    const failed = await new Promise((resolve) => {
      link.onopen = () => heard.begin();
      link.onmessage = ({ data }) => tell(JSON.parse(data), heard, resolve);
      link.onclose = ({ code }) => resolve(code === 1000 ? null : new Refused(0, "the link to the master is lost"));
    });
    if (failed?.status === 0 && !signal.aborted) await open(`${joined}limit=1`, { signal }); // a browser does not say why
    if (failed) throw failed;
  } finally {
    signal.removeEventListener("abort", leave);
    leave();
  }
}

function tell({ type, object }, heard, end) {
  if (type === "ERROR") end(new Refused(object.code, object.message));
  else if (type !== "BOOKMARK") heard.event(type, object);
  else if (object.metadata.annotations?.["k8s.io/initial-events-end"]) heard.whole();
}

/** The path of a pod's subresource, such as its log. */
export function podUrl(namespace, pod, subresource) {
  return `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(pod)}/${subresource}`;
}

/** A WebSocket to a path of the API; a browser cannot give it a header, so the token goes among the protocols. */
export function socket(path, protocol) {
  const secret = session.token && `base64url.bearer.authorization.k8s.io.${base64url(session.token)}`;
  return new WebSocket(`wss://${location.host}${path}`, [protocol, secret].filter(Boolean));
}

function base64url(text) {
  const bytes = String.fromCharCode(...new TextEncoder().encode(text));
  return btoa(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
