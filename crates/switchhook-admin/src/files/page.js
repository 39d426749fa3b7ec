// The page can be read without this script. The script updates it, counts seconds, and sends forms.
"use strict";

const live = document.getElementById("live");
const main = document.getElementById("main");
const pauseButton = document.getElementById("pause");
const newsButton = document.getElementById("news");
const help = document.getElementById("keys");
let loaded = Date.now();
let loading = false;
let stream = null;
// An update that waits: the page was paused, or in use, when it came.
let waiting = null;
let paused = false;
let pointed = false;

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
  const at = document.activeElement;
  const writes = main.contains(at) && at.matches("input, select, textarea");
  const marked = window.getSelection();
  const result = main.querySelector("form:not(.small) .result:not(:empty)");
  // A page with a form to fill in is never updated.
  const filled = main.querySelector("form.try, input:checked");
  return writes || result || filled || (!marked.isCollapsed && main.contains(marked.anchorNode));
};

// Nothing moves under the pointer, nor under the row that the keys have chosen.
const held = () => paused || pointed || help.open || main.querySelector("[data-key]:focus-within") !== null;

const keys = (root) => [...root.querySelectorAll("[data-key]")].map((one) => one.dataset.key);

const show = (next) => {
  waiting = null;
  newsButton.hidden = true;
  const at = document.activeElement;
  const address = main.contains(at) && at.matches("a[href]") ? at.getAttribute("href") : null;
  const open = [...main.querySelectorAll("details[open]")].map((one) => one.id);
  main.replaceChildren(...next.getElementById("main").childNodes);
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  document.querySelector("header > .pill").replaceWith(next.querySelector("header > .pill"));
  loaded = Date.now();
  ready();
  if (address) main.querySelector(`a[href="${CSS.escape(address)}"]`)?.focus({ preventScroll: true });
};

const receive = (text) => {
  const next = new DOMParser().parseFromString(text, "text/html");
  if (!next.getElementById("main")) return;
  if (!held() && !busy()) return show(next);
  waiting = next;
  const known = new Set(keys(main));
  const fresh = keys(next).filter((key) => !known.has(key)).length;
  newsButton.textContent = `${fresh} new`;
  newsButton.hidden = fresh === 0;
};

// Shows the update that waits, once nothing is in its way.
const release = () => {
  if (waiting && !held() && !busy()) show(waiting);
};

// Where the updates come from: the stream, or questions in its place.
const STREAM = "Updates itself.";
const ASKS = "Asks every 5 seconds: the updates do not come through. A proxy may hold them back.";
const changes = new URL("../changes", document.currentScript.src);
let [heard, asked] = [Date.now(), 0];

const load = async (source) => {
  const every = Number(main.querySelector("[data-every]")?.dataset.every ?? 0);
  if (loading || main.querySelector("form.try") || Date.now() - loaded < every) return;
  loading = true;
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (answer.status === 401) return location.reload();
    if (answer.ok) receive(await answer.text());
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

pauseButton.hidden = false;
pauseButton.addEventListener("click", () => {
  paused = !paused;
  pauseButton.setAttribute("aria-pressed", String(paused));
  release();
});
newsButton.addEventListener("click", () => { if (waiting) show(waiting); });
// A pointer that really moves: a browser also tells of one that lies still over a page that loads.
document.addEventListener("pointermove", (event) => {
  pointed = event.pointerType !== "touch" && Boolean(event.target.closest?.("#main ul, #main table, #main article"));
  if (!pointed) release();
});
document.documentElement.addEventListener("pointerleave", () => { pointed = false; release(); });
help.addEventListener("close", release);
document.addEventListener("focusout", () => setTimeout(release));

// A form that changes something sends the token, which is kept for this tab only.
const send = async (form) => {
  const [token, result, button] = [form.querySelector(".token"), form.querySelector(".result"), form.querySelector("button")];
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
    else form.classList.remove("known");
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

document.addEventListener("change", (event) => {
  if (event.target.matches("select[data-auto]")) event.target.form.submit();
});

// Fills in the token that is known, so that a small form is only its button.
const ready = () => {
  const token = sessionStorage.getItem("token");
  for (const one of token ? document.querySelectorAll(".token") : []) {
    one.value = token;
    one.form.classList.add("known");
  }
};

// Moves to the next row, or to the one before.
const step = (by) => {
  const rows = [...main.querySelectorAll("[data-key]")];
  const at = rows.findIndex((row) => row.contains(document.activeElement));
  const row = rows[at < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, at + by))];
  row?.querySelector("a.parties")?.focus();
  row?.scrollIntoView({ block: "nearest" });
};

const actions = {
  "/": () => document.getElementById("q").focus(),
  "?": () => help.showModal(),
  j: () => step(1),
  k: () => step(-1),
  p: () => pauseButton.click(),
  Escape: () => document.activeElement.blur(),
};

document.addEventListener("keydown", (event) => {
  const writes = event.target.matches("input:not([type=checkbox]), textarea, select");
  if (event.ctrlKey || event.metaKey || event.altKey || help.open || (writes && event.key !== "Escape")) return;
  const action = Object.hasOwn(actions, event.key) ? actions[event.key] : null;
  if (!action) return;
  event.preventDefault();
  action();
});

document.addEventListener("visibilitychange", () => {
  if (document.hidden) stream?.close();
  else { listen(); load(live.textContent); }
});

setInterval(() => { count(); watch(); }, 1000);
ready();
listen();
