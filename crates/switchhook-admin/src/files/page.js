// The page can be read without this script. The script updates it, counts seconds, and sends forms.
"use strict";

const live = document.getElementById("live");
let loaded = Date.now();
let loading = false;
let stream = null;

// Returns a duration in one unit, as the server writes it.
const whole = (ms) => {
  const s = Math.floor(Math.max(0, ms) / 1000);
  return s < 100 ? `${s}\u00a0s` : s < 6000 ? `${Math.floor(s / 60)}\u00a0min` : `${Math.floor(s / 3600)}\u00a0h`;
};

// Counts the seconds between two updates.
const count = () => {
  const passed = Date.now() - loaded;
  for (const one of document.querySelectorAll("[data-since]")) one.textContent = whole(Number(one.dataset.since) + passed);
  for (const one of document.querySelectorAll("[data-left]")) one.textContent = whole(Number(one.dataset.left) - passed);
};

// An update must not destroy what the user types or selects.
const busy = () => {
  const main = document.getElementById("main");
  const at = document.activeElement;
  const writes = main.contains(at) && at.matches("input, select, textarea");
  const marked = window.getSelection();
  const result = main.querySelector(".result:not(:empty)");
  // A page with a form to fill in is never updated.
  const filled = main.querySelector("form.try");
  return writes || result || filled || (!marked.isCollapsed && main.contains(marked.anchorNode));
};

const show = (text) => {
  const next = new DOMParser().parseFromString(text, "text/html");
  const [old, main] = [document.getElementById("main"), next.getElementById("main")];
  if (!main) return;
  const at = document.activeElement;
  const address = old.contains(at) && at.matches("a[href]") ? at.getAttribute("href") : null;
  const open = [...old.querySelectorAll("details[open]")].map((one) => one.id);
  old.replaceChildren(...main.childNodes);
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  document.querySelector("header > .pill").replaceWith(next.querySelector("header > .pill"));
  loaded = Date.now();
  if (address) old.querySelector(`a[href="${CSS.escape(address)}"]`)?.focus({ preventScroll: true });
};

// Where the updates come from: the stream, or questions in its place.
const STREAM = "Updates itself.";
const ASKS = "Asks every 5 seconds: the updates do not come through. A proxy may hold them back.";
const changes = new URL("../changes", document.currentScript.src);
let [heard, asked] = [Date.now(), 0];

const load = async (source) => {
  if (loading || busy()) return;
  loading = true;
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (answer.status === 401) return location.reload();
    if (answer.ok && !busy()) show(await answer.text());
    live.textContent = source;
  } catch {
    live.textContent = "The service does not answer.";
  } finally {
    loading = false;
  }
};

const listen = () => {
  // A page that nobody may see is not updated.
  if (!document.querySelector("nav")) return;
  stream?.close();
  stream = new EventSource(changes);
  const hears = () => { heard = Date.now(); live.textContent = STREAM; };
  stream.addEventListener("open", hears);
  stream.addEventListener("changed", () => { hears(); load(STREAM); });
};

// The stream says something every six seconds. If it is silent, the page asks, and the stream goes on trying.
const watch = () => {
  const now = Date.now();
  if (!stream || document.hidden || now - heard < 12000 || now - asked < 5000) return;
  asked = now;
  if (stream.readyState === EventSource.CLOSED) listen();
  load(ASKS);
};

// A form that changes something sends the token, which is kept for this tab only.
const send = async (form) => {
  const [token, result, button] = [form.querySelector("#token"), form.querySelector(".result"), form.querySelector("button")];
  button.disabled = true;
  try {
    const answer = await fetch(form.getAttribute("action"), {
      method: "POST",
      headers: token ? { authorization: `Bearer ${token.value}` } : { "x-csrf-token": form.dataset.token },
      body: new URLSearchParams(new FormData(form)),
    });
    const text = await answer.text();
    if (answer.headers.get("content-type")?.startsWith("text/html")) {
      result.replaceChildren(...new DOMParser().parseFromString(text, "text/html").body.childNodes);
    } else result.textContent = text;
    if (answer.ok && token) sessionStorage.setItem("token", token.value);
    // A replay is sent once; a webhook can be tested again.
    button.disabled = answer.ok && !form.matches(".try");
  } catch {
    result.textContent = "The service does not answer.";
    button.disabled = false;
  }
};

document.addEventListener("submit", (event) => {
  if (!event.target.matches("form[data-token]")) return;
  event.preventDefault();
  send(event.target);
});

for (const token of document.querySelectorAll("#token")) token.value = sessionStorage.getItem("token") ?? "";

// The key "/" goes to the search.
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.target.matches("input, textarea, select")) return;
  event.preventDefault();
  document.getElementById("q").focus();
});

document.addEventListener("visibilitychange", () => {
  if (document.hidden) stream?.close();
  else { listen(); load(live.textContent); }
});

setInterval(() => { count(); watch(); }, 1000);
listen();
