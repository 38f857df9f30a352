// Begins: who is looking, and which view the address asks for.

import { ask, post, session } from "./api.js";
import { Cluster } from "./cluster.js";
import { node, pod } from "./details.js";
import { h, say } from "./dom.js";
import { map } from "./map.js";
import { events, workloads } from "./tables.js";

const PLACES = [
  ["", "Map", map],
  ["workloads", "Workloads", workloads],
  ["events", "Events", events],
];
const REVIEW = { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" };

const main = document.getElementById("main");
const places = document.getElementById("places");
const link = document.getElementById("link");
const who = document.getElementById("who");
let cluster = null;
let leave = () => {};

async function begin(complaint = "") {
  try {
    const review = await post("/apis/authentication.k8s.io/v1/selfsubjectreviews", REVIEW);
    const { username } = review.status.userInfo;
    if (username === "system:anonymous") throw new Error("");
    enter(username);
  } catch (error) {
    if (session.token) complaint = `That token was refused: ${error.message}`;
    session.signOut();
    signIn(complaint);
  }
}

function signIn(complaint) {
  const token = h("textarea", { id: "token", rows: "4", required: true, autocomplete: "off", spellcheck: "false", "aria-describedby": "hint" });
  const submit = (event) => {
    event.preventDefault();
    session.signIn(token.value.trim());
    begin();
  };
  const form = h(
    "form",
    { class: "sign-in", onsubmit: submit },
    h("h1", {}, "Sign in"),
    h("p", { id: "hint" }, "With a token: ", h("code", {}, "master ui"), " on the master prints one, and so does ", h("code", {}, "kubectl create token"), ". A client certificate that the browser shows needs none."),
    h("p", { role: "alert", class: "complaint" }, complaint),
    h("label", { for: "token" }, "Token"),
    token,
    h("button", {}, "Sign in"),
  );
  main.replaceChildren(form);
  token.focus();
}

function enter(username) {
  cluster = new Cluster();
  cluster.listen(showLink);
  places.replaceChildren(...PLACES.map(([path, label]) => h("a", { href: `#/${path}` }, label)));
  who.replaceChildren(h("span", { title: username }, username.replace("system:serviceaccount:", "")), h("button", { onclick: signOut, hidden: !session.token }, "Sign out"));
  cluster.start();
  ask("/version").then(({ gitVersion }) => who.setAttribute("title", gitVersion));
  show();
}

function signOut() {
  session.signOut();
  location.hash = "";
  location.reload();
}

function showLink() {
  const { trouble } = cluster;
  if (trouble?.trouble.status === 401) return signOut();
  say(link, trouble ? `${trouble.name}: ${trouble.trouble.message}` : "live");
  link.className = trouble ? "bad" : "good";
}

function show() {
  if (!cluster) return;
  leave();
  const [place = "", ...names] = location.hash.replace(/^#\//, "").split("/").map(decodeURIComponent);
  const root = h("div", { class: "view" });
  main.replaceChildren(root);
  if (place === "nodes") leave = node(root, cluster, ...names);
  else if (place === "pods") leave = pod(root, cluster, ...names);
  else leave = (PLACES.find(([path]) => path === place) ?? PLACES[0])[2](root, cluster);
  document.title = `${root.querySelector("h1").firstChild.textContent.trim()} · wherry`;
  for (const one of places.children) {
    if (one.getAttribute("href") === `#/${place}`) one.setAttribute("aria-current", "page");
    else one.removeAttribute("aria-current");
  }
}

addEventListener("hashchange", () => {
  show();
  main.focus();
});
begin();
